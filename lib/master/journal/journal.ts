/**
 * The journal of a context: each outcome is on disk before it is delivered, so that a script that is started again runs only what is
 * missing. The format of a line is described in `journal_lines.ts`.
 *
 * @module
 */

import { jsonOf } from "../../wire/codec.ts";
import { SYSTEM_CLOCK } from "../../clock.ts";
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
import {
  JournalWriter,
  type JournalWriterOptions,
  type OutcomeReceiver,
} from "./journal_writer.ts";
import { followCode, followMove } from "./moved_script.ts";
import { TaskIds } from "../task_ids.ts";
import type { Outcome, Outcomes } from "../outcome.ts";
import { Date } from "../../own_globals.ts";

/** What the user says about a journal, and its context's startup function. */
export interface JournalUse {
  /** Path of the file; it is made if it is not there. */
  readonly path: string;
  /** Whether tasks that failed run again; by default only those that may succeed in another run. */
  readonly rerunFailed?: boolean;
  /** Whether outcomes of code that has changed since are accepted. */
  readonly acceptChangedCode?: boolean;
  /** The startup function. */
  readonly startup?: CodeReference;
  /** The arguments of the startup function. */
  readonly startupArgs?: EncodedArguments;
}

/** Options of a journal. */
export interface JournalOptions extends JournalUse, JournalWriterOptions {
  /** Told what the user has to take care of. */
  onWarning(message: string): void;
}

/** The journal of one context. */
export class Journal implements AsyncDisposable {
  readonly #options: JournalOptions;
  readonly #file: JournalFile;
  readonly #writer: JournalWriter;
  /** Which code the runs had, including the present one. */
  readonly #codes = new CodeHistory();
  /** Outcomes from the file that have not been asked for. */
  readonly #index = new JournalIndex(this.#codes);
  /** The runs in the journal, including the present one. */
  readonly #runs: OpenedLine[] = [];
  /** The URL of the script in the run that is being read. */
  #script = Deno.mainModule;
  readonly #functions = new Map<string, number>();
  readonly #functionOf = new Map<Code, number>();
  #functionCount = 0;
  /** Modules whose files have been read in this run. */
  readonly #modules = new Set<string>();
  /** Changes that the user has been warned about. */
  readonly #warned = new Set<string>();
  /** Tasks whose arguments have been written: tasks need not leave in the order of their numbers. */
  readonly #noted = new TaskIds();

  /**
   * Opens a journal and reads its content.
   *
   * @throws {JournalError} If it belongs to another script, has another version, is damaged, or another master has it open; or if its
   * outcomes are of another startup, or of one with other arguments.
   */
  constructor(options: JournalOptions) {
    this.#options = options;
    const take = (line: object, place: LinePlace) => this.#read(line, place);
    this.#file = new JournalFile(options.path, take, options.clock ?? SYSTEM_CLOCK);
    this.#writer = new JournalWriter(this.#file, options);
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
    this.#writer.write(jsonOf(opened));
    if (startup !== null) this.#noteFiles(startup);
  }

  /** Whether it has outcomes that have not been asked for. */
  get hasRecorded(): boolean {
    return !this.#index.isEmpty;
  }

  /** Whether outcomes for a receiver are being written: it will get them, or learn why not. */
  isWritingFor(receiver: OutcomeReceiver): boolean {
    return this.#writer.isWritingFor(receiver);
  }

  /**
   * Looks up a task that is being added.
   *
   * @returns Its outcome, if the journal has it; otherwise the task has to run.
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
   * Notes that tasks of one code go to a slave.
   *
   * @param tasks Some may have been sent before.
   * @param args Their arguments.
   */
  noteSent(tasks: readonly Task[], args: ArgumentList): void {
    const isAnyNoted = tasks.some(({ id }) => this.#noted.has(id));
    const sent = isAnyNoted ? tasks.filter(({ id }) => !this.#noted.has(id)) : tasks;
    if (sent.length === 0) return;
    const list = sent === tasks ? args : new ArgumentList(sent.map(argumentsOf));
    for (const line of sentLines(this.#numberOf(codeOf(sent[0])), sent, list)) {
      this.#writer.writeSent(line);
    }
    for (const { id } of sent) this.#noted.add(id);
    this.#writer.noteOpen(sent.length);
  }

  /**
   * Writes the outcomes of tasks, and delivers them when they are on disk. The outcome of a task that did not run is not written: the task
   * has to run the next time.
   *
   * @param receiver Gets the outcomes.
   * @param text The slave's report on just these, as JSON.
   */
  record(outcomes: Outcomes, receiver: OutcomeReceiver, text?: string): void {
    const line = text !== undefined && outcomes instanceof FulfilledOutcomes
      ? resultsLine(outcomes, text)
      : undefined;
    if (line === undefined) {
      for (const outcome of outcomes) this.#recordOne(outcome, receiver);
    } else {
      this.#writer.deliver(outcomes, receiver, line);
    }
    this.#writer.noteDone(outcomes.length);
    this.#writer.start();
  }

  /** Notes that tasks were dropped: they will have no outcome. */
  noteDropped(tasks: readonly Task[]): void {
    const sent = tasks.filter(({ id }) => this.#noted.has(id));
    if (sent.length === 0) return;
    this.#writer.write(droppedLine(sent));
    this.#writer.noteDone(sent.length);
  }

  /** Tries again to write what could not be written: see {@linkcode JournalWriter.retry}. */
  retry(): void {
    this.#writer.retry();
  }

  /** Writes the rest, including what could not be written before, and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]();
    this.#file[Symbol.dispose]();
  }

  /** Takes a line of the file; returns whether it is a valid line of a journal. */
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

  /** Refuses outcomes of another startup: with another model, tasks would give other results. */
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

  /** A run begins: an earlier one that is being read, or the present one. */
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

  /** A module that a run named before the script was moved may have moved with the script, or may still be at its old place. */
  #readFunction(reference: CodeReference, number: number): void {
    const moved = followCode(reference, this.#script, Deno.mainModule);
    const unmoved = jsonOf(reference);
    this.#noteFunction(moved, number);
    if (!this.#functions.has(unmoved)) this.#functions.set(unmoved, number);
  }

  /** The same for files. */
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
        this.#writer.write(jsonOf({ function: number, reference }));
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

  /** Notes the files of a function's modules in this run. */
  #noteFiles(reference: CodeReference): void {
    for (const module of modulesOf(reference)) {
      if (this.#modules.has(module)) continue;
      this.#modules.add(module);
      const line: FilesLine = { module, files: digestsOf(module) };
      if (Object.keys(line.files).length === 0 || this.#codes.hasFiles(line)) continue;
      this.#codes.noteFiles(line);
      this.#writer.write(jsonOf(line));
    }
  }

  /**
   * Notes that an outcome of an earlier run is used: warns, once, about each thing that has changed since. If changes are accepted, that is
   * written, even in a run that has no outcomes of its own.
   */
  #noteUse(run: number, number: number): void {
    const unaccepted = this.#codes.unacceptedSince(run, number);
    if (unaccepted.length === 0) return;
    if (this.#options.acceptChangedCode) {
      this.#writer.urge();
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

  /** The end of the message of a failure from an earlier run. */
  #failureNote(run: number): string {
    return `\nThis failure is from the journal ${this.#options.path}, from its run of ${
      this.#codes.openedAt(run)
    }: the task has not run again. It will with the option rerunFailed: true`;
  }

  #recordOne(outcome: Outcome, receiver: OutcomeReceiver): void {
    const { task } = outcome;
    if (outcome.status === "rejected" && isToRun(outcome)) {
      // It has to be counted among the tasks like it, even if it never reached a slave.
      this.noteSent([task], new ArgumentList([argumentsOf(task)]));
      receiver.receive([outcome]);
      return;
    }
    try {
      this.#writer.deliver([outcome], receiver, outcomeLine(outcome));
    } catch (cause) {
      // Base64 of some hundred megabytes exceeds the longest possible text. The result itself is good.
      receiver.receive([outcome]);
      const reason = `${task} is not recorded in the journal ${this.#options.path}: ${cause}`;
      receiver.unrecorded(new JournalError(reason, { cause }));
    }
  }
}

/** Whether the startup of a run is the present one, though it may have moved with its script. An inline function's text may have changed. */
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

/** Whether a task that failed like this has to run in the next run: it has not run, or was given up by the user. */
function isToRun({ hasRun, reason }: Outcome & { readonly status: "rejected" }): boolean {
  return !hasRun || reason instanceof AbortError;
}
