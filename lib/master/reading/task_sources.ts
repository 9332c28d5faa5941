import type { Code } from "../../task.ts";
import type { OwnTask } from "./task_origins.ts";
import { checkLabel } from "../settings.ts";
import { type Link, LinkedList } from "./linked_list.ts";
import { TaskSource } from "./task_source.ts";
import type { Clock } from "../../clock.ts";

/** How long ending a source that waits for its next input may take. */
const GRACE_MS = 500;

/** The next source is begun when those before it have given nothing for this long. */
const PATIENCE_MS = 10;

/** The user's label for the task of an input; `index` counts inputs from 0. */
export type LabelOf = (input: unknown, index: number) => string;

/** Receives what the sources have. */
export interface SourceOwner {
  /**
   * Adds a task. May throw if none can be made of the input.
   *
   * @param index Its index among the inputs of its source.
   * @param label The user's label for the task.
   * @returns About how many bytes its arguments take.
   */
  addInput(task: OwnTask, input: unknown, index: number, label: string | undefined): number;
  /** A source has no more inputs. */
  sourceEnded(): void;
  /** The next source may be asked, because those before it have given nothing for a while. */
  sourcesSilent(): void;
  /** An error for the reader. */
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
  /** How many inputs had been taken when its time started. */
  takenBefore: number;
  /** How many inputs had been taken when it was found to be silent. */
  takenWhenSilent: number | undefined;
}

/** The lazy sources of a group of tasks, which are asked one after another. */
export class TaskSources {
  /** The current codes of their tasks, in the order in which the sources are asked. */
  readonly codes: Iterable<Code> = { [Symbol.iterator]: () => codesOf(this.#sources) };
  readonly #owner: SourceOwner;
  readonly #clock: Clock;
  readonly #sources = new LinkedList<Entry>();
  /** Sources that clean up. None of these promises rejects. */
  readonly #stops = new Set<Promise<void>>();
  /** Fires when the sources that are awaited have had their time. */
  #patience: Disposable | undefined;

  constructor(owner: SourceOwner, clock: Clock) {
    this.#owner = owner;
    this.#clock = clock;
  }

  /** How many sources have more inputs, or may have. */
  get count(): number {
    return this.#sources.length;
  }

  /** Whether any stopped sources have not cleaned up. */
  get areCleaningUp(): boolean {
    return this.#stops.size > 0;
  }

  /** Whether one of them has an unknown number of inputs left. */
  get isOpenEnded(): boolean {
    for (const { left } of this.#sources) {
      if (left() === undefined) return true;
    }
    return false;
  }

  /** How many inputs are still to come from sources with a known number, such as arrays. */
  get left(): number {
    let sum = 0;
    for (const { left } of this.#sources) sum += left() ?? 0;
    return sum;
  }

  /**
   * Adds a source at the end.
   *
   * @param labelOf The user's function that names tasks; its errors are thrown to the reader, like those of the source itself.
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
   * Asks the sources one after another for up to `count` inputs. An asynchronous one has its turn until it has been silent for a while: no
   * other is begun before that. If all were begun at once, each might open a file.
   *
   * @param wanted The code of the tasks that are wanted; `undefined` if any will do.
   * @param isEnough Whether to stop before the next source.
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

  /** Takes nothing more from the sources. They begin to clean up. */
  stop(): void {
    this.#endPatience();
    for (const { source } of this.#sources.takeAll()) {
      const stop = source.stop();
      this.#stops.add(stop);
      stop.finally(() => this.#stops.delete(stop));
    }
  }

  /** Waits until they have cleaned up, but not for long: one that waits for its next input does not notice that it should end. */
  async stopped(): Promise<void> {
    if (this.#stops.size === 0) return;
    const patience = Promise.withResolvers<void>();
    using _timer = this.#clock.setTimer(patience.resolve, GRACE_MS);
    await Promise.race([Promise.all(this.#stops), patience.promise]);
  }

  #remove(link: Link<Entry>): void {
    this.#sources.remove(link);
    // The time of the next source starts when it is asked.
    this.#endPatience();
    this.#owner.sourceEnded();
  }
}

function* codesOf(sources: Iterable<Entry>): Generator<Code> {
  for (const { code } of sources) yield code;
}
