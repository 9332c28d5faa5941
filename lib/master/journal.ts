/**
 * The journal of a context: each outcome is on disk before it is delivered, so that a script that is started again runs
 * only what is missing. What a line holds is in `journal_lines.ts`.
 *
 * @module
 */

import type { Code, CodeReference, Task } from "../task.ts";
import { messageOf } from "../message_of.ts";
import type { Outcome } from "./dispatcher.ts";
import { Deque } from "./deque.ts";
import { JournalError, JournalFile } from "./journal_file.ts";
import {
  argumentsText,
  encodeOutcome,
  type OutcomeLine,
  outcomeLine,
  readOutcomes,
  RunOfOutcomes,
  toOutcome,
} from "./journal_lines.ts";
import { OccurrenceCounter } from "./occurrence_counter.ts";

/** What a journal knows of a task, beside its function, that is not the usual. */
interface Peculiarity {
  /** Stands for its arguments. */
  readonly args: string;
  /** Which it is of several tasks that are alike. */
  readonly occurrence: number;
}

/** How a journal is used. */
export interface JournalOptions {
  /** Path of the file; it is made if it is not there. */
  readonly path: string;
  /** Whether tasks that failed run again. */
  readonly rerunFailed: boolean;
  /** Takes outcomes that are on disk. */
  deliver(outcome: Outcome): void;
  /** Told that the journal cannot be written. It may be tried again: {@linkcode Journal.retry}. */
  onFailure(error: JournalError): void;
  /** Told that an outcome was delivered that no line can hold. */
  onUnrecorded(error: JournalError): void;
}

/** The journal of one context. */
export class Journal implements AsyncDisposable {
  readonly #options: JournalOptions;
  readonly #file: JournalFile;
  /** What was in the file and has not been asked for. */
  readonly #recorded = new Map<string, OutcomeLine>();
  readonly #functions = new Map<string, number>();
  readonly #functionOf = new Map<Code, number>();
  readonly #occurrences = new OccurrenceCounter();
  /** Tasks that are not the first of their kind, or whose arguments are long. */
  readonly #peculiar = new Map<Task, Peculiarity>();
  /** Occurrences of tasks that were dropped, by function and arguments: they go to the next ones that are alike. */
  readonly #dropped = new Map<string, Deque<number>>();
  /** Lines to be written, and the outcomes to be delivered when they are. */
  #lines: (string | RunOfOutcomes)[] = [];
  #outcomes: Outcome[] = [];
  /** The last of the lines, if it may take more. */
  #run: RunOfOutcomes | undefined;
  #writing: Promise<void> | undefined;

  /**
   * Opens a journal and reads what is in it.
   *
   * @throws {JournalError} If it is another script's or of another version, is damaged, or another master has it open.
   */
  constructor(options: JournalOptions) {
    this.#options = options;
    this.#file = new JournalFile(options.path, (line) => this.#read(line));
  }

  /**
   * Looks up a task that is being added.
   *
   * @returns Its outcome, if it is in the journal; otherwise the task is to run, and to be given to {@linkcode Journal.record}.
   */
  find(task: Task): Outcome | undefined {
    const number = this.#numberOf(task.code);
    const args = argumentsText(task.args);
    const occurrence = this.#takeDropped(number, args) ?? this.#occurrences.count(number, args);
    if (this.#recorded.size > 0) {
      const name = `${number} ${args} ${occurrence}`;
      const line = this.#recorded.get(name);
      if (line !== undefined && !(line.status === "rejected" && this.#options.rerunFailed)) {
        this.#recorded.delete(name);
        return toOutcome(task, line);
      }
    }
    if (occurrence > 0 || args !== task.args) this.#peculiar.set(task, { args, occurrence });
    return undefined;
  }

  /**
   * Writes the outcome of a task, and delivers it when it is on disk. A task that did not run is to run the next time: its
   * outcome is not written.
   */
  record(outcome: Outcome): void {
    if (outcome.status === "rejected" && !outcome.hasRun) {
      this.#peculiar.delete(outcome.task);
      this.#options.deliver(outcome);
      return;
    }
    try {
      this.#addLine(outcome);
      this.#outcomes.push(outcome);
    } catch (cause) {
      // Base64 of some hundred megabytes is longer than a text may be. The result itself is good.
      this.#options.deliver(outcome);
      const reason =
        `${outcome.task} is not recorded in the journal ${this.#options.path}: ${cause}`;
      this.#options.onUnrecorded(new JournalError(reason, { cause }));
      return;
    }
    this.#writing ??= this.#writeAll();
  }

  /** Forgets a task that was dropped: it will have no outcome. */
  forget(task: Task): void {
    const { args, occurrence } = this.#peculiar.get(task) ??
      { args: task.args as string, occurrence: 0 };
    this.#peculiar.delete(task);
    const name = `${this.#numberOf(task.code)} ${args}`;
    let occurrences = this.#dropped.get(name);
    if (occurrences === undefined) this.#dropped.set(name, occurrences = new Deque());
    occurrences.push(occurrence);
  }

  /** Tries again to write what could not be written. */
  retry(): void {
    if (this.#outcomes.length > 0) this.#writing ??= this.#writeAll();
  }

  /** Writes what is left, and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    this.#file[Symbol.dispose]();
  }

  /** The first of the occurrences that were dropped, of tasks like this one. */
  #takeDropped(number: number, args: string): number | undefined {
    if (this.#dropped.size === 0) return undefined;
    const name = `${number} ${args}`;
    const occurrences = this.#dropped.get(name);
    const first = occurrences?.shift();
    if (occurrences?.length === 0) this.#dropped.delete(name);
    return first;
  }

  #addLine(outcome: Outcome): void {
    const { task, slave, status, attempts } = outcome;
    const number = this.#numberOf(task.code);
    const encoded = encodeOutcome(outcome);
    const peculiarity = this.#peculiar.get(task);
    const isUsual = peculiarity === undefined && status === "fulfilled" && attempts === 1;
    const mayShare = isUsual && slave !== undefined && typeof encoded === "string";
    if (mayShare && RunOfOutcomes.fits(task.args as string, encoded)) {
      if (!this.#run?.takes(number, slave)) {
        this.#lines.push(this.#run = new RunOfOutcomes(number, slave));
      }
      this.#run!.add(outcome, task.args as string, encoded);
      return;
    }
    const { args, occurrence } = peculiarity ?? { args: task.args as string, occurrence: 0 };
    this.#lines.push(outcomeLine(outcome, { function: number, args, occurrence }, encoded));
    this.#run = undefined;
    this.#peculiar.delete(task);
  }

  #numberOf(code: Code): number {
    let number = this.#functionOf.get(code);
    if (number === undefined) {
      const reference = JSON.stringify(code.reference);
      number = this.#functions.get(reference);
      if (number === undefined) {
        number = this.#functions.size;
        this.#functions.set(reference, number);
        this.#lines.push(`{"function":${number},"reference":${reference}}\n`);
        this.#run = undefined;
      }
      this.#functionOf.set(code, number);
    }
    return number;
  }

  #read(line: Record<string, unknown>): void {
    if ("reference" in line) {
      this.#functions.set(JSON.stringify(line.reference as CodeReference), line.function as number);
      return;
    }
    for (const outcome of readOutcomes(line)) {
      const args = JSON.stringify(outcome.args);
      // A task that failed and ran again stands twice: the later line counts.
      this.#recorded.set(`${outcome.function} ${args} ${outcome.occurrence}`, outcome);
    }
  }

  /** Writes all that is there, in groups: while one is written the next gathers. */
  async #writeAll(): Promise<void> {
    // What came together is written together.
    await undefined;
    try {
      while (this.#outcomes.length > 0) {
        const lines = this.#lines.map(String);
        const outcomes = this.#outcomes;
        this.#lines = [];
        this.#outcomes = [];
        this.#run = undefined;
        try {
          await this.#file.append(lines);
        } catch (error) {
          this.#lines = [...lines, ...this.#lines];
          this.#outcomes = [...outcomes, ...this.#outcomes];
          throw error;
        }
        for (const outcome of outcomes) this.#options.deliver(outcome);
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
