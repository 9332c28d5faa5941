import type { Code } from "../../task.ts";
import type { OwnTask } from "./task_origins.ts";
import { checkLabel } from "../settings.ts";
import { type Link, LinkedList } from "./linked_list.ts";
import { TaskSource } from "./task_source.ts";
import type { Clock } from "../../clock.ts";

/** How long a source that waits for its next input may take to end. */
const GRACE_MS = 500;

/** The next source is begun when those before it have given nothing for this long. */
const PATIENCE_MS = 10;

/** What a user calls the task of an input, which stands at a place counted from 0. */
export type LabelOf = (input: unknown, index: number) => string;

/** Who gets what the sources have. */
export interface SourceOwner {
  /**
   * Adds a task. May throw, if none can be made of the input.
   *
   * @param index Its place among the inputs of its source.
   * @param label What the user calls it.
   * @returns About how many bytes its arguments take.
   */
  addInput(task: OwnTask, input: unknown, index: number, label: string | undefined): number;
  /** A source has no more inputs. */
  sourceEnded(): void;
  /** The next source may be asked: those before it have given nothing for a while. */
  sourcesSilent(): void;
  /** What is to be thrown to the reader. */
  fault(error: unknown): void;
}

/** One of the sources of a group of tasks. */
interface Entry {
  readonly source: TaskSource;
  readonly code: Code;
  /** How many inputs are still to come; nothing if nobody knows. */
  readonly left: () => number | undefined;
  /** How many inputs have been taken. */
  readonly taken: () => number;
  /** How many had been taken when time began to be patient with it. */
  takenBefore: number;
  /** How many had been taken when it was found to give nothing. */
  takenWhenSilent: number | undefined;
}

/** The lazy sources of a group of tasks, which are asked one after another. */
export class TaskSources {
  /** Codes of their tasks, as they are whenever somebody looks: that of the source first which is asked first. */
  readonly codes: Iterable<Code> = { [Symbol.iterator]: () => codesOf(this.#sources) };
  readonly #owner: SourceOwner;
  readonly #clock: Clock;
  readonly #sources = new LinkedList<Entry>();
  /** Sources that clean up. None of these promises rejects. */
  readonly #stops = new Set<Promise<void>>();
  /** Fires when those that are awaited have had their time. */
  #patience: Disposable | undefined;

  constructor(owner: SourceOwner, clock: Clock) {
    this.#owner = owner;
    this.#clock = clock;
  }

  /** How many sources have more inputs, or may have. */
  get count(): number {
    return this.#sources.length;
  }

  /** Whether any that were stopped have not cleaned up. */
  get areCleaningUp(): boolean {
    return this.#stops.size > 0;
  }

  /** Whether nobody knows how many inputs one of them still has. */
  get isOpenEnded(): boolean {
    for (const { left } of this.#sources) {
      if (left() === undefined) return true;
    }
    return false;
  }

  /** How many inputs are still to come from those that have a number of them, such as arrays. */
  get left(): number {
    let sum = 0;
    for (const { left } of this.#sources) sum += left() ?? 0;
    return sum;
  }

  /**
   * Adds a source behind the others.
   *
   * @param labelOf The user's function that names tasks; what it throws is thrown to the reader, as the source's own errors are.
   * @throws {TypeError} If `inputs` is not iterable.
   */
  add(
    task: OwnTask,
    inputs: Iterable<unknown> | AsyncIterable<unknown>,
    labelOf?: LabelOf,
  ): void {
    if (
      typeof inputs !== "object" || inputs === null ||
      !(Symbol.iterator in inputs || Symbol.asyncIterator in inputs)
    ) {
      throw new TypeError(
        `Expected an iterable or async iterable of inputs, such as an array, got ${
          Deno.inspect(inputs)
        }` + (inputs as unknown instanceof Promise ? ". Await it first" : ""),
      );
    }
    let index = 0;
    const source = new TaskSource(inputs, {
      add: (input) => {
        const place = index++;
        const label = labelOf?.(input, place);
        if (labelOf !== undefined) checkLabel(label);
        // The function may have ended reading.
        if (link.isOut) return 0;
        return this.#owner.addInput(task, input, place, label);
      },
      end: () => this.#remove(link),
      fail: (error) => this.#owner.fault(error),
    });
    const left = () => Array.isArray(inputs) ? Math.max(inputs.length - index, 0) : undefined;
    const link: Link<Entry> = this.#sources.push({
      source,
      code: task.origin.code,
      left,
      taken: () => index,
      takenBefore: 0,
      takenWhenSilent: undefined,
    });
  }

  /**
   * Asks the sources one after another for up to so many inputs. An asynchronous one has its turn until it has given nothing for a while:
   * no other is begun meanwhile. If all were begun at once, each could have a file open.
   *
   * @param wanted The code of the tasks that are asked for; `undefined` if any will do.
   * @param isEnough Whether the next source is not to be asked.
   */
  pull(count: number, wanted: Code | undefined, isEnough: () => boolean): void {
    let isAnyDue = false;
    for (const entry of this.#sources) {
      const { source, code } = entry;
      if (wanted !== undefined && code !== wanted) continue;
      if (isAnyDue && !source.hasBegun) return this.#bePatient();
      source.pull(count);
      if (isEnough()) return;
      isAnyDue ||= source.isAwaited && entry.taken() !== entry.takenWhenSilent;
    }
  }

  /** Finds out after a while which sources have given nothing. */
  #bePatient(): void {
    if (this.#patience !== undefined) return;
    for (const entry of this.#sources) entry.takenBefore = entry.taken();
    this.#patience = this.#clock.setTimer(() => {
      this.#patience = undefined;
      for (const entry of this.#sources) {
        const { source, takenBefore } = entry;
        if (source.isAwaited && entry.taken() === takenBefore) entry.takenWhenSilent = takenBefore;
      }
      this.#owner.sourcesSilent();
    }, PATIENCE_MS);
  }

  #endPatience(): void {
    this.#patience?.[Symbol.dispose]();
    this.#patience = undefined;
  }

  /** Takes nothing more from them. They begin to clean up. */
  stop(): void {
    this.#endPatience();
    for (const { source } of this.#sources.takeAll()) {
      const stop = source.stop();
      this.#stops.add(stop);
      stop.finally(() => this.#stops.delete(stop));
    }
  }

  /** Waits until they have cleaned up; but one that waits for its next input does not hear that it is to end. */
  async stopped(): Promise<void> {
    if (this.#stops.size === 0) return;
    const patience = Promise.withResolvers<void>();
    using _timer = this.#clock.setTimer(patience.resolve, GRACE_MS);
    await Promise.race([Promise.all(this.#stops), patience.promise]);
  }

  #remove(link: Link<Entry>): void {
    this.#sources.remove(link);
    // The next one has its time from when it is asked.
    this.#endPatience();
    this.#owner.sourceEnded();
  }
}

function* codesOf(sources: Iterable<Entry>): Generator<Code> {
  for (const { code } of sources) yield code;
}
