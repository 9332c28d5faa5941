/**
 * The journal of a context: each outcome is on disk before it is delivered, so that a script that is started again runs
 * only what is missing. What a line holds is in `journal_lines.ts`.
 *
 * @module
 */

import { jsonOf } from "../../wire/codec.ts";
import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import {
  argumentsOf,
  type Code,
  codeOf,
  type CodeReference,
  describeCode,
  type EncodedArguments,
  type Task,
} from "../../task.ts";
import { AbortError } from "../../errors.ts";
import { messageOf } from "../../message_of.ts";
import { ArgumentList } from "../argument_list.ts";
import { argumentsText, digestOf, type StartupDigest } from "./arguments_text.ts";
import { digestsOf, modulesOf } from "./code_files.ts";
import { CodeHistory } from "./code_history.ts";
import { FulfilledOutcomes } from "../board/fulfilled_outcomes.ts";
import { JournalError, JournalFile, type LinePlace } from "./journal_file.ts";
import { JournalIndex } from "./journal_index.ts";
import {
  droppedLine,
  type FilesLine,
  isJournalLine,
  type OpenedLine,
  outcomeLine,
  resultsLine,
  sentLines,
  toOutcome,
} from "./journal_lines.ts";
import { followCode, followMove } from "./moved_script.ts";
import { TaskIds } from "../task_ids.ts";
import type { Outcome, Outcomes } from "../outcome.ts";
import { Date } from "../../own_globals.ts";

/** What was sent is written together with the next outcome, or alone when it has more characters than this. */
const MAX_UNWRITTEN_LENGTH = 1024 * 1024;
/**
 * Outcomes are written in groups. After a group of many outcomes the next one begins this much later. It begins sooner when it is
 * full, when no slave has a task any more, or when the journal is closed. To have the disk confirm a group takes 0.2 ms of processor
 * time. Without the wait there would be 700 groups a second, and tasks that do nothing would run at nine tenths of the speed.
 */
const GROUP_INTERVAL_MS = 10;
const MANY_OUTCOMES = 200;
const FULL_GROUP = 8192;
/** So long after a failure it is tried again to write, unless somebody asks. Each try writes all that has gathered. */
const RETRY_INTERVAL_MS = 1000;

/** What the user says of a journal, and its context's startup function. */
export interface JournalUse {
  /** Path of the file; it is made if it is not there. */
  readonly path: string;
  /** Whether tasks that failed run again; by default those whose failure another run may mend. */
  readonly rerunFailed?: boolean;
  /** Whether outcomes of code that has changed since are good. */
  readonly acceptChangedCode?: boolean;
  /** What runs before the tasks. */
  readonly startup?: CodeReference;
  /** The arguments of that. */
  readonly startupArgs?: EncodedArguments;
}

/** Who gets outcomes when they are on disk. */
export interface OutcomeReceiver {
  receive(outcomes: Outcomes): void;
  /** An outcome was delivered that no line can hold. */
  unrecorded(error: JournalError): void;
}

/** Outcomes that are to be delivered when they are on disk. */
export interface Recorded {
  readonly outcomes: Outcomes;
  readonly receiver: OutcomeReceiver;
}

/** How a journal is used. */
export interface JournalOptions extends JournalUse {
  /**
   * Told that the journal cannot be written. It may be tried again: {@linkcode Journal.retry}.
   *
   * @param error Whoever it is thrown to is to be told what to do: see {@linkcode withRemedy}.
   * @param unwritten What is not delivered for that reason, and was not told of before.
   */
  onFailure(error: JournalError, unwritten: readonly Recorded[]): void;
  /** Told what the user is to take care of. */
  onWarning(message: string): void;
  /** Tells how long to gather outcomes; the system's by default. */
  readonly clock?: Clock;
}

/** The journal of one context. */
export class Journal implements AsyncDisposable {
  readonly #options: JournalOptions;
  readonly #clock: Clock;
  readonly #file: JournalFile;
  /** Which code the runs had, the present one included. */
  readonly #codes = new CodeHistory();
  /** What was in the file and has not been asked for. */
  readonly #index = new JournalIndex(this.#codes);
  /** The runs that the journal is of, the present one included. */
  readonly #runs: OpenedLine[] = [];
  /** Where the script was in the run that is being read. */
  #script = Deno.mainModule;
  readonly #functions = new Map<string, number>();
  readonly #functionOf = new Map<Code, number>();
  #functionCount = 0;
  /** Modules whose files have been looked at. */
  readonly #modules = new Set<string>();
  /** What has changed and been warned of. */
  readonly #warned = new Set<string>();
  /** Tasks whose arguments have a line: tasks need not leave in the order of their numbers. */
  readonly #noted = new TaskIds();
  /** Lines to be written, and the outcomes to be delivered when they are. */
  #lines: string[] = [];
  #recorded: Recorded[] = [];
  /** The outcomes of the group that is being written. */
  #underWay: readonly Recorded[] = [];
  /** How many characters the lines to be written have that say what was sent. */
  #unwrittenLength = 0;
  #recordedCount = 0;
  /** How many tasks were sent and are not recorded. */
  #openCount = 0;
  /** Whether lines are to be written though there is no outcome to write. */
  #isUrgent = false;
  #writing: Promise<void> | undefined;
  /** Whether the present write is to be tried once more if it fails. */
  #isRetried = false;
  /** When the last group was begun, and how many outcomes it had. */
  #lastGroup = { beginMs: 0, count: 0 };
  /** When a write failed, as long as none has succeeded since, and nobody has asked to try again. */
  #failedMs: number | undefined;
  /** How many of the outcomes to be written have been told of as unwritten. They are the first ones. */
  #toldCount = 0;
  /** Ends the wait for more outcomes. */
  #endGathering: (() => void) | undefined;
  #isClosing = false;

  /**
   * Opens a journal and reads what is in it.
   *
   * @throws {JournalError} If it is another script's or of another version, is damaged, or another master has it open; or if its
   * outcomes are of another startup, or of one with other arguments.
   */
  constructor(options: JournalOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    const take = (line: object, place: LinePlace) => this.#read(line, place);
    this.#file = new JournalFile(options.path, take, this.#clock);
    if (!this.#file.isLocked) {
      options.onWarning(
        `Nobody else is kept from the journal ${options.path}: its file system has no locks. ` +
          "Do not start the script again before it has ended, or name a file on a disk of this machine",
      );
    }
    const { rerunFailed, acceptChangedCode, startup = null } = options;
    const startupArgs = digestOf(options.startupArgs);
    this.#checkStartup(startup, startupArgs);
    const opened: OpenedLine = {
      opened: new Date().toISOString(),
      script: Deno.mainModule,
      rerunFailed,
      acceptChangedCode,
      startup,
      startupArgs: startupArgs?.digest,
    };
    this.#begin(opened);
    this.#lines.push(jsonOf(opened));
    if (startup !== null) this.#noteFiles(startup);
  }

  /** Whether there are outcomes in it that have not been asked for. */
  get hasRecorded(): boolean {
    return !this.#index.isEmpty;
  }

  /** Whether outcomes of a receiver are being written: it will get them, or be told why not. */
  isWritingFor(receiver: OutcomeReceiver): boolean {
    return this.#writing !== undefined &&
      [...this.#underWay, ...this.#recorded].some((recorded) => recorded.receiver === receiver);
  }

  /**
   * Looks up a task that is being added.
   *
   * @returns Its outcome, if it is in the journal; otherwise the task is to run.
   * @throws {JournalError} If the outcome is damaged.
   */
  find(task: Task): Outcome | undefined {
    if (this.#index.isEmpty) return undefined;
    const number = this.#numberOf(codeOf(task));
    const recorded = this.#index.find(number, argumentsText(argumentsOf(task)));
    if (recorded === undefined) return undefined;
    const { origin } = recorded;
    this.#noteUse(origin.run, number);
    try {
      const note = recorded.status === "rejected" ? this.#failureNote(origin.run) : "";
      return toOutcome(task, recorded, note);
    } catch (cause) {
      throw this.#file.damage(origin, messageOf(cause), cause);
    }
  }

  /**
   * Takes note that tasks of one code go to a slave.
   *
   * @param tasks Some may have gone before.
   * @param args Their arguments.
   */
  noteSent(tasks: readonly Task[], args: ArgumentList): void {
    const isAnyNoted = tasks.some(({ id }) => this.#noted.has(id));
    const sent = isAnyNoted ? tasks.filter(({ id }) => !this.#noted.has(id)) : tasks;
    if (sent.length === 0) return;
    const list = sent === tasks ? args : new ArgumentList(sent.map(argumentsOf));
    for (const line of sentLines(this.#numberOf(codeOf(sent[0])), sent, list)) {
      this.#lines.push(line);
      this.#unwrittenLength += line.length;
    }
    for (const { id } of sent) this.#noted.add(id);
    this.#openCount += sent.length;
  }

  /**
   * Writes the outcomes of tasks, and delivers them when they are on disk. A task that did not run is to run the next time:
   * its outcome is not written.
   *
   * @param receiver Who gets them.
   * @param text What a slave said of just these, as JSON.
   */
  record(outcomes: Outcomes, receiver: OutcomeReceiver, text?: string): void {
    const line = text !== undefined && outcomes instanceof FulfilledOutcomes
      ? resultsLine(outcomes, text)
      : undefined;
    if (line === undefined) {
      for (const outcome of outcomes) this.#recordOne(outcome, receiver);
    } else {
      this.#add(outcomes, receiver, line);
    }
    this.#openCount -= outcomes.length;
    if (this.#isDue && !this.#hasFailed) this.#endGathering?.();
    this.#writeIfMuch();
  }

  /** Takes note that tasks were dropped: they will have no outcome. */
  noteDropped(tasks: readonly Task[]): void {
    const sent = tasks.filter(({ id }) => this.#noted.has(id));
    if (sent.length === 0) return;
    this.#lines.push(droppedLine(sent));
    this.#openCount -= sent.length;
    if (this.#isDue && !this.#hasFailed) this.#endGathering?.();
  }

  /**
   * Tries again to write what could not be written. A write that is under way may have begun before the fault was mended: if it
   * fails, it is tried once more before anybody is told. When the journal has been closed there is nothing to be tried.
   */
  retry(): void {
    if (this.#isClosing && this.#writing === undefined) return;
    this.#isRetried = true;
    this.#failedMs = undefined;
    this.#endGathering?.();
    this.#writeIfMuch();
  }

  /** Writes what is left, also what could not be written before, and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    this.#endGathering?.();
    this.#writeIfMuch();
    await this.#writing;
    this.#file[Symbol.dispose]();
  }

  /** Takes a line of the file; returns whether it is one of a journal. */
  #read(line: object, place: LinePlace): boolean {
    if (!isJournalLine(line)) return false;
    if ("reference" in line) this.#readFunction(line.reference, line.function);
    else if ("files" in line) this.#readFiles(line);
    else if ("opened" in line) this.#begin(line);
    else if ("sent" in line) this.#index.noteSent(line);
    else if ("dropped" in line) this.#index.noteDropped(line);
    else this.#index.noteOutcomes(line, place);
    return true;
  }

  /** What was found of a model is nothing that another one would give. */
  #checkStartup(present: CodeReference | null, presentArgs: StartupDigest | undefined): void {
    for (const { startup, startupArgs, opened, script = Deno.mainModule } of this.#runs) {
      const isOther = startup !== undefined && !this.#options.acceptChangedCode &&
        !isSameStartup(startup, present, script);
      if (!isOther && startupArgs === presentArgs?.digest) continue;
      const isUndivided = !isOther && startupArgs !== undefined &&
        startupArgs === presentArgs?.undivided;
      if (startup === undefined || isUndivided) {
        const unsaid = isUndivided
          ? `how long each array among the startup's arguments was in its run of ${opened}`
          : `which startup its run of ${opened} had`;
        this.#options.onWarning(
          `The journal ${this.#options.path} is of a version that did not say ${unsaid}. ` +
            "If it had other arguments, remove that journal, or name another",
        );
        continue;
      }
      this.#file[Symbol.dispose]();
      const what = isOther
        ? `with another startup: ${nameOf(startup)}, and not ${
          nameOf(present)
        }. Give it the same, name another journal, ` +
          "or, if its outcomes are still good, give the context the option acceptChangedCode: true"
        : "whose startup function had other arguments. Give it the same, or name another journal";
      throw new JournalError(
        `The journal ${this.#options.path} has outcomes of a run, opened ${opened}, ${what}`,
      );
    }
  }

  /** A run begins: one that is read, or the present one. */
  #begin(line: OpenedLine): void {
    const { script = Deno.mainModule, startup } = line;
    this.#runs.push(line);
    this.#script = script;
    const startups = startup === undefined
      ? undefined
      : startup === null
      ? [null]
      : [startup, followCode(startup, script, Deno.mainModule)];
    this.#codes.begin(line, startups);
    this.#index.begin(line);
  }

  /** What is named in a run before a move may have moved with the script, or be where it was. */
  #readFunction(reference: CodeReference, number: number): void {
    const moved = followCode(reference, this.#script, Deno.mainModule);
    const unmoved = jsonOf(reference);
    this.#noteFunction(moved, number);
    if (!this.#functions.has(unmoved)) this.#functions.set(unmoved, number);
  }

  /** As with functions. */
  #readFiles(line: FilesLine): void {
    const follow = (url: string) => followMove(url, this.#script, Deno.mainModule);
    const moved = Object.entries(line.files).map(([file, digest]) => [follow(file), digest]);
    const files = { ...line.files, ...Object.fromEntries(moved) };
    for (const module of new Set([line.module, follow(line.module)])) {
      this.#codes.noteFiles({ module, files });
    }
  }

  #numberOf(code: Code): number {
    let number = this.#functionOf.get(code);
    if (number === undefined) {
      const { reference } = code;
      number = this.#functions.get(jsonOf(reference));
      if (number === undefined) {
        number = this.#functionCount;
        this.#lines.push(jsonOf({ function: number, reference }));
      }
      this.#noteFunction(reference, number);
      this.#functionOf.set(code, number);
      this.#noteFiles(reference);
    }
    return number;
  }

  #noteFunction(reference: CodeReference, number: number): void {
    this.#functions.set(jsonOf(reference), number);
    this.#functionCount = Math.max(this.#functionCount, number + 1);
    this.#codes.noteFunction(number, reference);
  }

  /** Takes note of what the files of a function's modules are in this run. */
  #noteFiles(reference: CodeReference): void {
    for (const module of modulesOf(reference)) {
      if (this.#modules.has(module)) continue;
      this.#modules.add(module);
      const line: FilesLine = { module, files: digestsOf(module) };
      if (Object.keys(line.files).length === 0 || this.#codes.hasFiles(line)) continue;
      this.#codes.noteFiles(line);
      this.#lines.push(jsonOf(line));
    }
  }

  /**
   * An outcome of an earlier run is used: warns, once, of each thing that has changed since. If changes are accepted, that is
   * written, also in a run that has no outcomes of its own.
   */
  #noteUse(run: number, number: number): void {
    const unaccepted = this.#codes.unacceptedSince(run, number);
    if (unaccepted.length === 0) return;
    if (this.#options.acceptChangedCode) {
      this.#isUrgent = this.#lines.length > 0;
      this.#writeIfMuch();
      return;
    }
    const changes = unaccepted.filter((change) => !this.#warned.has(change));
    if (changes.length === 0) return;
    for (const change of changes) this.#warned.add(change);
    this.#options.onWarning(
      `Results of other code than now are taken from the journal ${this.#options.path}: since its run of ` +
        `${this.#codes.openedAt(run)} there have been changes in ${changes.join(", ")}. ` +
        "To have all tasks run anew remove that journal, or name another. " +
        "If its results are still good, give the context the option acceptChangedCode: true",
    );
  }

  /** What the message of a failure of a run ends with. */
  #failureNote(run: number): string {
    return `\nThis failure is from the journal ${this.#options.path}, from its run of ${
      this.#codes.openedAt(run)
    }: the task has not run again. It will with the option rerunFailed: true`;
  }

  #recordOne(outcome: Outcome, receiver: OutcomeReceiver): void {
    const { task } = outcome;
    if (outcome.status === "rejected" && isToRun(outcome)) {
      // It counts among those that are alike, also if it never got to a slave.
      this.noteSent([task], new ArgumentList([argumentsOf(task)]));
      receiver.receive([outcome]);
      return;
    }
    try {
      this.#add([outcome], receiver, outcomeLine(outcome));
    } catch (cause) {
      // Base64 of some hundred megabytes is longer than a text may be. The result itself is good.
      receiver.receive([outcome]);
      const reason = `${task} is not recorded in the journal ${this.#options.path}: ${cause}`;
      receiver.unrecorded(new JournalError(reason, { cause }));
    }
  }

  #add(outcomes: Outcomes, receiver: OutcomeReceiver, line: string): void {
    this.#lines.push(line);
    this.#recorded.push({ outcomes, receiver });
    this.#recordedCount += outcomes.length;
  }

  /** Whether lines are to be written now: there is an outcome among them, or they are many, or urgent. */
  get #hasMuch(): boolean {
    return this.#recorded.length > 0 || this.#isUrgent ||
      this.#unwrittenLength > MAX_UNWRITTEN_LENGTH;
  }

  /** Whether to write at once, and not to wait for more outcomes. */
  get #isDue(): boolean {
    return this.#openCount === 0 || this.#recordedCount >= FULL_GROUP || this.#isClosing;
  }

  /** Whether the last write failed, so that the next one has time. */
  get #hasFailed(): boolean {
    return this.#failedMs !== undefined && !this.#isClosing;
  }

  /** When the next group is to begin, by the clock; long ago, if at once. */
  get #nextGroupMs(): number {
    if (this.#hasFailed) return this.#failedMs! + RETRY_INTERVAL_MS;
    const { beginMs, count } = this.#lastGroup;
    return count < MANY_OUTCOMES || this.#isDue ? -Infinity : beginMs + GROUP_INTERVAL_MS;
  }

  /** Waits for more outcomes, if they come fast, or for the disk, if it took none. */
  async #gather(): Promise<void> {
    const waitMs = this.#nextGroupMs - this.#clock.now();
    if (waitMs <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    using _timer = this.#clock.setTimer(resolve, waitMs);
    this.#endGathering = resolve;
    await promise;
    this.#endGathering = undefined;
  }

  #writeIfMuch(): void {
    if (this.#hasMuch) this.#writing ??= this.#writeAll();
  }

  /** Writes all that is there, in groups: while one is written the next gathers. */
  async #writeAll(): Promise<void> {
    // What came together is written together.
    await undefined;
    try {
      while (this.#hasMuch) {
        await this.#gather();
        const lines = this.#lines;
        const recorded = this.#recorded;
        this.#lines = [];
        this.#recorded = [];
        this.#underWay = recorded;
        this.#unwrittenLength = 0;
        this.#isUrgent = false;
        this.#lastGroup = { beginMs: this.#clock.now(), count: this.#recordedCount };
        this.#recordedCount = 0;
        this.#isRetried = false;
        try {
          await this.#file.append(lines);
        } catch (error) {
          this.#lines = [...lines, ...this.#lines];
          this.#recorded = [...recorded, ...this.#recorded];
          this.#recordedCount += this.#lastGroup.count;
          this.#isUrgent = true;
          if (this.#isRetried) continue;
          this.#failedMs = this.#clock.now();
          throw error;
        } finally {
          this.#underWay = [];
        }
        this.#failedMs = undefined;
        this.#toldCount = 0;
        for (const { outcomes, receiver } of recorded) receiver.receive(outcomes);
      }
    } catch (cause) {
      const reason = messageOf(cause);
      const untold = this.#recorded.slice(this.#toldCount);
      this.#toldCount = this.#recorded.length;
      this.#options.onFailure(
        new JournalError(
          `Cannot write the journal ${this.#options.path}: ${reason}. Outcomes that are not on disk are not delivered`,
          { cause },
        ),
        untold,
      );
    } finally {
      this.#writing = undefined;
    }
  }
}

/**
 * The error that a journal cannot be written, with what to do.
 *
 * @param canReadAgain Whether the outcomes that are not on disk can be read later.
 */
export function withRemedy(error: JournalError, canReadAgain: boolean): JournalError {
  const { message, cause } = error;
  const remedy = canReadAgain
    ? "read results again"
    : "start the script again: what is on disk does not run again";
  return new JournalError(`${message}. Mend it and ${remedy}`, { cause });
}

/** Whether a startup of a run is the present one, which may have moved with its script. The text of an inline function may have changed. */
function isSameStartup(
  before: CodeReference | null,
  present: CodeReference | null,
  script: string,
): boolean {
  if (before === null || present === null) return before === present;
  if (before.type === "inline" || present.type === "inline") return before.type === present.type;
  return [before, followCode(before, script, Deno.mainModule)]
    .some((each) => jsonOf(each) === jsonOf(present));
}

function nameOf(startup: CodeReference | null): string {
  return startup === null ? "none" : describeCode(startup);
}

/** Whether a task that failed so is to run in the next run: it has not run, or was given up by the user. */
function isToRun({ hasRun, reason }: Outcome & { readonly status: "rejected" }): boolean {
  return !hasRun || reason instanceof AbortError;
}
