import { AbortError } from "../../../lib/errors.ts";
import { type Code, endTask, type Task } from "../../../lib/task.ts";
import type { DispatchGroup, Reading } from "../../../lib/master/board/dispatch_group.ts";
import type { Outcome } from "../../../lib/master/outcome.ts";
import type { SeededRandom } from "./seeded_random.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** What a reader does to its manager. */
export interface ReaderOptions {
  readonly style: "added" | "map" | "promised";
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  /** Names the group in messages. */
  readonly name: string;
  readonly group: DispatchGroup;
  readonly codes: readonly Code[];
  /** How long the user's code takes for a result, at most. */
  readonly readMs: number;
  readonly hasHugeResults: boolean;
  /** How many tasks it may add while it reads. */
  readonly spareTasks: number;
  /** Adds a task behind `tasks`. */
  addTask(code: Code): Task;
  setReading(reading: Reading): void;
  setSources(codes: readonly Code[]): void;
  resultTaken(isCancelled: boolean): void;
  /** Cancels all tasks, and calls {@linkcode SimulatedReader.dropped}. */
  drop(): void;
  /** Has tasks sent when the present code has ended. */
  schedule(): void;
  hasSlaves(): boolean;
  trace(line: () => string): void;
}

interface SimulatedSource {
  readonly code: Code;
  readonly isAsync: boolean;
  /** How many tasks it still has. */
  left: number;
  /** How many tasks it is about to give, if it is asynchronous. */
  wanted: number;
}

/**
 * A user that adds tasks to a group and reads its results: what `lib/master/reading/task_group.ts` and `reader.ts` do, or
 * `promised_tasks.ts`, without promises.
 */
export class SimulatedReader {
  /** A map is read once, and then gone; what is promised is not read, but there as soon as it has come. */
  readonly style: "added" | "map" | "promised";
  readonly name: string;
  readonly group: DispatchGroup;
  readonly tasks: Task[] = [];
  readonly hasHugeResults: boolean;
  /** How many results of tasks that returned have come: how large they are is known from these. */
  received = 0;
  #sources: SimulatedSource[] = [];
  #spareTasks: number;
  readonly #options: ReaderOptions;
  readonly #ready: Outcome[] = [];
  readonly #early = new Map<number, Outcome>();
  readonly #delivered = new Set<number>();
  #firstOpen = 0;
  #unread = 0;
  #isWaiting = false;
  #session = 0;
  /** Whether nothing is added any more, and reading does not begin. */
  #isClosed = false;
  /** How often another group was served on a slave since this one could have been. */
  overtaken = 0;

  /** How many of its tasks threw and wait for their time to run again. They may hold sources up. */
  delayed = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.style = options.style;
    this.name = options.name;
    this.group = options.group;
    this.hasHugeResults = options.hasHugeResults;
    this.#spareTasks = options.spareTasks;
  }

  /** How many outcomes wait to be read, without those of cancelled tasks. */
  get waiting(): number {
    return this.#ready.length + this.#early.size - this.waitingCancelled;
  }

  /** How many outcomes of cancelled tasks wait to be read. They may hold sources up, but no tasks. */
  get waitingCancelled(): number {
    return [...this.#ready, ...this.#early.values()].filter(isCancelled).length;
  }

  /** Whether an asynchronous source has been asked. */
  get isPulling(): boolean {
    return this.#sources.some(({ wanted }) => wanted > 0);
  }

  /** Whether everything that was added has been read or dropped. */
  get isDone(): boolean {
    return this.#unread === 0 && this.#sources.length === 0;
  }

  /** Whether nobody waits for anything any more. */
  get isOver(): boolean {
    return this.isDone || this.#isClosed;
  }

  addTasks(count: number): void {
    if (this.#isClosed) return;
    for (let i = 0; i < count; i++) this.#add(this.#options.random.pick(this.#options.codes));
    this.#options.schedule();
  }

  addSource(count: number, isAsync: boolean): void {
    const code = this.#options.codes[this.#sources.length];
    this.#sources.push({ code, isAsync, left: count, wanted: 0 });
    this.#noteSources();
    this.#options.schedule();
  }

  /** The dispatcher wants tasks from a source: the first that has some, of those whose tasks are of a code, if it is given. */
  pull(count: number, wanted: Code | undefined): void {
    const before = this.tasks.length;
    for (const source of [...this.#sources]) {
      if (wanted !== undefined && source.code !== wanted) continue;
      this.#pullFrom(source, count);
      if (this.tasks.length > before || this.group.reading === "ordered") return;
    }
  }

  #pullFrom(source: SimulatedSource, count: number): void {
    if (source.isAsync) {
      const wasPulling = source.wanted > 0;
      source.wanted = Math.max(source.wanted, count);
      if (!wasPulling) this.#pullLater(source);
      return;
    }
    for (let i = 0; i < count && this.#sources.includes(source); i++) this.#take(source);
  }

  #pullLater(source: SimulatedSource): void {
    this.#options.time.after(this.#options.random.between(0, 1), () => {
      if (!this.#sources.includes(source)) return;
      source.wanted--;
      this.#take(source);
      if (source.wanted > 0 && this.#sources.includes(source)) this.#pullLater(source);
      this.#options.schedule();
    });
  }

  #take(source: SimulatedSource): void {
    if (source.left-- > 0) {
      this.#add(source.code);
    } else {
      this.#sources = this.#sources.filter((each) => each !== source);
      this.#noteSources();
      this.#options.schedule();
      this.wake();
    }
  }

  #noteSources(): void {
    this.#options.setSources(this.#sources.map(({ code }) => code));
  }

  #add(code: Code): void {
    this.tasks.push(this.#options.addTask(code));
    this.#unread++;
  }

  deliver(outcome: Outcome): void {
    if (outcome.status === "fulfilled") this.received++;
    if (this.style === "promised") {
      this.#unread--;
      return;
    }
    this.#ready.push(outcome);
    this.wake();
  }

  /** Starts to read, unless it does. */
  read(): void {
    if (this.group.reading !== "no" || this.#isClosed) return;
    if (this.style === "promised") return this.#options.setReading("promised");
    const order = this.#options.random.chance(0.4) ? "ordered" : "unordered";
    this.#options.trace(() => `user reads ${this.name} ${order}`);
    this.#options.setReading(order);
    this.#options.schedule();
    this.#goOn(0);
  }

  /** Breaks out of the loop. */
  stop(): void {
    if (this.style === "promised") return;
    this.#session++;
    this.#isWaiting = false;
    this.#options.setReading("no");
  }

  /** Reads no more, for ever: drops what is left. */
  leave(): void {
    this.stop();
    this.#isClosed = true;
    if (!this.isDone) this.#options.drop();
  }

  /** The context is closed: reads what is there, and then no more. */
  close(): void {
    this.#isClosed = true;
  }

  /** Looks again, if it waits for something. */
  wake(): void {
    if (this.style === "promised") {
      this.#options.time.after(0, () => {
        if (!this.#options.hasSlaves() && !this.isDone) this.#options.drop();
      });
    }
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#goOn(0);
  }

  /** The group was cancelled. */
  dropped(tasks: readonly Task[]): void {
    this.#sources = [];
    this.#noteSources();
    for (const task of tasks) {
      endTask(task);
      this.#delivered.add(task.id);
      this.#unread--;
    }
    this.wake();
  }

  #goOn(ms: number): void {
    const session = this.#session;
    this.#options.time.after(ms, () => {
      if (session === this.#session) this.#step();
    });
  }

  #step(): void {
    const { random, group, trace } = this.#options;
    const outcome = group.reading === "ordered" ? this.#nextInOrder() : this.#next();
    if (outcome === undefined) {
      if (this.isDone || !this.#options.hasSlaves()) this.#end();
      else this.#isWaiting = true;
      return;
    }
    this.#early.delete(outcome.task.id);
    this.#delivered.add(outcome.task.id);
    this.#unread--;
    trace(() => `user takes the outcome of ${this.name}t${outcome.task.id}`);
    this.#options.resultTaken(isCancelled(outcome));
    if (this.#spareTasks > 0 && random.chance(0.3)) {
      const count = Math.min(this.#spareTasks, random.integer(1, 4));
      this.#spareTasks -= count;
      this.addTasks(count);
    }
    if (random.chance(0.03)) {
      if (this.style === "map") return this.leave();
      this.stop();
      this.#options.time.after(random.between(0, 20), () => this.read());
    } else this.#goOn(random.chance(0.5) ? 0 : random.between(0, this.#options.readMs));
  }

  #end(): void {
    if (this.style === "map") this.leave();
    else this.stop();
  }

  #next(): Outcome | undefined {
    for (const outcome of this.#early.values()) return outcome;
    return this.#ready.shift();
  }

  #nextInOrder(): Outcome | undefined {
    while (this.#delivered.has(this.#firstOpen)) this.#firstOpen++;
    for (let outcome = this.#ready.shift(); outcome !== undefined; outcome = this.#ready.shift()) {
      if (outcome.task.id === this.#firstOpen) return outcome;
      this.#early.set(outcome.task.id, outcome);
    }
    return this.#early.get(this.#firstOpen);
  }
}

function isCancelled(outcome: Outcome): boolean {
  return outcome.status === "rejected" && outcome.reason instanceof AbortError;
}
