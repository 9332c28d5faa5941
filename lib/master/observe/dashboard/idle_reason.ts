import { countText } from "../../../report/number_text.ts";
import type { ContextSurvey, SlaveSurvey, Standing, VacantSlaves } from "../survey.ts";

/** The facts about a run that explain why nothing runs. */
export interface RunState {
  readonly contexts: readonly ContextSurvey[];
  /** Slaves that are not vacant. */
  readonly slaves: readonly SlaveSurvey[];
  readonly vacant: VacantSlaves;
  /** How many tasks have ended, including those of closed contexts. */
  readonly tasksEnded: number;
}

/**
 * Says in one sentence why no slave has a task.
 *
 * @returns Nothing if a slave has a task.
 */
export function idleReason(
  { contexts, slaves, vacant, tasksEnded }: RunState,
): string | undefined {
  const counts = countStandings(slaves);
  if (counts.busy > 0) return undefined;
  const waiting = sum(contexts, ({ waiting }) => waiting);
  const delayed = sum(contexts, ({ delayed }) => delayed);
  const isMoreToCome = contexts.some((each) => each.isMoreToCome);
  const isLeft = contexts.some(({ done, added }) => done < added);
  if (!isLeft && !isMoreToCome) {
    if (tasksEnded === 0) return "No task has been added yet.";
    return tasksEnded === 1
      ? "The task is done."
      : `All ${countText(tasksEnded)} tasks are done. The script has added no others.`;
  }
  const hasVacant = vacant.count > 0;
  if (slaves.length === 0 && !hasVacant) {
    return "No slaves have been added: see Manager.addSlave().";
  }
  const last = slaves.findLast(({ loss }) => loss !== undefined);
  if (counts.lost === slaves.length && last !== undefined && !hasVacant) {
    const who = slaves.length === 1 ? "The only slave is" : `All ${slaves.length} slaves are`;
    return `${who} lost. The last was ${last.identity.name}: ${last.loss}.`;
  }
  const unread = contexts.filter(({ isRead, done, added, isMoreToCome }) =>
    !isRead && (done < added || isMoreToCome)
  );
  const isAnyRead = contexts.some(({ isRead, done, added, isMoreToCome }) =>
    isRead && (done < added || isMoreToCome)
  );
  if (unread.length > 0 && !isAnyRead) {
    return "The script does not read the results of the tasks that wait: they run when it does.";
  }
  const starting = counts.starting + counts["not started"];
  const isAnyStarting = counts.queued > 0 || starting > 0;
  if (counts.idle === 0 && (isAnyStarting || !hasVacant)) {
    return startingReason(counts.queued, starting, slaves);
  }
  if (contexts.some(({ isHeldUp }) => isHeldUp)) {
    return "Results wait for the script: when it has read half of them, tasks go on.";
  }
  if (waiting === 0 && delayed > 0) {
    return `${tasksText(delayed)} threw, and ${
      delayed === 1 ? "waits" : "wait"
    } for the time to run again.`;
  }
  if (waiting === 0 && isMoreToCome) return "The slaves wait for the next inputs of the script.";
  if (counts.idle === 0) return vacantReason(vacant);
  return "The slaves are about to get tasks.";
}

/** Explains that no slave exists, and nothing is submitted. */
function vacantReason({ failure }: VacantSlaves): string {
  const why = failure === undefined ? "" : ` The last failed: ${failure}.`;
  return `No job is submitted at the moment.${why}`;
}

/** Explains that no slave can run anything yet, but some may soon. */
function startingReason(
  queued: number,
  starting: number,
  slaves: readonly SlaveSurvey[],
): string {
  if (queued === 0) {
    return starting === 1
      ? "The slave is starting."
      : `${countText(starting)} slaves are starting.`;
  }
  const reason = slaves.find(({ waitReason }) => waitReason !== undefined)?.waitReason;
  const who = queued === 1 ? "A slave is queued" : `${countText(queued)} slaves are queued`;
  const others = starting > 0 ? `, ${countText(starting)} are starting` : "";
  return `${who} by the scheduler${others}${reason === undefined ? "" : `: ${reason}`}.`;
}

/** How many slaves are in each state. */
export function countStandings(slaves: readonly SlaveSurvey[]): Record<Standing, number> {
  const counts = {
    "not started": 0,
    queued: 0,
    starting: 0,
    idle: 0,
    busy: 0,
    lost: 0,
    ended: 0,
  };
  for (const { standing } of slaves) counts[standing]++;
  return counts;
}

function tasksText(count: number): string {
  return count === 1 ? "A task" : `${countText(count)} tasks`;
}

function sum<Each>(all: readonly Each[], numberOf: (each: Each) => number): number {
  let total = 0;
  for (const each of all) total += numberOf(each);
  return total;
}
