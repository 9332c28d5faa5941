/**
 * How many slaves an array is to have.
 *
 * @module
 */

import type { ArrayBounds } from "../../../launch/slave_count.ts";
import type { Demand } from "../../board/dispatcher.ts";

/** So much work is worth a slave: a job takes seconds to start. */
const WORTH_MS = 10_000;
/** How long a task is taken to run of which nothing is known yet. */
const UNKNOWN_TASK_MS = 1_000;
/** So many slaves more than are wanted may be there for those that cannot run what waits. */
const MAX_SPARE = 3;

/** One slave of an array that is not lost. */
export interface SlaveFacts {
  /** `vacant` if nothing is submitted for it. */
  readonly standing: "vacant" | "queued" | "starting" | "idle" | "busy";
  /** How long it has had nothing to do. */
  readonly idleForMs: number;
  /** Whether it cannot run what waits, and another one is needed for that. */
  readonly isBarred: boolean;
}

/** What a decision goes by. */
export interface SizeFacts {
  readonly bounds: ArrayBounds;
  readonly demand: Demand;
  /** For how long there has been work of which nobody knows how long it takes; 0 if that is known. */
  readonly unknownForMs: number;
  /** For how long there have been as many slaves as were wanted, or more. */
  readonly enoughForMs: number;
  readonly slaves: readonly SlaveFacts[];
}

/** What is to be done with an array. */
export interface SizeDecision {
  /** How many slaves there should be, with those that are barred. */
  readonly wanted: number;
  /** Vacant slaves that are to be started: their places among the facts. */
  readonly start: readonly number[];
  /** Slaves that are to be retired. */
  readonly retire: readonly number[];
}

/** Decides. Slaves that are queued count as there; those that are barred do not, up to a few. Retired are the queued first, then those that have long been idle, never others. */
export function decideSize(facts: SizeFacts): SizeDecision {
  const { bounds, demand, slaves, enoughForMs } = facts;
  const wanted = wantedSlaves(facts);
  const present = slaves.filter(({ standing }) => standing !== "vacant").length;
  const barred = slaves.filter(({ isBarred }) => isBarred).length;
  // If no other is there, one is needed however many are barred. How many are tried in a row is the board's to bound.
  const least = present === barred && wanted > 0 ? present + 1 : 0;
  const total = Math.max(wanted + Math.min(barred, MAX_SPARE), least);
  if (present < total) {
    // Without work nothing that has ended is replaced.
    const missing = demand.tasks > 0 ? total - present : 0;
    return { wanted: total, start: placesOf(slaves, isVacant).slice(0, missing), retire: [] };
  }
  const isIdle = (slave: SlaveFacts) =>
    slave.standing === "idle" && slave.idleForMs >= bounds.idleMs;
  const retirable = [
    ...enoughForMs >= bounds.idleMs ? placesOf(slaves, isQueued).toReversed() : [],
    ...placesOf(slaves, isIdle),
  ];
  return { wanted: total, start: [], retire: retirable.slice(0, present - total) };
}

/** How many slaves the work wants. */
function wantedSlaves({ bounds: { min, max }, demand, unknownForMs }: SizeFacts): number {
  // What runs and has not ended takes at least as long as it has run.
  const taskMs = demand.taskMs ?? Math.max(UNKNOWN_TASK_MS, unknownForMs);
  const tasksPerSlave = Math.max(1, WORTH_MS / Math.max(taskMs, Number.EPSILON));
  return Math.min(max, Math.max(min, Math.ceil(demand.tasks / tasksPerSlave)));
}

function isVacant({ standing }: SlaveFacts): boolean {
  return standing === "vacant";
}

function isQueued({ standing }: SlaveFacts): boolean {
  return standing === "queued";
}

function placesOf(
  slaves: readonly SlaveFacts[],
  isMeant: (slave: SlaveFacts) => boolean,
): number[] {
  return slaves.flatMap((slave, place) => isMeant(slave) ? [place] : []);
}
