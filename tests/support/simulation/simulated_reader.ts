import type { Code } from "../../../lib/task.ts";
import { Task } from "../../../lib/task.ts";
import type { DispatchContext, Reading } from "../../../lib/master/board/dispatch_context.ts";
import type { Outcome } from "../../../lib/master/outcome.ts";
import type { SeededRandom } from "./seeded_random.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** Arguments such that nothing goes to a slave behind them. */
const LARGE_ARGUMENTS = `["${"x".repeat(1024 * 1024)}"]`;

/** What a reader does to its manager. */
export interface ReaderOptions {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  readonly core: DispatchContext;
  readonly codes: readonly Code[];
  /** How long the user's code takes for a result, at most. */
  readonly readMs: number;
  readonly hasHugeResults: boolean;
  /** How many tasks it may add while it reads. */
  readonly spareTasks: number;
  addTask(task: Task): void;
  setReading(reading: Reading): void;
  setSources(codes: readonly Code[]): void;
  resultTaken(): void;
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

/** A user that adds tasks to a context and reads its results: what `lib/master/reading/task_group.ts` and `reader.ts` do, without promises. */
export class SimulatedReader {
  readonly core: DispatchContext;
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

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.core = options.core;
    this.hasHugeResults = options.hasHugeResults;
    this.#spareTasks = options.spareTasks;
  }

  /** How many outcomes wait to be read. */
  get waiting(): number {
    return this.#ready.length + this.#early.size;
  }

  /** Whether an asynchronous source has been asked. */
  get isPulling(): boolean {
    return this.#sources.some(({ wanted }) => wanted > 0);
  }

  /** Whether everything that was added has been read or dropped. */
  get isDone(): boolean {
    return this.#unread === 0 && this.#sources.length === 0;
  }

  addTasks(count: number): void {
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
      if (this.tasks.length > before || this.core.reading === "ordered") return;
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
    const args = this.#options.random.chance(0.05) ? LARGE_ARGUMENTS : "[]";
    const task = new Task(this.tasks.length, code, args);
    this.tasks.push(task);
    this.#unread++;
    this.#options.addTask(task);
  }

  deliver(outcome: Outcome): void {
    if (outcome.status === "fulfilled") this.received++;
    this.#ready.push(outcome);
    this.wake();
  }

  /** Starts to read, unless it does. */
  read(): void {
    if (this.core.reading !== "no") return;
    const order = this.#options.random.chance(0.4) ? "ordered" : "unordered";
    this.#options.trace(() => `user reads context ${this.core.number} ${order}`);
    this.#options.setReading(order);
    this.#options.schedule();
    this.#goOn(0);
  }

  /** Breaks out of the loop. */
  stop(): void {
    this.#session++;
    this.#isWaiting = false;
    this.#options.setReading("no");
  }

  /** Looks again, if it waits for something. */
  wake(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#goOn(0);
  }

  /** The context was cancelled. */
  dropped(tasks: readonly Task[]): void {
    this.#sources = [];
    this.#noteSources();
    for (const { id } of tasks) {
      this.#delivered.add(id);
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
    const { random, core, trace } = this.#options;
    const outcome = core.reading === "ordered" ? this.#nextInOrder() : this.#next();
    if (outcome === undefined) {
      if (this.isDone || !this.#options.hasSlaves()) this.stop();
      else this.#isWaiting = true;
      return;
    }
    this.#early.delete(outcome.task.id);
    this.#delivered.add(outcome.task.id);
    this.#unread--;
    trace(() => `user takes the outcome of task c${core.number}t${outcome.task.id}`);
    this.#options.resultTaken();
    if (this.#spareTasks > 0 && random.chance(0.3)) {
      const count = Math.min(this.#spareTasks, random.integer(1, 4));
      this.#spareTasks -= count;
      this.addTasks(count);
    }
    if (random.chance(0.03)) {
      this.stop();
      this.#options.time.after(random.between(0, 20), () => this.read());
    } else this.#goOn(random.chance(0.5) ? 0 : random.between(0, this.#options.readMs));
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
