import { fail } from "@std/assert";
import { type Attempt, type JournalError, RemoteError } from "../../mod.ts";
import { ArgumentList } from "../../lib/master/argument_list.ts";
import { FulfilledOutcomes } from "../../lib/master/board/fulfilled_outcomes.ts";
import { Journal, type JournalOptions } from "../../lib/master/journal/journal.ts";
import type { OutcomeReceiver } from "../../lib/master/journal/journal_writer.ts";
import type { Outcome, Outcomes } from "../../lib/master/outcome.ts";
import { argumentsOf, type EncodedArguments, type Task } from "../../lib/task.ts";
import type { TempFolder } from "./temp_folder.ts";
import { taskOf } from "./task_of.ts";

const SLAVE = { number: 0, name: "slave 0", host: "" };

/** A journal on its own, without slaves: tasks are numbers, and end with ten times that. */
export class JournalBench implements OutcomeReceiver {
  /** Numbers of the tasks whose outcomes have been delivered. */
  readonly delivered: number[] = [];
  /** What was warned of. */
  readonly warnings: string[] = [];
  #onDelivered: (() => void) | undefined;
  readonly #journal: Journal;
  readonly #tasks: Task[];

  /**
   * @param args The arguments of each task.
   * @param use Other than a file `run.jsonl` in the folder.
   */
  constructor(
    folder: TempFolder,
    args: readonly EncodedArguments[],
    use: Partial<JournalOptions> = {},
  ) {
    this.#journal = new Journal({
      path: folder.file("run.jsonl"),
      onFailure: ({ message }) => fail(message),
      ...use,
      onWarning: (message) => this.warnings.push(message),
    });
    const reference = { type: "inline", name: "", source: "" } as const;
    this.#tasks = args.map((arg, id) => taskOf(id, { number: 0, reference }, arg));
  }

  /** The outcomes that the journal has of the tasks. */
  outcomes(): (Outcome | undefined)[] {
    return this.#tasks.map((task) => this.#journal.find(task));
  }

  /** The values that the journal has of the tasks. */
  find(): unknown[] {
    return this.outcomes().map((outcome) =>
      outcome?.status === "fulfilled" ? outcome.value : undefined
    );
  }

  /** Tasks go to a slave. */
  send(...ids: readonly number[]): void {
    const tasks = ids.map((id) => this.#tasks[id]);
    this.#journal.noteSent(tasks, new ArgumentList(tasks.map(argumentsOf)));
  }

  /** Tasks are cancelled. */
  drop(...ids: readonly number[]): void {
    this.#journal.noteDropped(ids.map((id) => this.#tasks[id]));
  }

  /** Tasks end with ten times their numbers. */
  end(...ids: readonly number[]): void {
    for (const id of ids) this.endWith(id, 10 * id);
  }

  /** A task ends with a value. */
  endWith(id: number, value: unknown): void {
    const common = { task: this.#tasks[id], slave: SLAVE, attempts: 1, runTimeMs: 1 };
    this.#journal.record([{ ...common, status: "fulfilled", value }], this);
  }

  /** Tasks that follow each other end with these values, which their slave tells in one message. */
  endTogether(first: number, values: readonly unknown[]): void {
    const results = { first: 0, values, micros: values.map(() => 1000), bytes: 0 };
    const tasks = this.#tasks.slice(first, first + values.length);
    const outcomes = new FulfilledOutcomes(SLAVE, 1, tasks, results, 0);
    this.#journal.record(outcomes, this, JSON.stringify({ values, micros: results.micros }));
  }

  /** A task fails: by what it threw, its time limit, or deaths of slaves. */
  failWith(id: number, { ...error }: { cause?: unknown; attempts?: readonly Attempt[] }): void {
    const task = this.#tasks[id];
    const reason = new RemoteError(`Task ${id} failed`, { task, slave: SLAVE, ...error });
    const common = { task, slave: SLAVE, attempts: 1, runTimeMs: 1, reason };
    this.#journal.record([{ ...common, status: "rejected", input: "", hasRun: true }], this);
  }

  /** Takes outcomes that are on disk. */
  receive(outcomes: Outcomes): void {
    for (const { task } of outcomes) this.delivered.push(task.id);
    this.#onDelivered?.();
  }

  /** There is no such outcome here. */
  unrecorded({ message }: JournalError): void {
    fail(message);
  }

  /** Somebody reads again. */
  retry(): void {
    this.#journal.retry();
  }

  /** Waits until so many outcomes have been delivered. */
  async hasDelivered(count: number): Promise<void> {
    while (this.delivered.length < count) {
      await new Promise<void>((resolve) => this.#onDelivered = resolve);
    }
  }

  /** A task fails and has not run. */
  failUnrun(id: number): void {
    const task = this.#tasks[id];
    const reason = new RemoteError("no startup", { task });
    const common = { task, slave: undefined, attempts: 0, runTimeMs: 0, reason };
    this.#journal.record([{ ...common, status: "rejected", input: "", hasRun: false }], this);
  }

  /** Closes the journal. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal[Symbol.asyncDispose]();
  }
}
