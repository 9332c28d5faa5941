import type { RemoteError } from "../../../lib/errors.ts";
import { argumentsOf, type Code, newTask, type Task } from "../../../lib/task.ts";
import { DispatchContext, type RetryPolicy } from "../../../lib/master/board/dispatch_context.ts";
import { DispatchGroup } from "../../../lib/master/board/dispatch_group.ts";
import type { DispatchLoop } from "../../../lib/master/board/dispatch_loop.ts";
import type { Dispatcher } from "../../../lib/master/board/dispatcher.ts";
import type { GroupPort } from "../../../lib/master/board/ports.ts";
import type { Outcome } from "../../../lib/master/outcome.ts";
import { type Ledger, violate } from "./ledger.ts";
import type { SeededRandom } from "./seeded_random.ts";
import { SimulatedReader } from "./simulated_reader.ts";
import type { TaskPlan } from "./task_plan.ts";
import type { VirtualTime } from "./virtual_time.ts";

const HUGE_BYTES = 64 * 1024 * 1024;
/** Arguments such that nothing goes to a slave behind them. */
const LARGE_ARGUMENTS = `["${"x".repeat(1024 * 1024)}"]`;

/** What users of a simulation are in. */
export interface SimulatedSurroundings {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  readonly dispatcher: Dispatcher;
  readonly loop: DispatchLoop;
  readonly ledger: Ledger;
  readonly codes: readonly Code[];
  readonly faultRate: number;
  /** Something that the master does, as soon as it is not blocked. */
  atMaster(atMs: number, run: () => void): void;
  say(line: () => string): void;
  delivered(outcome: Outcome): void;
}

/** What the tasks of a group are like. */
interface Kinds {
  readonly hasHugeResults: boolean;
  /** How many of them are given up one by one. */
  readonly cancelRate: number;
  /** Until then, tasks may run for ever. */
  isToBeCancelled: boolean;
}

/**
 * A context and its user: does what `lib/master/reading/context_core.ts` does, and adds tasks that are read, maps, and tasks with a
 * promise each.
 */
export class SimulatedContext {
  readonly board: DispatchContext;
  readonly #around: SimulatedSurroundings;
  readonly #taskTimeoutMs: number | undefined;
  readonly #retries: RetryPolicy | undefined;
  readonly #shortMs: number;
  readonly #endlessRate: number;
  readonly #readers: SimulatedReader[] = [];
  #willClose: boolean;
  #isClosed = false;

  constructor(number: number, around: SimulatedSurroundings) {
    const { random } = this.#around = around;
    const startup = random.chance(0.5) ? around.codes[0] : undefined;
    this.#retries = this.#pickRetries();
    this.board = new DispatchContext(number, { startup, retries: this.#retries });
    this.#taskTimeoutMs = this.#pickTimeout();
    this.#shortMs = random.pick([0.02, 0.3, 1]);
    this.#endlessRate = random.pick([0.03, 0.08]);
    this.#willClose = random.chance(0.2);
    if (this.#willClose) {
      around.atMaster(random.between(0, random.pick([20, 300])), () => this.#close());
    }
    this.#addMain();
    const maps = random.pick([0, 0, 1, 2]);
    for (let i = 0; i < maps; i++) this.#later(random.between(0, 100), () => this.#addMap(i));
    const promised = random.pick([0, 0, 1, 2]);
    for (let i = 0; i < promised; i++) {
      this.#later(random.between(0, 50), () => this.#addPromised(i));
    }
  }

  /** Has users read on, if they do not. */
  read(): void {
    for (const reader of this.#readers) if (reader.style === "added") reader.read();
  }

  /** The manager closes. */
  managerCloses(): void {
    for (const reader of this.#readers) reader.stop();
  }

  #pickTimeout(): number | undefined {
    const { random } = this.#around;
    return random.chance(0.3) ? random.pick([5, 30, 100]) : undefined;
  }

  #pickRetries(): RetryPolicy | undefined {
    const { random } = this.#around;
    if (random.chance(0.5)) return undefined;
    return {
      count: random.pick([1, 2, Infinity]),
      delayMs: random.pick([0, 0, 5, 40]),
      when: random.chance(0.5) ? (error, attempt) => this.#decide(error, attempt) : undefined,
    };
  }

  /** The user is asked whether a task that threw is to run again, and may do anything. */
  #decide({ task }: RemoteError, attempt: number): boolean {
    const { ledger, say } = this.#around;
    const plan = ledger.planOf(task as Task);
    if (attempt !== plan.thrown) violate(`${plan.value} is said to have thrown ${attempt} times`);
    say(() => `user decides of ${plan.value}: ${plan.whenThrown}`);
    switch (plan.whenThrown) {
      case "retry":
        return true;
      case "end":
        return false;
      case "throw":
        throw new Error("when");
      case "cancel":
        plan.task.cancel();
        return true;
      case "cancel group":
        this.#cancel(ledger.readers.get(plan.group)!);
        return true;
      default:
        return plan.whenThrown satisfies never;
    }
  }

  /** What the user does then, unless the context is closed before. */
  #later(delayMs: number, run: () => void): void {
    const { time, atMaster } = this.#around;
    atMaster(time.nowMs + delayMs, () => {
      if (!this.#isClosed) run();
    });
  }

  /** Tasks that are added one by one, and by lazy sources. */
  #addMain(): void {
    const { random } = this.#around;
    const reader = this.#addGroup("added", "", this.#taskTimeoutMs, this.#pickKinds(0.2));
    reader.addTasks(random.integer(1, random.pick([5, 20, 60])));
    for (let i = random.pick([0, 0, 1, 2]); i > 0; i--) {
      reader.addSource(random.integer(0, 20), random.chance(0.5));
    }
    this.#later(random.chance(0.5) ? 0 : random.between(0, 30), () => reader.read());
  }

  #addMap(number: number): void {
    const { random } = this.#around;
    const reader = this.#addGroup("map", `m${number}`, this.#taskTimeoutMs, this.#pickKinds(0.3));
    reader.addSource(random.integer(0, random.pick([5, 40])), random.chance(0.5));
    reader.read();
  }

  /** Each task is added by itself, and nobody reads results. */
  #addPromised(number: number): void {
    const { random } = this.#around;
    const reader = this.#addGroup(
      "promised",
      `p${number}`,
      this.#pickTimeout(),
      this.#pickKinds(0),
    );
    reader.read();
    const calls = random.integer(1, random.pick([3, 20]));
    for (let i = 0; i < calls; i++) {
      this.#later(random.between(0, random.pick([0, 20, 200])), () => reader.addTasks(1));
    }
  }

  #pickKinds(cancelledRate: number): Kinds {
    const { random } = this.#around;
    return {
      hasHugeResults: random.chance(0.2),
      cancelRate: random.pick([0, 0, 0.1, 0.5]),
      isToBeCancelled: random.chance(cancelledRate),
    };
  }

  #addGroup(
    style: SimulatedReader["style"],
    suffix: string,
    taskTimeoutMs: number | undefined,
    kinds: Kinds,
  ): SimulatedReader {
    const { time, random, dispatcher, loop, ledger, codes, say } = this.#around;
    const group = new DispatchGroup(this.board, this.#port(() => reader), taskTimeoutMs);
    const reader: SimulatedReader = new SimulatedReader({
      style,
      time,
      random,
      name: `c${this.board.number}${suffix}`,
      group,
      codes,
      readMs: random.pick([0, 0.2, 5]),
      hasHugeResults: kinds.hasHugeResults,
      spareTasks: style === "added" && random.chance(0.3) ? random.integer(1, 20) : 0,
      addTask: (code) => this.#addTask(reader, code, kinds),
      setReading: (reading) => group.reading = reading,
      setSources: (codes) => group.setSources(codes),
      resultTaken: (isCancelled) => {
        if (isCancelled ? group.takeRestored() : group.takeResult()) loop.schedule();
      },
      drop: () => this.#drop(reader),
      schedule: () => loop.schedule(),
      hasSlaves: () => dispatcher.hasSlaves,
      trace: say,
    });
    this.#readers.push(reader);
    ledger.readers.set(group, reader);
    dispatcher.addGroup(group);
    if (kinds.isToBeCancelled) {
      this.#later(random.between(0, 300), () => {
        kinds.isToBeCancelled = false;
        this.#cancel(reader);
      });
    }
    for (let i = random.pick([0, 0, 0, 1, 2]); i > 0; i--) {
      this.#later(random.between(0, random.pick([2, 300])), () => this.#giveUpMany(reader));
    }
    return reader;
  }

  #port(reader: () => SimulatedReader): GroupPort {
    const { ledger, say } = this.#around;
    return {
      deliver: (outcomes) => {
        for (const outcome of outcomes) {
          const { task, status, attempts } = outcome;
          say(() => `deliver ${ledger.name(task)}: ${status}, ${attempts} attempts`);
          ledger.noteOutcome(reader().group, outcome);
          this.#around.delivered(outcome);
          reader().deliver(outcome);
        }
      },
      pull: (count, code) => {
        if (count < 1) violate(`${count} tasks were to be pulled`);
        const { group } = reader();
        const isWaitedFor = group.isOpen && (group.waiting === 0 || code !== undefined);
        if (!isWaitedFor) violate("tasks were pulled that nobody waits for");
        if (code !== undefined) say(() => `pull ${count} of ${code.reference.name}`);
        ledger.noteEmpty(reader());
        reader().pull(count, code);
      },
      wake: () => reader().wake(),
    };
  }

  #addTask(reader: SimulatedReader, code: Code, kinds: Kinds): Task {
    const { random, dispatcher, loop, ledger } = this.#around;
    const { group, tasks } = reader;
    const origin = {
      code,
      cancel: (task: Task) => {
        ledger.noteTaskCancelled(task, this.#around.time.nowMs);
        dispatcher.cancelTask(group, task);
        loop.schedule();
      },
    };
    const args = random.chance(0.05) ? LARGE_ARGUMENTS : "[]";
    const task = newTask(tasks.length, origin, args);
    const isToBeCancelledAlone = random.chance(kinds.cancelRate);
    ledger.addPlan(this.#plan(reader, task, kinds, isToBeCancelledAlone));
    group.add(task);
    if (isToBeCancelledAlone) {
      const delayMs = random.between(0, random.pick([0, 1, 30, 200]));
      this.#later(delayMs, () => this.#giveUp(task));
    }
    return task;
  }

  #plan(
    { name, group, hasHugeResults }: SimulatedReader,
    task: Task,
    { isToBeCancelled }: Kinds,
    isToBeCancelledAlone: boolean,
  ): TaskPlan {
    const { random, faultRate } = this.#around;
    const mayNeverEnd = group.taskTimeoutMs !== undefined || isToBeCancelled || this.#willClose ||
      isToBeCancelledAlone;
    const fault = random.next() / faultRate;
    const endlessRate = isToBeCancelledAlone ? 0.3 : this.#endlessRate;
    const isPoison = argumentsOf(task) === LARGE_ARGUMENTS && fault < 0.5;
    return {
      group,
      task,
      end: fault < endlessRate && mayNeverEnd ? "never" : fault < 0.1 ? "throws" : "returns",
      ms: random.chance(0.1) ? random.between(1, 60) : random.between(0, 2 * this.#shortMs),
      throwsLeft: this.#retries === undefined ? Infinity : random.integer(1, 5),
      whenThrown: random.chance(0.6)
        ? "retry"
        : random.pick(["end", "throw", "cancel", "cancel group"]),
      isAsync: random.chance(0.2),
      deaths: isPoison || (fault > 0.1 && fault < 0.16) ? random.pick([1, 2, Infinity]) : 0,
      isPoison,
      isExit: random.chance(0.5),
      value: `${name}t${task.id}`,
      resultBytes: hasHugeResults ? HUGE_BYTES : 10,
      wasSent: false,
      fate: "open",
      cancelledMs: undefined,
      unwantedMs: undefined,
      thrown: 0,
      retry: undefined,
      chargeable: 0,
      charged: 0,
    };
  }

  /** Gives one task up, which may have ended. */
  #giveUp(task: Task): void {
    this.#around.say(() => `user gives up ${this.#around.ledger.name(task)}`);
    task.cancel();
  }

  /** Gives some tasks of a group up at once, or all. */
  #giveUpMany({ tasks }: SimulatedReader): void {
    const { random } = this.#around;
    const rate = random.pick([0.1, 0.5, 1]);
    for (const task of tasks) if (random.chance(rate)) this.#giveUp(task);
  }

  /** Cancels all tasks of a group. A map is left for ever, and others go on. */
  #cancel(reader: SimulatedReader): void {
    const { random, time } = this.#around;
    this.#around.say(() => `user cancels ${reader.name}`);
    if (random.chance(0.2)) this.#giveUpMany(reader);
    if (reader.style === "map") return reader.leave();
    this.#drop(reader);
    if (random.chance(0.5)) reader.stop();
    time.after(random.between(0, 30), () => reader.read());
  }

  #drop(reader: SimulatedReader): void {
    const { dispatcher, ledger, loop, time } = this.#around;
    ledger.noteGroupCancelled(reader.group, time.nowMs);
    const dropped = dispatcher.cancel(reader.group);
    ledger.noteDropped(reader.group, dropped);
    reader.dropped(dropped);
    loop.schedule();
  }

  #close(): void {
    const { dispatcher, ledger, loop, say, time } = this.#around;
    say(() => `user closes context ${this.board.number}`);
    this.#isClosed = true;
    this.#willClose = false;
    for (const reader of this.#readers) {
      reader.close();
      if (!reader.isDone || reader.style === "promised") this.#drop(reader);
    }
    ledger.closed.set(this.board, time.nowMs);
    dispatcher.closeContext(this.board, time.nowMs);
    loop.schedule();
  }
}
