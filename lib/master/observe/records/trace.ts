import type { SlaveIdentity } from "../../../errors.ts";
import type { Task } from "../../../task.ts";
import { describeThrown } from "../../board/failures.ts";
import type { ManagerEvent, SlaveCounts } from "../events.ts";
import type { GroupWriter } from "./group_writer.ts";
import { labelOf, startOf, type TaskCancelled, type TaskEnd } from "./task_end.ts";
import { type Slice, TraceFile } from "./trace_file.ts";

/** Gaps at least this long are drawn as idle time. */
const MIN_IDLE_MS = 1;
/**
 * Tasks shorter than `TINY_TASK_MS` are drawn as one if the gaps between them are no longer than this. The merged task is no longer than
 * `MAX_MERGED_MS`. So there are at most a thousand of them in a second, and a viewer can show millions of tasks.
 */
const TINY_TASK_MS = 0.1;
const MAX_MERGED_MS = 1;

/** Tiny tasks that are drawn as one. */
interface MergedTasks extends Slice {
  readonly firstTask: number;
  readonly context: number;
  count: number;
}

/** What a slave is doing, as far as known. */
interface Row {
  readonly number: number;
  /** What it does while it runs neither a task nor startup, and since when. */
  phase: { readonly name: "queued" | "starting" | "idle"; readonly sinceMs: number } | undefined;
  /** The task or startup that it runs. */
  running: { readonly what: Task | "startup"; readonly startMs: number } | undefined;
  merged: MergedTasks | undefined;
}

/**
 * The timeline of a run, which Perfetto (https://ui.perfetto.dev) and chrome://tracing can show: a row for each slave, with its waiting,
 * starting, startups, tasks and idle times.
 */
export class Trace {
  readonly #file: TraceFile;
  readonly #rows = new Map<number, Row>();
  #lastMs = 0;
  #counts: SlaveCounts | undefined;

  constructor(writer: GroupWriter) {
    this.#file = new TraceFile(
      writer,
      `parallel: ${(Deno.mainModule ?? "a Worker").replace(/^.*\//, "")}`,
    );
  }

  /** Takes an event of the manager. */
  tell(event: ManagerEvent): void {
    this.#file.begin(event.timeMs);
    this.#lastMs = Math.max(this.#lastMs, event.timeMs);
    switch (event.type) {
      case "slave-queued":
        this.#enter(this.#rowOf(event.slave), "queued", event.timeMs);
        break;
      case "slave-job-started":
      case "slave-started":
        this.#enter(this.#rowOf(event.slave), "starting", event.timeMs);
        break;
      case "slave-connected":
        this.#name(event.slave);
        this.#enter(this.#rowOf(event.slave), "idle", event.timeMs);
        break;
      case "slave-alive":
        this.#drawMemory(event);
        break;
      case "slave-restarted":
        this.#leave(event.slave, event.timeMs);
        this.#file.mark(event.slave.number, "started anew", event.timeMs, { reason: event.reason });
        break;
      case "slave-lost":
        this.#leave(event.slave, event.timeMs);
        this.#file.mark(event.slave.number, "lost", event.timeMs, { reason: event.reason });
        break;
      case "slave-ended":
        this.#leave(event.slave, event.timeMs);
        break;
      case "startup-started": {
        const row = this.#rowOf(event.slave);
        this.#enter(row, undefined, event.timeMs);
        row.running = { what: "startup", startMs: event.timeMs };
        break;
      }
      case "startup-finished":
      case "startup-failed":
        this.#startupEnded(event);
        break;
      case "task-started": {
        const row = this.#rowOf(event.slave);
        row.running = { what: event.task, startMs: event.timeMs };
        break;
      }
      case "task-finished":
      case "task-failed":
        this.#taskEnded(event);
        break;
      case "task-cancelled":
        this.#taskCancelled(event);
        break;
      case "task-retried":
        this.#taskLost(event);
        break;
      case "progress":
        this.#count(event.slaves, event.timeMs);
        break;
      case "listening":
      case "files-laid":
      case "slave-printed":
      case "task-restored":
      case "task-progress":
      case "warning":
        break;
      default:
        event satisfies never;
    }
  }

  /** Nothing follows: draws what is under way, and completes the array. */
  end(): void {
    for (const row of this.#rows.values()) {
      this.#drawMerged(row);
      this.#enter(row, undefined, this.#lastMs);
    }
    this.#file.end();
  }

  #drawMemory(
    { slave, memoryBytes, timeMs }: Extract<ManagerEvent, { type: "slave-alive" }>,
  ): void {
    if (memoryBytes === undefined) return;
    const megabytes = Math.round(memoryBytes / 1e6);
    this.#file.count(`memory of slave ${slave.number}`, timeMs, { MB: megabytes });
  }

  #rowOf(slave: SlaveIdentity): Row {
    let row = this.#rows.get(slave.number);
    if (row === undefined) {
      row = { number: slave.number, phase: undefined, running: undefined, merged: undefined };
      this.#rows.set(slave.number, row);
      this.#name(slave);
    }
    return row;
  }

  #name({ number, name, host }: SlaveIdentity): void {
    this.#file.nameRow(number, host === "" || name.includes(host) ? name : `${name} on ${host}`);
  }

  /** Draws the phase that ends, and begins the next; none if the slave runs something, which is drawn when it ends. */
  #enter(row: Row, name: "queued" | "starting" | "idle" | undefined, atMs: number): void {
    const { phase } = row;
    row.phase = name && { name, sinceMs: atMs };
    if (phase === undefined) return;
    const isNotable = phase.name !== "idle" || atMs - phase.sinceMs >= MIN_IDLE_MS;
    if (!isNotable) return;
    this.#file.draw(row.number, {
      name: phase.name,
      category: "slave",
      startMs: phase.sinceMs,
      endMs: atMs,
    });
  }

  /** The process of a slave has ended: draws what it was running. */
  #leave(slave: SlaveIdentity, atMs: number): void {
    const row = this.#rowOf(slave);
    this.#drawMerged(row);
    if (row.running !== undefined) {
      const { what, startMs } = row.running;
      const name = what === "startup" ? what : labelOf(what);
      const identity = what === "startup" ? {} : identityOf(what);
      this.#runEnded(row, {
        name,
        category: "cut off",
        startMs,
        endMs: atMs,
        args: { ...identity, status: "cut off" },
      });
    }
    this.#enter(row, undefined, atMs);
  }

  #startupEnded(
    event: Extract<ManagerEvent, { type: "startup-finished" | "startup-failed" }>,
  ): void {
    const { slave, context, timeMs, runTimeMs } = event;
    const row = this.#rowOf(slave);
    const args = event.type === "startup-failed"
      ? { context, status: "rejected", message: describeThrown(event.reason) }
      : { context };
    const toldMs = row.running?.what === "startup" ? row.running.startMs : Infinity;
    const startMs = Math.min(timeMs - runTimeMs, toldMs);
    const slice = { name: "startup", category: "startup", startMs, endMs: timeMs, args };
    this.#runEnded(row, slice);
  }

  #taskEnded(event: TaskEnd): void {
    const { task, slave, context, timeMs, runTimeMs, attempts, bytesIn } = event;
    const hasFailed = event.type === "task-failed";
    if (slave === undefined || (hasFailed && runTimeMs === 0)) {
      const args = { ...identityOf(task), context, input: hasFailed ? event.input : undefined };
      this.#file.mark(slave?.number, `${labelOf(task)} failed`, timeMs, args);
      return;
    }
    const row = this.#rowOf(slave);
    const toldMs = row.running?.what === task ? row.running.startMs : undefined;
    const startMs = Math.max(startOf(event, toldMs), row.phase?.sinceMs ?? -Infinity);
    if (!hasFailed && timeMs - startMs < TINY_TASK_MS) {
      this.#merge(row, task, context, startMs, timeMs);
      return;
    }
    const details = hasFailed
      ? { status: "rejected", message: event.reason.message, input: event.input }
      : { bytesOut: event.bytesOut };
    const args = { ...identityOf(task), context, attempts, bytesIn, ...details };
    const category = hasFailed ? "failed" : "task";
    this.#runEnded(row, { name: labelOf(task), category, startMs, endMs: timeMs, args });
  }

  /** Draws what has run on a slave, and the gap before it. */
  #runEnded(row: Row, slice: Slice): void {
    this.#drawMerged(row);
    this.#enter(row, "idle", slice.startMs);
    row.phase = { name: "idle", sinceMs: slice.endMs };
    row.running = undefined;
    this.#file.draw(row.number, slice);
  }

  #merge(row: Row, task: Task, context: number, startMs: number, endMs: number): void {
    const { merged } = row;
    const name = labelOf(task);
    if (
      merged?.name === name && merged.context === context &&
      startMs - merged.endMs < TINY_TASK_MS && endMs - merged.startMs < MAX_MERGED_MS
    ) {
      merged.endMs = endMs;
      merged.count++;
    } else {
      this.#drawMerged(row);
      this.#enter(row, "idle", startMs);
      row.merged = {
        name,
        category: "task",
        context,
        startMs,
        endMs,
        firstTask: task.id,
        count: 1,
      };
    }
    row.phase = { name: "idle", sinceMs: endMs };
    row.running = undefined;
  }

  #drawMerged(row: Row): void {
    const { merged } = row;
    if (merged === undefined) return;
    row.merged = undefined;
    const { count, firstTask, context } = merged;
    const name = count === 1 ? merged.name : `${merged.name} × ${count}`;
    this.#file.draw(row.number, {
      ...merged,
      name,
      args: { task: firstTask, tasks: count, context },
    });
  }

  #taskLost(event: Extract<ManagerEvent, { type: "task-retried" }>): void {
    const { task, slave, timeMs, reason } = event;
    const hasThrown = "error" in event;
    const row = this.#rowOf(slave);
    const { running } = row;
    if (running?.what !== task) {
      this.#file.mark(slave.number, `${labelOf(task)} goes elsewhere`, timeMs, {
        ...identityOf(task),
        reason,
      });
      return;
    }
    this.#runEnded(row, {
      name: labelOf(task),
      category: hasThrown ? "failed" : "cut off",
      startMs: running.startMs,
      endMs: timeMs,
      args: { ...identityOf(task), status: hasThrown ? "to run again" : "cut off", reason },
    });
  }

  #taskCancelled({ task, slave, context, timeMs }: TaskCancelled): void {
    const row = slave && this.#rowOf(slave);
    if (row?.running?.what !== task) {
      const name = `${labelOf(task)} cancelled`;
      this.#file.mark(slave?.number, name, timeMs, { ...identityOf(task), context });
      return;
    }
    this.#runEnded(row, {
      name: labelOf(task),
      category: "cut off",
      startMs: row.running.startMs,
      endMs: timeMs,
      args: { ...identityOf(task), context, status: "cancelled" },
    });
  }

  #count(counts: SlaveCounts, atMs: number): void {
    const before = this.#counts;
    if (before?.busy === counts.busy && before.idle === counts.idle) return;
    this.#counts = counts;
    this.#file.count("slaves", atMs, { busy: counts.busy, idle: counts.idle });
  }
}

/** Identifies the task; the file has no label for a task without one. */
function identityOf({ id, label }: Task): { readonly task: number; readonly label?: string } {
  return label === undefined ? { task: id } : { task: id, label };
}
