/**
 * A master for the tests on a cluster. Its argument is an `Order` as JSON; it prints what happens as lines of JSON, each
 * an `Occurrence`.
 *
 * @module
 */

import {
  type ElasticCount,
  type JobArrayOptions,
  LocalSlaveArray,
  type Manager,
  type ManagerEvent,
  type ManagerOptions,
  remote,
  SGEPESlaveArray,
  type SGEQsubOptions,
  SGEQsubSlaveArray,
  type SlaveArray,
  SlurmSlaveArray,
  SlurmStepSlaveArray,
  type SSHHostSlaves,
  type SSHOptions,
  SSHSlaveArray,
} from "../../mod.ts";
import { isThere, type Place } from "./place_tasks.ts";
import { managerBy } from "../support/local_manager.ts";
import { StandingClock } from "../support/test_clock.ts";

/** What a master is to do. */
export interface Order {
  /** How many tasks, which return 0, 1, 2 … */
  readonly tasks: number;
  /** Tasks go on beyond that number until there is this file, a path. */
  readonly untilFile?: string;
  /** How long each of them takes, in milliseconds; nothing by default. */
  readonly taskMs?: number;
  /** The last of them goes on until there is this file, a path. */
  readonly lastUntilFile?: string;
  /** How many slaves; without a number those that the master's own job was granted. */
  readonly slaves?: number;
  /** Bounds, between which the number of slaves follows the work: then that of `slaves` says nothing. */
  readonly bounds?: ElasticCount;
  /** What brings them; Grid Engine by default. */
  readonly by?: "Grid Engine" | "Slurm" | "ssh" | "this machine";
  /** No task starts before so many slaves have connected: the last job may start after seconds. */
  readonly startsWith?: number;
  /** Options of the array, whatever the scheduler. */
  readonly array?: JobArrayOptions;
  /** Those that are for Grid Engine alone. */
  readonly qsub?: SGEQsubOptions;
  /** Where ssh brings slaves: all of them to the first host, but for one to each other. */
  readonly ssh?: { readonly hosts: readonly string[]; readonly options: SSHOptions };
  readonly manager?: ManagerOptions;
  /** Whether its manager has a clock that stands: what it would wait for some time for, it waits for until it happens. */
  readonly timeStands?: boolean;
  /** Throw after so many results. */
  readonly throwAfter?: number;
  /** Close before the first result has come, when all slaves are queued. */
  readonly closeWhenQueued?: boolean;
  /** Startup is given this number, which values have too much until a task takes it off, and prints them. */
  readonly shift?: number;
  /** Whether tasks tell how far they have come. */
  readonly tellsProgress?: boolean;
  /** Whether to tell the secret. */
  readonly tellsSecret?: boolean;
  /** Module that the tasks come from, if others than those beside this file. */
  readonly module?: string;
}

/** What a master tells. */
export type Occurrence =
  | { readonly type: "master"; readonly pid: number; readonly host: string }
  | { readonly type: "result" } & Place
  | { readonly type: "secret"; readonly secret: string }
  | { readonly type: "done" } & Done
  | { readonly type: "error"; readonly name: string; readonly message: string }
  | ProgressOccurrence
  | EventOccurrence;

/** All results have been told. */
interface Done {
  /** How many there were to be. */
  readonly tasks: number;
  /** From the submission to the first result, of any task; missing if there was none. */
  readonly firstResultMs?: number;
  /** How long it took to close the manager. */
  readonly closeMs: number;
}

/** What a task tells of itself. */
interface ProgressOccurrence {
  readonly type: "task-progress";
  /** The slave's number. */
  readonly slave: number;
  readonly done: number;
  readonly total?: number;
  readonly text?: string;
}

/** An event of the manager, but for the usual ones of tasks. */
type EventOccurrence<Type = Exclude<ManagerEvent["type"], "task-progress">> = Type extends
  ManagerEvent["type"] ? {
    readonly type: Type;
    /** The slave's number and name. */
    readonly slave?: number;
    readonly name?: string;
    /** Why, or what is to be warned of. */
    readonly reason?: string;
  }
  : never;

function tell(occurrence: Occurrence): void {
  console.log(JSON.stringify(occurrence));
}

function tellEvent(event: ManagerEvent): void {
  switch (event.type) {
    case "task-started":
    case "task-finished":
    case "task-failed":
    case "task-cancelled":
    case "task-restored":
    case "startup-started":
    case "startup-finished":
    case "startup-failed":
    case "progress":
    case "listening":
      break;
    case "warning":
      tell({ type: event.type, reason: event.message });
      break;
    case "task-progress": {
      const { slave: { number: slave }, done, total, text } = event;
      tell({ type: event.type, slave, done, total, text });
      break;
    }
    default: {
      const { number: slave, name } = event.slave;
      tell({ type: event.type, slave, name, reason: "reason" in event ? event.reason : undefined });
    }
  }
}

/** One input, and the end of them when something has happened. */
async function* until(happened: Promise<void>): AsyncGenerator<number> {
  yield 0;
  await happened;
}

/** The slaves that are asked for. */
function makeSlaves(order: Order): SlaveArray {
  const { slaves, bounds, by = "Grid Engine", array = {}, qsub, ssh, manager } = order;
  const count = bounds ?? slaves;
  const { words, ...options } = array;
  switch (by) {
    case "this machine":
      return new LocalSlaveArray(slaves);
    case "ssh":
      return new SSHSlaveArray(hostsFor(slaves!, ssh!.hosts), {
        deno: manager?.deno ?? Deno.execPath(),
        ...ssh!.options,
      });
    case "Slurm":
      return count === undefined
        ? new SlurmStepSlaveArray()
        : new SlurmSlaveArray(count, { sbatch: words, ...options });
    case "Grid Engine":
      return count === undefined
        ? new SGEPESlaveArray()
        : new SGEQsubSlaveArray(count, { qsub: words, ...options, ...qsub });
    default:
      return by satisfies never;
  }
}

function hostsFor(slaves: number, [first, ...others]: readonly string[]): SSHHostSlaves[] {
  const few = others.slice(0, slaves - 1).map((host) => ({ host }));
  return [{ host: first, slaves: slaves - few.length }, ...few];
}

/** Has the slaves' secret told when they are started. */
function tellSecret(array: SlaveArray): void {
  const launch = array.launch.bind(array);
  array.launch = (orders) => {
    tell({ type: "secret", secret: JSON.parse(orders[0].connection).secret });
    return launch(orders);
  };
}

function tasksOf({ module = import.meta.resolve("./place_tasks.ts") }: Order) {
  return remote<typeof import("./place_tasks.ts")>(module);
}

/** Numbers from 0 on: as many as there are to be, and more until there is a file. */
function* valuesOf({ tasks, untilFile }: Order): Generator<number> {
  for (let i = 0; i < tasks || (untilFile !== undefined && !isThere(untilFile)); i++) yield i;
}

/** Adds the tasks that are asked for. `added` has the number of those that were added. */
function placesOf(manager: Manager, order: Order, added: { tasks: number }): AsyncIterable<Place> {
  const { taskMs = 0, shift = 0, untilFile, lastUntilFile, tellsProgress } = order;
  const tasks = tasksOf(order);
  const place = tellsProgress ? tasks.placeTelling : tasks.place;
  if (order.shift !== undefined) {
    const context = manager.getContext(tasks.setup, { args: [shift] });
    for (const i of valuesOf(order)) {
      context.addTask(tasks.placeShifted, i + shift, taskMs);
      added.tasks++;
    }
    return context.getResultsUnordered<Place>();
  }
  const context = manager.getContext();
  if (untilFile !== undefined) {
    const inputs = valuesOf(order).map((value) => {
      added.tasks++;
      return { value, ms: taskMs };
    });
    context.addTasks(tasks.placeOne, inputs);
    return context.getResultsUnordered<Place>();
  }
  for (const i of valuesOf(order)) {
    added.tasks++;
    if (lastUntilFile !== undefined && added.tasks === order.tasks) {
      context.addTask(tasks.placeWhenThere, i, lastUntilFile);
    } else context.addTask(place, i, taskMs);
  }
  return context.getResultsUnordered<Place>();
}

/** Runs the tasks that are asked for. */
async function run(order: Order): Promise<Done> {
  let queued = 0;
  let connected = 0;
  const areThere = Promise.withResolvers<void>();
  const onEvent = (event: ManagerEvent): void => {
    tellEvent(event);
    if (event.type === "slave-connected" && ++connected === order.startsWith) areThere.resolve();
    if (event.type === "slave-queued" && ++queued === order.slaves && order.closeWhenQueued) {
      manager.close();
    }
  };
  const clock = order.timeStands ? new StandingClock() : undefined;
  await using manager = managerBy(clock, { ...order.manager, onEvent });
  const slaves = makeSlaves(order);
  if (order.tellsSecret) tellSecret(slaves);
  manager.addSlave(slaves);
  const startMs = performance.now();
  let firstResultMs: number | undefined;
  if (order.startsWith !== undefined) {
    // Who waits for results keeps the script from ending.
    const first = manager.getContext();
    // Of the same module as the others: hosts that are sent files get them once.
    first.addTasks(tasksOf(order).begin, until(areThere.promise));
    for await (const _ of first.getResults()) firstResultMs ??= performance.now() - startMs;
  }
  let results = 0;
  const added = { tasks: 0 };
  for await (const place of placesOf(manager, order, added)) {
    firstResultMs ??= performance.now() - startMs;
    tell({ type: "result", ...place });
    if (++results === order.throwAfter) throw new RangeError("the script has an error");
  }
  const closedMs = performance.now();
  await manager.close();
  return { ...added, firstResultMs, closeMs: performance.now() - closedMs };
}

tell({ type: "master", pid: Deno.pid, host: Deno.hostname() });
try {
  tell({ type: "done", ...await run(JSON.parse(Deno.args[0])) });
} catch (error) {
  if (!(error instanceof Error)) throw error;
  tell({ type: "error", name: error.name, message: error.message });
  Deno.exitCode = 1;
}
