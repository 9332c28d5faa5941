/**
 * The state of a run at a moment, which displays look at a few times a second. Reporting a million tasks one by one would take as long as
 * running them.
 *
 * @module
 */

import type { SlaveIdentity } from "../../errors.ts";
import type { Task } from "../../task.ts";
import type { TaskProgress } from "../../task_progress.ts";
import type { SlaveCounts } from "./events.ts";
import type { Tally } from "./progress.ts";

/** The state of a group of tasks that are read together. */
export interface GroupSurvey extends Omit<Tally, "map"> {
  /** How many tasks wait to be sent to a slave. */
  readonly waiting: number;
  /** How many tasks threw, and wait to run again. */
  readonly delayed: number;
  /** Whether anybody waits for results: only then are tasks sent. */
  readonly isRead: boolean;
  /** Whether sending has stopped because too many results wait for the reader. */
  readonly isHeldUp: boolean;
}

/** The state of a context: all of its tasks together, including those of maps that have ended. */
export interface ContextSurvey extends GroupSurvey {
  /** Number of the context in its manager. */
  readonly number: number;
}

/** The state of a slave. */
export type Standing =
  | keyof SlaveCounts
  /** It is started as soon as somebody reads results, and nobody has yet. */
  | "not started"
  /** It has ended with its manager. */
  | "ended";

/** A slave, and what it is doing. */
export interface SlaveSurvey {
  readonly identity: SlaveIdentity;
  readonly standing: Standing;
  /** The task that it runs, or will run next. */
  readonly task: Task | undefined;
  /** The last progress that the task has reported. */
  readonly news: TaskProgress | undefined;
  /** How many tasks have ended well there. */
  readonly tasksDone: number;
  /** The job that it waits for, if it is queued, such as `job 4711.3`. */
  readonly job: string | undefined;
  /** Why the job waits, if the scheduler says so. */
  readonly waitReason: string | undefined;
  /** Why it is lost, if it is. */
  readonly loss: string | undefined;
  /** Whether its process runs on this machine. */
  readonly isHere: boolean;
}

/** What the process of a slave uses, as far as its machine tells. */
export interface ProcessUse {
  /** Memory in use, in bytes. */
  readonly memoryBytes: number | undefined;
  /** Processor time so far, in milliseconds. */
  readonly cpuMs: number | undefined;
}

/** Slaves that are vacant: nothing is submitted for them at the moment. */
export interface VacantSlaves {
  readonly count: number;
  /** Why the last job failed that was to bring slaves of an array, if none has brought one since. */
  readonly failure: string | undefined;
}

/** A run that can be looked at. */
export interface SurveyedRun {
  /** The contexts that are open. */
  surveyContexts(): ContextSurvey[];
  /** All slaves that are not vacant, in the order of their numbers, which may have gaps. */
  surveySlaves(): SlaveSurvey[];
  /** The vacant slaves. */
  surveyVacant(): VacantSlaves;
  /** What the process of a slave on this machine uses now, by the slave's number. */
  useOf(slave: number): ProcessUse;
}

/** Adds up groups of tasks. */
export function sumOfGroups(surveys: readonly GroupSurvey[]): GroupSurvey {
  const sum = {
    name: "",
    done: 0,
    failed: 0,
    restored: 0,
    added: 0,
    waiting: 0,
    delayed: 0,
    isMoreToCome: false,
    isRead: false,
    isHeldUp: false,
  };
  const names = new Set<string>();
  for (const each of surveys) {
    if (each.name !== "" && names.size < 3) names.add(each.name);
    sum.done += each.done;
    sum.failed += each.failed;
    sum.restored += each.restored;
    sum.added += each.added;
    sum.waiting += each.waiting;
    sum.delayed += each.delayed;
    sum.isMoreToCome ||= each.isMoreToCome;
    sum.isRead ||= each.isRead;
    sum.isHeldUp ||= each.isHeldUp;
  }
  return { ...sum, name: [...names].join(", ") };
}
