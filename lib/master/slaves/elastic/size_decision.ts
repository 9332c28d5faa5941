/**
 * Decides how many slaves an array should have.
 *
 * @module
 */

import type { ArrayBounds } from "../../../launch/slave_count.ts";
import type { Demand } from "../../board/dispatcher.ts";

/** This much work is worth a slave, because a job takes seconds to start. */
const WORTH_MS = 10_000;
/** The assumed length of a task about which nothing is known yet. */
const UNKNOWN_TASK_MS = 1_000;
/** How many slaves there may be beyond the wanted ones, in place of those that cannot run the waiting tasks. */
const MAX_SPARE = 3;

/** One slave of an array that is not lost. */
export interface SlaveFacts {
  /** `vacant` if nothing is submitted for it. */
  readonly standing: "vacant" | "queued" | "starting" | "idle" | "busy";
  /** How long it has had nothing to do. */
  readonly idleForMs: number;
  /** Whether it cannot run the waiting tasks, so that another slave is needed for them. */
  readonly isBarred: boolean;
}

/** The facts for a decision. */
export interface SizeFacts {
  readonly bounds: ArrayBounds;
  readonly demand: Demand;
  /** For how long there has been work of unknown length; 0 if the length is known. */
  readonly unknownForMs: number;
  /** For how long there have been at least as many slaves as were wanted. */
  readonly enoughForMs: number;
  readonly slaves: readonly SlaveFacts[];
}

/** What to do with an array. */
export interface SizeDecision {
  /** How many slaves there should be, including barred ones. */
  readonly wanted: number;
  /** Vacant slaves to start: their indices among the facts. */
  readonly start: readonly number[];
  /** Slaves to retire. */
  readonly retire: readonly number[];
}

/** Decides. Queued slaves count as present; barred ones do not, up to a few. Retires only queued slaves, and then long idle ones. */
export function decideSize(facts: SizeFacts): SizeDecision {
  const { bounds, demand, slaves, enoughForMs } = facts;
  const wanted = wantedSlaves(facts);
  const present = slaves.filter(({ standing }) => standing !== "vacant").length;
  const barred = slaves.filter(({ isBarred }) => isBarred).length;
  // If there are no others, one is needed however many are barred. The board limits how many are tried in a row.
  const least = present === barred && wanted > 0 ? present + 1 : 0;
  const total = Math.max(wanted + Math.min(barred, MAX_SPARE), least);
  if (present < total) {
    // Without work, slaves that have ended are not replaced.
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

/** How many slaves there is work for. */
function wantedSlaves({ bounds: { min, max }, demand, unknownForMs }: SizeFacts): number {
  // Running tasks take at least as long as they have run.
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
