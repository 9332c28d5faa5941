import type { ArrayBounds } from "../../../launch/slave_count.ts";
import type { DispatchSlave } from "../../board/dispatch_slave.ts";
import type { Demand } from "../../board/dispatcher.ts";
import { decideSize, type SizeDecision, type SlaveFacts } from "./size_decision.ts";

/** A slave of an array, and its standing. */
export interface StandingSlave {
  readonly slave: DispatchSlave;
  readonly standing: SlaveFacts["standing"];
}

/** What was last seen of a slave. */
interface Sight {
  readonly standing: SlaveFacts["standing"];
  /** How many tasks it had done. */
  readonly tasksDone: number;
  /** Since when it has had this standing and this number. */
  readonly sinceMs: number;
}

/** Decides repeatedly how many slaves an array should have, and remembers since when things have been as they are. */
export class SizeDecider {
  readonly #bounds: ArrayBounds;
  readonly #sights = new Map<DispatchSlave, Sight>();
  /** Since when there have been enough slaves, and since when work of unknown length has waited. */
  #enoughSinceMs: number | undefined;
  #unknownSinceMs: number | undefined;

  constructor(bounds: ArrayBounds) {
    this.#bounds = bounds;
  }

  /**
   * @param nowMs No earlier than the last time.
   * @param standing All slaves of the array that are not lost.
   * @returns What to do, by indices of these slaves.
   */
  decide(nowMs: number, demand: Demand, standing: readonly StandingSlave[]): SizeDecision {
    this.#unknownSinceMs = demand.tasks > 0 && demand.taskMs === undefined
      ? this.#unknownSinceMs ?? nowMs
      : undefined;
    const slaves = standing.map((slave) => this.#factsOf(slave, demand, nowMs));
    const decision = decideSize({
      bounds: this.#bounds,
      demand,
      unknownForMs: nowMs - (this.#unknownSinceMs ?? nowMs),
      enoughForMs: nowMs - (this.#enoughSinceMs ?? nowMs),
      slaves,
    });
    const present = slaves.filter(({ standing }) => standing !== "vacant").length;
    this.#enoughSinceMs = present > decision.wanted ? this.#enoughSinceMs ?? nowMs : undefined;
    return decision;
  }

  #factsOf({ slave, standing }: StandingSlave, { barred }: Demand, nowMs: number): SlaveFacts {
    const { tasksDone } = slave;
    const before = this.#sights.get(slave);
    const isSame = before?.standing === standing && before.tasksDone === tasksDone;
    const sinceMs = isSame ? before.sinceMs : nowMs;
    this.#sights.set(slave, { standing, tasksDone, sinceMs });
    const idleForMs = standing === "idle" ? nowMs - sinceMs : 0;
    return { standing, idleForMs, isBarred: barred.has(slave) };
  }
}
