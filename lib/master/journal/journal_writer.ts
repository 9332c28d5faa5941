/**
 * Writes a journal: lines in groups, and outcomes that are delivered when they are on disk.
 *
 * @module
 */

import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import { messageOf } from "../../message_of.ts";
import type { Outcomes } from "../outcome.ts";
import { JournalError, type JournalFile } from "./journal_file.ts";

/** Lines about sent tasks are written together with the next outcome, or alone when they have more characters than this. */
const MAX_UNWRITTEN_LENGTH = 1024 * 1024;
/**
 * Outcomes are written in groups. After a group of many outcomes the next one begins this much later, or sooner when it is full, when no
 * slave has a task any more, or when the journal is closed. Having the disk confirm a group takes 0.2 ms of processor time. Without the
 * wait there would be 700 groups a second, and tasks that do nothing would run at nine tenths of the speed.
 */
const GROUP_INTERVAL_MS = 10;
const MANY_OUTCOMES = 200;
const FULL_GROUP = 8192;
/** After a failed write, the next try comes this much later, unless somebody asks for one. Each try writes all that has gathered. */
const RETRY_INTERVAL_MS = 1000;

/** Gets outcomes when they are on disk. */
export interface OutcomeReceiver {
  receive(outcomes: Outcomes): void;
  /** A delivered outcome does not fit into any line. */
  unrecorded(error: JournalError): void;
}

/** Outcomes to be delivered once they are on disk. */
export interface Recorded {
  readonly outcomes: Outcomes;
  readonly receiver: OutcomeReceiver;
}

/** Options of a journal's writer. */
export interface JournalWriterOptions {
  /** Path of the file, for messages. */
  readonly path: string;
  /**
   * Told that the journal cannot be written. {@linkcode JournalWriter.retry} tries again.
   *
   * @param error Users to whom it is thrown also need a remedy: see {@linkcode withRemedy}.
   * @param unwritten Outcomes that are not delivered because of this, and have not been reported before.
   */
  onFailure(error: JournalError, unwritten: readonly Recorded[]): void;
  /** Measures how long to gather outcomes; the system's by default. */
  readonly clock?: Clock;
}

/** Writes the lines of one journal: while a group is written, the next one gathers. */
export class JournalWriter implements AsyncDisposable {
  readonly #file: JournalFile;
  readonly #options: JournalWriterOptions;
  readonly #clock: Clock;
  /** Lines to be written, and the outcomes to be delivered after that. */
  #lines: string[] = [];
  #recorded: Recorded[] = [];
  /** The outcomes of the group that is being written. */
  #underWay: readonly Recorded[] = [];
  /** How many characters the lines about sent tasks have among those to be written. */
  #unwrittenLength = 0;
  #recordedCount = 0;
  /** How many tasks were sent and have no recorded outcome. */
  #openCount = 0;
  /** Whether to write lines even if no outcome is among them. */
  #isUrgent = false;
  #writing: Promise<void> | undefined;
  /** Whether to try the present write once more if it fails. */
  #isRetried = false;
  /** When the last group was begun, and how many outcomes it had. */
  #lastGroup = { beginMs: 0, count: 0 };
  /** When the last write failed; nothing if a write has succeeded since, or somebody has asked for another try. */
  #failedMs: number | undefined;
  /** How many of the outcomes to be written have been reported as unwritten. They are the first ones. */
  #toldCount = 0;
  /** Ends the wait for more outcomes. */
  #endGathering: (() => void) | undefined;
  #isClosing = false;

  constructor(file: JournalFile, options: JournalWriterOptions) {
    this.#file = file;
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  /** Whether outcomes for a receiver are being written: it will get them, or learn why not. */
  isWritingFor(receiver: OutcomeReceiver): boolean {
    return this.#writing !== undefined &&
      [...this.#underWay, ...this.#recorded].some((recorded) => recorded.receiver === receiver);
  }

  /** Writes a line with the next group. */
  write(line: string): void {
    this.#lines.push(line);
  }

  /** The same for a line about sent tasks: many such lines are written without an outcome. */
  writeSent(line: string): void {
    this.#lines.push(line);
    this.#unwrittenLength += line.length;
  }

  /** Writes the line of outcomes with the next group, and delivers them when it is on disk. */
  deliver(outcomes: Outcomes, receiver: OutcomeReceiver, line: string): void {
    this.#lines.push(line);
    this.#recorded.push({ outcomes, receiver });
    this.#recordedCount += outcomes.length;
  }

  /** Notes that more tasks were sent, and will have outcomes. */
  noteOpen(count: number): void {
    this.#openCount += count;
  }

  /** Notes that sent tasks have their outcomes, or will have none. */
  noteDone(count: number): void {
    this.#openCount -= count;
    if (this.#isDue && !this.#hasFailed) this.#endGathering?.();
  }

  /** Starts to write, if there is an outcome to write, or much else. */
  start(): void {
    if (this.#hasMuch) this.#writing ??= this.#writeAll();
  }

  /** Writes all lines, even if no outcome is among them. */
  urge(): void {
    this.#isUrgent = this.#lines.length > 0;
    this.start();
  }

  /**
   * Tries again to write what could not be written. A write that is under way may have begun before the fault was repaired: if it fails, it
   * is tried once more before anybody is told. Once the journal has been closed, this does nothing.
   */
  retry(): void {
    if (this.#isClosing && this.#writing === undefined) return;
    this.#isRetried = true;
    this.#failedMs = undefined;
    this.#endGathering?.();
    this.start();
  }

  /** Writes the rest, including what could not be written before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    this.#endGathering?.();
    this.start();
    await this.#writing;
  }

  /** Whether to write lines now: there is an outcome among them, or they are many, or urgent. */
  get #hasMuch(): boolean {
    return this.#recorded.length > 0 || this.#isUrgent ||
      this.#unwrittenLength > MAX_UNWRITTEN_LENGTH;
  }

  /** Whether to write at once, instead of waiting for more outcomes. */
  get #isDue(): boolean {
    return this.#openCount === 0 || this.#recordedCount >= FULL_GROUP || this.#isClosing;
  }

  /** Whether the last write failed, so that the next one can wait. */
  get #hasFailed(): boolean {
    return this.#failedMs !== undefined && !this.#isClosing;
  }

  /** When to begin the next group, by the clock; a time long ago means at once. */
  get #nextGroupMs(): number {
    if (this.#hasFailed) return this.#failedMs! + RETRY_INTERVAL_MS;
    const { beginMs, count } = this.#lastGroup;
    return count < MANY_OUTCOMES || this.#isDue ? -Infinity : beginMs + GROUP_INTERVAL_MS;
  }

  /** Waits for more outcomes, if they come fast, or for the disk, if the last write failed. */
  async #gather(): Promise<void> {
    const waitMs = this.#nextGroupMs - this.#clock.now();
    if (waitMs <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    using _timer = this.#clock.setTimer(resolve, waitMs);
    this.#endGathering = resolve;
    await promise;
    this.#endGathering = undefined;
  }

  /** Writes everything, in groups: while one is written, the next gathers. */
  async #writeAll(): Promise<void> {
    // So that what came together is written together.
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
 * @param canReadAgain Whether outcomes that are not on disk can be read later.
 */
export function withRemedy(error: JournalError, canReadAgain: boolean): JournalError {
  const { message, cause } = error;
  const remedy = canReadAgain
    ? "read results again"
    : "start the script again: what is on disk does not run again";
  return new JournalError(`${message}. Mend it and ${remedy}`, { cause });
}
