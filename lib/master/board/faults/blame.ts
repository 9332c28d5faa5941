import type { Attempt } from "../../../errors.ts";
import { argumentsOf, sizeOfEncoded, type Task } from "../../../task.ts";
import type { DispatchContext } from "../dispatch_context.ts";
import type { Service } from "../dispatch_slave.ts";
import type { Head, SentTask } from "../sent_tasks.ts";

/** Arguments up to this size do not fill the memory. */
const SMALL_BYTES = 1024 * 1024;

/** What is concluded about the tasks that a slave had when it died. */
export interface Verdict {
  /** The context whose startup was running. */
  readonly startup?: DispatchContext;
  /** The task that was running. */
  readonly culprit?: SentTask;
  /** Tasks of which one, or none, was running. */
  readonly suspects: readonly SentTask[];
  /** Tasks that were not running. */
  readonly innocent: readonly SentTask[];
}

/**
 * Finds out which task, if any, was running when a slave died.
 *
 * A slave that is killed says nothing, and answers of short tasks leave together. So any of the first few tasks may have been running: the
 * slave may have finished the ones before. If only one task can have been running, it is blamed. This is wrong only if the slave died while
 * that task, or its answer, was still on its way.
 *
 * A slave says when startup begins. If it dies before that, it was reading the arguments of the startup or of the first task, which may
 * fill its memory: the larger arguments are blamed.
 *
 * @param isHeardOut Whether all answers of the slave have arrived; if not, any of its tasks may have been running.
 */
export function judgeDeath(
  { sent, startups, ending }: Service,
  isHeardOut: boolean,
): Verdict {
  const tasks = sent.list();
  const head = sent.head();
  // Its end was announced, so no task is to blame.
  if (ending.type === "leaving" || head === undefined) return acquitted(tasks);
  if (ending.type === "exiting" && ending.running !== head.number) return acquitted(tasks);
  if (!startups.isDone(head.group.context)) {
    // The slave may have said that startup had begun, or finished, without being heard.
    if (!isHeardOut) return acquitted(tasks);
    if (startups.begun === head.group.context || hasLargerArguments(head)) {
      return { startup: head.group.context, suspects: [], innocent: tasks };
    }
  }
  const candidates = isHeardOut ? sent.candidates() : { tasks, count: sent.size + sent.takenCount };
  if (ending.type !== "exiting" && candidates.count > 1) {
    const { tasks: suspects } = candidates;
    return { suspects, innocent: tasks.slice(suspects.length) };
  }
  if (head.task === undefined) return acquitted(tasks);
  return { culprit: tasks[0], suspects: [], innocent: tasks.slice(1) };
}

/** Whether the arguments of the startup are larger than those of the first task. */
function hasLargerArguments({ group: { context: { startupArgs } }, task }: Head): boolean {
  return startupArgs !== undefined && task !== undefined &&
    sizeOfEncoded(startupArgs) > Math.max(sizeOfEncoded(argumentsOf(task)), SMALL_BYTES);
}

function acquitted(innocent: readonly SentTask[]): Verdict {
  return { suspects: [], innocent };
}

/** Which tasks were, or may have been, running when slaves died. Tasks that end are forgotten. */
export class Blame {
  readonly #attempts = new Map<Task, Attempt[]>();
  readonly #suspects = new Set<Task>();
  /** Tasks that may have killed a slave: each runs alone on a slave, so that the next death is clear. */
  readonly suspects: ReadonlySet<Task> = this.#suspects;

  /** Notes that a task may have been running when a slave died. */
  suspect(task: Task): void {
    this.#suspects.add(task);
  }

  /** Notes that a task was running when a slave died; returns all its attempts so far. */
  charge(task: Task, attempt: Attempt): readonly Attempt[] {
    const attempts = this.#attempts.get(task) ?? [];
    attempts.push(attempt);
    this.#attempts.set(task, attempts);
    this.#suspects.add(task);
    return attempts;
  }

  /** How many slaves died while they ran a task. */
  countDeaths(task: Task): number {
    return this.#attempts.get(task)?.length ?? 0;
  }

  /** Forgets a task that has ended; returns how many slaves died while they ran it. */
  end(task: Task): number {
    // This is called for every task, and nearly always there are none.
    if (this.#suspects.size === 0 || !this.#suspects.delete(task)) return 0;
    const deaths = this.countDeaths(task);
    this.#attempts.delete(task);
    return deaths;
  }
}
