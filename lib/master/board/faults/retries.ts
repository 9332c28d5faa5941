import { MAX_TIMER_MS } from "../../../clock.ts";
import type { RemoteError } from "../../../errors.ts";
import { argumentsOf, sizeOfEncoded, type Task } from "../../../task.ts";
import type { RetryPolicy } from "../dispatch_context.ts";
import type { DispatchGroup } from "../dispatch_group.ts";
import type { DispatchSlave } from "../dispatch_slave.ts";
import { undecided } from "../failures.ts";
import type { SentTask } from "../sent_tasks.ts";

/** After this many doublings even a delay of 1 ms is the longest that a timer can be set to. */
const MAX_DOUBLINGS = 31;

/** What happens to a task that threw: it runs again, or it ends. */
export type ThrowVerdict =
  | { readonly type: "retry"; readonly delayMs: number }
  | { readonly type: "end"; readonly reason: RemoteError };

/**
 * Decides what happens to a task that threw.
 *
 * @param policy The retry policy of its context.
 * @param reason The error that it would otherwise end in.
 * @param throws How often it has thrown, including this time.
 */
export function judgeThrow(
  policy: RetryPolicy | undefined,
  reason: RemoteError,
  throws: number,
): ThrowVerdict {
  if (policy === undefined || throws > policy.count) return { type: "end", reason };
  try {
    if (policy.when !== undefined && !asksForRetry(policy.when(reason, throws))) {
      return { type: "end", reason };
    }
  } catch (thrown) {
    return { type: "end", reason: undecided(reason, thrown) };
  }
  const factor = 2 ** Math.min(throws - 1, MAX_DOUBLINGS);
  return { type: "retry", delayMs: Math.min(policy.delayMs * factor, MAX_TIMER_MS) };
}

/** @throws {TypeError} If the answer is neither `true` nor `false`. */
function asksForRetry(answer: unknown): boolean {
  if (typeof answer === "boolean") return answer;
  // Nobody waits for it, so its failure must not end the script.
  if (answer instanceof Promise) answer.catch(() => {});
  const remedy = answer instanceof Promise ? ". It must not be async" : "";
  throw new TypeError(
    `Expected true or false, got ${Deno.inspect(answer, { depth: 0, colors: false })}${remedy}`,
  );
}

/** A task that threw and waits to run again. */
export interface Retry extends SentTask {
  /** The slave on which it threw. */
  readonly slave: DispatchSlave;
  readonly dueMs: number;
  /** About how many bytes its arguments are. */
  readonly bytes: number;
}

/** Tasks that threw: how often, and which of them wait to run again. */
export class Retries {
  /** Whether no task waits. Only this class changes it. */
  isEmpty = true;
  /** How often each task has thrown that has not ended. */
  readonly #throws = new Map<Task, number>();
  /** The same, read-only. */
  readonly throws: ReadonlyMap<Task, number> = this.#throws;
  /** Waiting tasks, grouped by delay: with the same delay for all, the first one is due first. */
  readonly #waiting = new Map<number, Map<Task, Retry>>();

  /** Whether somebody reads the results of any waiting task. */
  get areRead(): boolean {
    return this.#list().some(({ group }) => group.reading !== "no");
  }

  /** How many tasks wait, for tests. @internal */
  get waiting(): number {
    return this.#list().length;
  }

  /** Counts the waiting tasks that meet a condition. */
  count(isMeant: (retry: Retry) => boolean): number {
    return this.#list().filter(isMeant).length;
  }

  /** How often a task has thrown. */
  countThrows(task: Task): number {
    return this.#throws.get(task) ?? 0;
  }

  /** Notes that a task has thrown on a slave, and has to run again after some time. */
  add({ group, task }: SentTask, slave: DispatchSlave, delayMs: number, nowMs: number): void {
    this.#throws.set(task, this.countThrows(task) + 1);
    let tasks = this.#waiting.get(delayMs);
    if (tasks === undefined) this.#waiting.set(delayMs, tasks = new Map());
    const bytes = sizeOfEncoded(argumentsOf(task));
    tasks.set(task, { group, task, slave, dueMs: nowMs + delayMs, bytes });
    group.addDelayed(bytes);
    this.isEmpty = false;
  }

  /** Takes the tasks that are due, the earliest first. */
  takeDue(nowMs: number): Retry[] {
    const due: Retry[] = [];
    for (const tasks of this.#waiting.values()) {
      for (const retry of tasks.values()) {
        if (retry.dueMs > nowMs) break;
        due.push(retry);
      }
    }
    for (const { task } of due) this.take(task);
    return due.sort((a, b) => a.dueMs - b.dueMs);
  }

  /** Takes all waiting tasks of a group. */
  takeAll(group: DispatchGroup): Task[] {
    const taken = this.#list().filter((retry) => retry.group === group).map(({ task }) => task);
    for (const task of taken) this.take(task);
    return taken;
  }

  /** Takes a task, if it waits; returns whether it did. */
  take(task: Task): boolean {
    for (const [delayMs, tasks] of this.#waiting) {
      const retry = tasks.get(task);
      if (retry === undefined) continue;
      tasks.delete(task);
      if (tasks.size === 0) this.#waiting.delete(delayMs);
      this.isEmpty = this.#waiting.size === 0;
      retry.group.takeDelayed(retry.bytes);
      return true;
    }
    return false;
  }

  /** When the first of the tasks is due; `Infinity` if none waits. */
  nextMs(): number {
    let soonestMs = Infinity;
    for (const tasks of this.#waiting.values()) {
      for (const { dueMs } of tasks.values()) {
        soonestMs = Math.min(soonestMs, dueMs);
        break;
      }
    }
    return soonestMs;
  }

  /** Forgets a task that has ended; returns how often it ran again after it threw. */
  end(task: Task): number {
    // This is called for every task, and nearly always there are none.
    if (this.#throws.size === 0) return 0;
    const throws = this.countThrows(task);
    this.#throws.delete(task);
    return throws;
  }

  #list(): Retry[] {
    return [...this.#waiting.values()].flatMap((tasks) => [...tasks.values()]);
  }
}
