/**
 * The journal of a context: each outcome is on disk before it is delivered, so that a script that is started again runs
 * only what is missing. What a line holds is in `journal_lines.ts`.
 *
 * @module
 */

import type { Code, Task } from "../task.ts";
import { messageOf } from "../message_of.ts";
import { ArgumentList } from "./argument_list.ts";
import { FulfilledOutcomes } from "./fulfilled_outcomes.ts";
import { JournalError, JournalFile } from "./journal_file.ts";
import { JournalIndex } from "./journal_index.ts";
import {
  argumentsText,
  droppedLine,
  isJournalLine,
  outcomeLine,
  resultsLine,
  sentLines,
  toOutcome,
} from "./journal_lines.ts";
import type { Outcome, Outcomes } from "./outcome.ts";

/** So many characters that say what was sent do not wait for an outcome. */
const MAX_UNWRITTEN_LENGTH = 1024 * 1024;
/**
 * Where a group has many outcomes the next one begins this long after it, or when it is full, no slave has a task any
 * more, or the journal is closed. To have the disk confirm a group takes 0.2 ms of processor time, and there would be 700
 * of them a second: with tasks that do nothing that was a tenth of the speed.
 */
const GROUP_INTERVAL_MS = 10;
const MANY_OUTCOMES = 200;
const FULL_GROUP = 8192;

/** How a journal is used. */
export interface JournalOptions {
  /** Path of the file; it is made if it is not there. */
  readonly path: string;
  /** Whether tasks that failed run again. */
  readonly rerunFailed: boolean;
  /** Takes outcomes that are on disk. */
  deliver(outcomes: Outcomes): void;
  /** Told that the journal cannot be written. It may be tried again: {@linkcode Journal.retry}. */
  onFailure(error: JournalError): void;
  /** Told what the user is to take care of. */
  onWarning(message: string): void;
  /** Told that an outcome was delivered that no line can hold. */
  onUnrecorded(error: JournalError): void;
}

/** The journal of one context. */
export class Journal implements AsyncDisposable {
  readonly #options: JournalOptions;
  readonly #file: JournalFile;
  /** What was in the file and has not been asked for. */
  readonly #index = new JournalIndex();
  readonly #functions = new Map<string, number>();
  readonly #functionOf = new Map<Code, number>();
  #functionCount = 0;
  /** The least number of a task that was never sent. */
  #firstUnsent = 0;
  /** Lines to be written, and the outcomes to be delivered when they are. */
  #lines: string[] = [];
  #recorded: Outcomes[] = [];
  /** How many characters the lines have that do not wait for an outcome to be written with. */
  #unwrittenLength = 0;
  #recordedCount = 0;
  /** How many tasks were sent and are not recorded. */
  #openCount = 0;
  #writing: Promise<void> | undefined;
  /** When the last group was begun, and how many outcomes it had. */
  #lastGroup = { beginMs: 0, count: 0 };
  /** Ends the wait for more outcomes. */
  #endGathering: (() => void) | undefined;
  #isClosing = false;

  /**
   * Opens a journal and reads what is in it.
   *
   * @throws {JournalError} If it is another script's or of another version, is damaged, or another master has it open.
   */
  constructor(options: JournalOptions) {
    this.#options = options;
    this.#file = new JournalFile(options.path, (line) => this.#read(line));
    if (!this.#file.isLocked) {
      options.onWarning(
        `Nobody else is kept from the journal ${options.path}: its file system has no locks. ` +
          "Do not start the script again before it has ended, or name a file on a disk of this machine",
      );
    }
    const { rerunFailed } = options;
    this.#index.begin({ rerunFailed });
    const opened = new Date().toISOString();
    this.#lines.push(JSON.stringify({ opened, rerunFailed }) + "\n");
  }

  /** Whether there are outcomes in it that have not been asked for. */
  get hasRecorded(): boolean {
    return !this.#index.isEmpty;
  }

  /**
   * Looks up a task that is being added.
   *
   * @returns Its outcome, if it is in the journal; otherwise the task is to run.
   */
  find(task: Task): Outcome | undefined {
    if (this.#index.isEmpty) return undefined;
    const recorded = this.#index.find(this.#numberOf(task.code), argumentsText(task.args));
    return recorded === undefined ? undefined : toOutcome(task, recorded);
  }

  /**
   * Takes note that tasks of one code go to a slave.
   *
   * @param tasks Those that go for the first time come in the order of their numbers.
   * @param args Their arguments.
   */
  noteSent(tasks: readonly Task[], args: ArgumentList): void {
    const sent = tasks[0].id >= this.#firstUnsent
      ? tasks
      : tasks.filter(({ id }) => id >= this.#firstUnsent);
    if (sent.length === 0) return;
    const list = sent === tasks ? args : new ArgumentList(sent);
    for (const line of sentLines(this.#numberOf(sent[0].code), sent, list)) {
      this.#lines.push(line);
      this.#unwrittenLength += line.length;
    }
    this.#firstUnsent = sent[sent.length - 1].id + 1;
    this.#openCount += sent.length;
  }

  /**
   * Writes the outcomes of tasks, and delivers them when they are on disk. A task that did not run is to run the next time:
   * its outcome is not written.
   *
   * @param text What a slave said of just these, as JSON.
   */
  record(outcomes: Outcomes, text?: string): void {
    const line = text !== undefined && outcomes instanceof FulfilledOutcomes
      ? resultsLine(outcomes, text)
      : undefined;
    if (line === undefined) {
      for (const outcome of outcomes) this.#recordOne(outcome);
    } else {
      this.#add(outcomes, line);
    }
    this.#openCount -= outcomes.length;
    if (this.#isDue) this.#endGathering?.();
    if (this.#hasMuch) this.#writing ??= this.#writeAll();
  }

  /** Takes note that tasks were dropped: they will have no outcome. */
  noteDropped(tasks: readonly Task[]): void {
    const sent = tasks.filter(({ id }) => id < this.#firstUnsent);
    if (sent.length === 0) return;
    this.#lines.push(droppedLine(sent));
    this.#openCount -= sent.length;
    if (this.#isDue) this.#endGathering?.();
  }

  /** Tries again to write what could not be written. */
  retry(): void {
    if (this.#hasMuch) this.#writing ??= this.#writeAll();
  }

  /** Waits for what is being written, and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    this.#endGathering?.();
    await this.#writing;
    this.#file[Symbol.dispose]();
  }

  /** Takes a line of the file; returns whether it is one of a journal. */
  #read(line: object): boolean {
    if (!isJournalLine(line)) return false;
    if ("reference" in line) this.#noteFunction(JSON.stringify(line.reference), line.function);
    else if ("opened" in line) this.#index.begin(line);
    else if ("sent" in line) this.#index.noteSent(line);
    else if ("dropped" in line) this.#index.noteDropped(line);
    else this.#index.noteOutcomes(line);
    return true;
  }

  #numberOf(code: Code): number {
    let number = this.#functionOf.get(code);
    if (number === undefined) {
      const reference = JSON.stringify(code.reference);
      number = this.#functions.get(reference);
      if (number === undefined) {
        number = this.#functionCount;
        this.#noteFunction(reference, number);
        this.#lines.push(`{"function":${number},"reference":${reference}}\n`);
      }
      this.#functionOf.set(code, number);
    }
    return number;
  }

  #noteFunction(reference: string, number: number): void {
    this.#functions.set(reference, number);
    this.#functionCount = Math.max(this.#functionCount, number + 1);
  }

  #recordOne(outcome: Outcome): void {
    const { task } = outcome;
    if (outcome.status === "rejected" && !outcome.hasRun) {
      // It counts among those that are alike, also if it never got to a slave.
      this.noteSent([task], new ArgumentList([task]));
      this.#options.deliver([outcome]);
      return;
    }
    try {
      this.#add([outcome], outcomeLine(outcome));
    } catch (cause) {
      // Base64 of some hundred megabytes is longer than a text may be. The result itself is good.
      this.#options.deliver([outcome]);
      const reason = `${task} is not recorded in the journal ${this.#options.path}: ${cause}`;
      this.#options.onUnrecorded(new JournalError(reason, { cause }));
    }
  }

  #add(outcomes: Outcomes, line: string): void {
    this.#lines.push(line);
    this.#recorded.push(outcomes);
    this.#recordedCount += outcomes.length;
  }

  /** Whether there is an outcome to be written, or so much else that it should not pile up. */
  get #hasMuch(): boolean {
    return this.#recorded.length > 0 || this.#unwrittenLength > MAX_UNWRITTEN_LENGTH;
  }

  /** Whether nothing is to be waited for before what there is is written. */
  get #isDue(): boolean {
    return this.#openCount === 0 || this.#recordedCount >= FULL_GROUP || this.#isClosing;
  }

  /** Waits for more outcomes, if they come fast. */
  async #gather(): Promise<void> {
    const { beginMs, count } = this.#lastGroup;
    const waitMs = beginMs + GROUP_INTERVAL_MS - performance.now();
    if (count < MANY_OUTCOMES || waitMs <= 0 || this.#isDue) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    this.#endGathering = resolve;
    await promise;
    this.#endGathering = undefined;
    clearTimeout(timer);
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
        this.#unwrittenLength = 0;
        this.#lastGroup = { beginMs: performance.now(), count: this.#recordedCount };
        this.#recordedCount = 0;
        try {
          await this.#file.append(lines);
        } catch (error) {
          this.#lines = [...lines, ...this.#lines];
          this.#recorded = [...recorded, ...this.#recorded];
          this.#recordedCount += this.#lastGroup.count;
          throw error;
        }
        for (const outcomes of recorded) this.#options.deliver(outcomes);
      }
    } catch (cause) {
      const reason = messageOf(cause);
      this.#options.onFailure(
        new JournalError(
          `Cannot write the journal ${this.#options.path}: ${reason}. Outcomes that are not on disk are not delivered: ` +
            "mend it and read results again",
          { cause },
        ),
      );
    } finally {
      this.#writing = undefined;
    }
  }
}
