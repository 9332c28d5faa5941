import type { Bench, Goal, Row } from "./bench_case.ts";
import { type Contestant, measure } from "./contestant.ts";
import type { Figures } from "./work.ts";

/** What contestants are compared in. */
export interface Measure {
  /** What is measured, for the table. */
  readonly what: string;
  readonly unit: string;
  valueOf(figures: Figures, contestant: Contestant): number;
}

/**
 * Figures of several contestants, measured side by side: one run of each, then the next of each, so that a disturbance of
 * the machine hits all.
 */
export class Comparison {
  readonly #figures = new Map<Contestant, Figures[]>();

  private constructor(contestants: readonly Contestant[]) {
    for (const contestant of contestants) this.#figures.set(contestant, []);
  }

  /** Measures. The first contestant is the one that the others are compared to. */
  static async of(
    { runs, progress }: Bench,
    contestants: readonly Contestant[],
    measureOne: (contestant: Contestant) => Promise<Figures> = measure,
  ): Promise<Comparison> {
    const comparison = new Comparison(contestants);
    for (let run = 0; run < runs; run++) {
      for (const contestant of contestants) {
        const figures = comparison.#figures.get(contestant);
        if (figures === undefined) continue;
        progress(`run ${run + 1} of ${runs}, ${contestant.who}`);
        try {
          figures.push(await measureOne(contestant));
        } catch (error) {
          if (!contestant.isPeer) throw error;
          progress(`${contestant.who} is left out: ${error}`);
          comparison.#figures.delete(contestant);
        }
      }
    }
    return comparison;
  }

  /** One row a contestant. */
  rows({ what, unit, valueOf }: Measure): Row[] {
    const rows: Row[] = [];
    for (const [contestant, figures] of this.#figures) {
      const values = figures.map((each) => valueOf(each, contestant));
      const reference = rows[0]?.values ?? values;
      const ratios = values.map((value, run) => value / reference[run]);
      rows.push({ what, who: contestant.who, unit, values, ratios });
    }
    return rows;
  }
}

/** The goal that one row's values have a certain ratio to those of another, run by run. */
export function ratioGoal(what: string, rows: readonly [Row, Row], limit: Goal["limit"]): Goal {
  const [above, below] = rows;
  return { what, values: above.values.map((value, run) => value / below.values[run]), limit };
}

/** The row of a contestant. */
export function rowOf(rows: readonly Row[], who: string): Row {
  return rows.find((row) => row.who === who)!;
}

/** The middle one of some values; of an even number the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
