/**
 * How a run stands at a moment: what whoever shows it as it goes on looks at a few times a second. To be told of a million tasks, one
 * by one, would take as long as to run them.
 *
 * @module
 */

import type { SlaveIdentity } from "../../errors.ts";
import type { Task } from "../../task.ts";
import type { TaskProgress } from "../../task_progress.ts";
import type { SlaveCounts } from "./events.ts";
import type { Tally } from "./progress.ts";

/** How a group of tasks that are read together stands. */
export interface GroupSurvey extends Omit<Tally, "map"> {
  /** How many tasks wait to be sent to a slave. */
  readonly waiting: number;
  /** How many tasks threw, and wait for their time to run again. */
  readonly delayed: number;
  /** Whether anybody waits for results: only then are tasks sent. */
  readonly isRead: boolean;
  /** Whether no more tasks are sent since results wait for the reader. */
  readonly isHeldUp: boolean;
}

/** How a context stands: all of its tasks together, those of maps that have ended as well. */
export interface ContextSurvey extends GroupSurvey {
  /** Number of the context in its manager. */
  readonly number: number;
}

/** Where a slave stands. */
export type Standing =
  | keyof SlaveCounts
  /** Nobody has read results yet: it is started then. */
  | "not started"
  /** It has ended with its manager. */
  | "ended";

/** How a slave stands. */
export interface SlaveSurvey {
  readonly identity: SlaveIdentity;
  readonly standing: Standing;
  /** The task that it runs, or is about to run. */
  readonly task: Task | undefined;
  /** How far that has come, as it has told. */
  readonly news: TaskProgress | undefined;
  /** How many tasks have ended well there. */
  readonly tasksDone: number;
  /** What it waits for, if it is queued, such as `job 4711.3`. */
  readonly job: string | undefined;
  /** Why that waits, if the scheduler says. */
  readonly waitReason: string | undefined;
  /** Why it is lost, if it is. */
  readonly loss: string | undefined;
  /** Whether its process runs on this machine. */
  readonly isHere: boolean;
}

/** What the process of a slave uses, as far as its machine tells. */
export interface ProcessUse {
  /** Memory that it has in use, in bytes. */
  readonly memoryBytes: number | undefined;
  /** Processor time that it has used, in milliseconds. */
  readonly cpuMs: number | undefined;
}

/** Slaves that are vacant: nothing is submitted for them at the moment. */
export interface VacantSlaves {
  readonly count: number;
  /** How the last job failed that was to bring slaves of an array, if none has brought one since. */
  readonly failure: string | undefined;
}

/** A run that can be looked at. */
export interface SurveyedRun {
  /** The contexts that are open. */
  surveyContexts(): ContextSurvey[];
  /** All slaves that are not vacant, in the order of their numbers: there may be numbers between these. */
  surveySlaves(): SlaveSurvey[];
  /** The others. */
  surveyVacant(): VacantSlaves;
  /** What the process of a slave on this machine uses now, by the slave's number. */
  useOf(slave: number): ProcessUse;
}

/** Adds groups of tasks up. */
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
