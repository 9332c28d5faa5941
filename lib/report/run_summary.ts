import type { JobLogLine, LoggedDeath } from "../job_log_line.ts";
import { FailureGroups } from "./failure_groups.ts";

/** How many of the slowest tasks are listed, and how many of those that ran most often. */
const MAX_SLOWEST = 20;
const MAX_RETRIED = 20;

/** What one slave did. */
export interface SlaveSummary {
  readonly number: number;
  /** Its machine, empty if the machine does not tell its name; `undefined` if no task in the log ended on it. */
  host: string | undefined;
  tasks: number;
  failed: number;
  /** How often its process died while it ran a task. */
  deaths: number;
  busyMs: number;
  /** When its first task started, or when it died, in milliseconds since 1970. Before that it may have waited in a queue. */
  startMs: number;
}

/** The sums over the tasks of one function. */
export interface FunctionSummary {
  readonly label: string;
  tasks: number;
  failed: number;
  totalMs: number;
  maxMs: number;
}

/** One run of a task, as charts need it. Times are in milliseconds since 1970. */
export interface TaskRun {
  readonly startMs: number;
  readonly endMs: number;
  /** How long it ran: more exact than `endMs - startMs`. */
  readonly runTimeMs: number;
  readonly slave: number;
  readonly hasFailed: boolean;
  readonly wasCancelled: boolean;
}

/** The sums over the tasks of a job log. */
export class RunSummary {
  tasks = 0;
  failed = 0;
  /** Tasks that were given up. They do not count as failed. */
  cancelled = 0;
  /** Tasks that were not run, because a journal had their outcome. */
  restored = 0;
  /** Tasks that ran more than once, because slaves died or because they threw. */
  retried = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Milliseconds since 1970; `Infinity` and `-Infinity` if no task ran. */
  startMs = Infinity;
  endMs = -Infinity;
  busyMs = 0;
  /** Tasks that ended by themselves. */
  readonly runs: TaskRun[] = [];
  /** Tasks that were given up while they ran. */
  readonly cutOff: TaskRun[] = [];
  /** Deaths of slaves that ran tasks. */
  readonly deaths: LoggedDeath[] = [];
  readonly slaves: Map<number, SlaveSummary> = new Map();
  readonly functions: Map<string, FunctionSummary> = new Map();
  readonly failures: FailureGroups = new FailureGroups();
  /** The tasks that ran longest, the longest first. */
  readonly slowest: JobLogLine[] = [];
  /** The tasks that ran most often, of those that ran more than once. */
  readonly mostRetried: JobLogLine[] = [];
  #sortedMs: Float64Array | undefined;
  /** The slave and time of each of {@linkcode RunSummary.deaths}: each task that a slave had when it died reports the same death. */
  readonly #deathKeys = new Set<string>();

  /** Adds a task. */
  add(line: JobLogLine): void {
    this.tasks++;
    if (line.status === "rejected") {
      const { context, task, message, input, ownLabel } = line;
      this.failed++;
      this.failures.add({ context, task, message, input, ownLabel });
    }
    if (line.status === "cancelled") this.cancelled++;
    if (line.source === "journal") {
      this.restored++;
      return;
    }
    this.bytesIn += line.bytesIn;
    this.bytesOut += line.bytesOut ?? 0;
    if (line.attempts > 1) {
      this.retried++;
      addToTop(this.mostRetried, line, ({ attempts }) => attempts, MAX_RETRIED);
    }
    for (const death of line.deaths) this.#addDeath(death);
    if (line.slave === undefined) return;
    if (line.startMs !== undefined) this.#addRun(line, line.startMs, line.slave);
    else if (line.status === "rejected" && line.attempts > 0) this.#addGivenUp(line, line.slave);
  }

  /** Time from the start of the first task to the end of the last; 0 if none ran. */
  get elapsedMs(): number {
    return Math.max(0, this.endMs - this.startMs);
  }

  /** The run time, in milliseconds, that this share of the tasks does not exceed: 0.5 gives the median. 0 if none ran. */
  quantileMs(share: number): number {
    if (this.#sortedMs?.length !== this.runs.length) {
      this.#sortedMs = Float64Array.from(this.runs, ({ runTimeMs }) => runTimeMs).sort();
    }
    return this.#sortedMs[Math.ceil(share * this.runs.length) - 1] ?? this.#sortedMs[0] ?? 0;
  }

  #addRun(line: JobLogLine, startMs: number, slaveNumber: number): void {
    const { runTimeMs } = line;
    const hasFailed = line.status === "rejected";
    const wasCancelled = line.status === "cancelled";
    const endMs = startMs + runTimeMs;
    this.startMs = Math.min(this.startMs, startMs);
    this.endMs = Math.max(this.endMs, endMs);
    this.busyMs += runTimeMs;
    const run = { startMs, endMs, runTimeMs, slave: slaveNumber, hasFailed, wasCancelled };
    const slave = getOrSet(this.slaves, slaveNumber, () => newSlave(slaveNumber));
    slave.host = line.host;
    slave.busyMs += runTimeMs;
    slave.startMs = Math.min(slave.startMs, startMs);
    if (wasCancelled) {
      // Nobody knows how long it would have run.
      this.cutOff.push(run);
      return;
    }
    this.runs.push(run);
    slave.tasks++;
    const ofFunction = getOrSet(this.functions, line.label, () => newFunction(line.label));
    ofFunction.tasks++;
    ofFunction.totalMs += runTimeMs;
    ofFunction.maxMs = Math.max(ofFunction.maxMs, runTimeMs);
    if (hasFailed) {
      slave.failed++;
      ofFunction.failed++;
    }
    addToTop(this.slowest, line, ({ runTimeMs }) => runTimeMs, MAX_SLOWEST);
  }

  #addDeath(death: LoggedDeath): void {
    const key = `${death.slave} ${death.timeMs}`;
    if (this.#deathKeys.has(key)) return;
    this.#deathKeys.add(key);
    this.deaths.push(death);
    this.startMs = Math.min(this.startMs, death.timeMs);
    this.endMs = Math.max(this.endMs, death.timeMs);
    const slave = getOrSet(this.slaves, death.slave, () => newSlave(death.slave));
    slave.deaths++;
    slave.startMs = Math.min(slave.startMs, death.timeMs);
  }

  /** Adds a task that was given up. It counts for the last slave that died running it. Nobody knows how long it ran. */
  #addGivenUp({ label, host }: JobLogLine, slaveNumber: number): void {
    const slave = getOrSet(this.slaves, slaveNumber, () => newSlave(slaveNumber));
    slave.host = host;
    slave.tasks++;
    slave.failed++;
    const ofFunction = getOrSet(this.functions, label, () => newFunction(label));
    ofFunction.tasks++;
    ofFunction.failed++;
  }
}

/** Inserts a line into a list of those with the most of something, highest first, if it belongs there. */
function addToTop(
  top: JobLogLine[],
  line: JobLogLine,
  amountOf: (line: JobLogLine) => number,
  most: number,
): void {
  const amount = amountOf(line);
  if (top.length === most && amount <= amountOf(top[most - 1])) return;
  const place = top.findIndex((other) => amountOf(other) < amount);
  top.splice(place < 0 ? top.length : place, 0, line);
  top.length = Math.min(top.length, most);
}

function newSlave(number: number): SlaveSummary {
  return { number, host: undefined, tasks: 0, failed: 0, deaths: 0, busyMs: 0, startMs: Infinity };
}

function newFunction(label: string): FunctionSummary {
  return { label, tasks: 0, failed: 0, totalMs: 0, maxMs: 0 };
}

function getOrSet<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}
