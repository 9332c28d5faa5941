import { drawChart, PLOT_WIDTH, round, timeAxis, yMark } from "./chart.ts";
import { countMarks, threeDigits } from "./number_text.ts";
import type { RunSummary } from "./run_summary.ts";

const MAX_BINS = 230;
const HEIGHT = 150;
const TOP = 8;

/** How many tasks ended in each of several equal parts of the time. */
export interface EndedTasks {
  /** All tasks. */
  readonly ended: Float64Array;
  /** The failed ones among them. */
  readonly failed: Float64Array;
  /** The total time. */
  readonly elapsedMs: number;
}

/** A chart of how many tasks ended per second, over time; failed ones stand out. */
export function throughputChart(summary: RunSummary): string {
  const { runs, startMs, elapsedMs } = summary;
  // With few tasks, narrow bins would show only single tasks.
  const bins = Math.max(1, Math.min(MAX_BINS, Math.ceil(runs.length / 4)));
  const ended = new Float64Array(bins);
  const failed = new Float64Array(bins);
  for (const { endMs, hasFailed } of runs) {
    const bin = elapsedMs > 0 ? Math.floor((endMs - startMs) / elapsedMs * bins) : 0;
    ended[Math.min(bins - 1, bin)]++;
    if (hasFailed) failed[Math.min(bins - 1, bin)]++;
  }
  return rateChart({ ended, failed, elapsedMs });
}

/** The same chart for tasks that have been counted already. */
export function rateChart({ ended, failed, elapsedMs }: EndedTasks): string {
  const bins = ended.length;
  const count = ended.reduce((sum, each) => sum + each, 0);
  const binSeconds = Math.max(elapsedMs, 0.001) / bins / 1000;
  const isPerSecond = count / Math.max(elapsedMs, 0.001) * 1000 >= 0.1;
  const [unitSeconds, unit] = isPerSecond ? [1, "/s"] : [3600, "/h"];
  const rates = ended.map((count) => count / binSeconds * unitSeconds);
  const failedRates = failed.map((count) => count / binSeconds * unitSeconds);
  const max = Math.max(...rates, 1e-9);
  const place = (rate: number) => HEIGHT - (HEIGHT - TOP) * rate / max;
  const marks = countMarks(max, 4).map((rate) =>
    yMark(place(rate), `${threeDigits(rate)}${unit}`, true)
  );
  return drawChart({
    label: "Tasks that ended, over time",
    height: HEIGHT,
    marks: [timeAxis(elapsedMs, HEIGHT), ...marks],
    plot: [
      `<path class="area" d="${steps(rates, place)}"/>`,
      failed.some((each) => each > 0)
        ? `<path class="failed" d="${steps(failedRates, place)}"/>`
        : "",
    ],
  });
}

function steps(rates: Float64Array, place: (rate: number) => number): string {
  const width = PLOT_WIDTH / rates.length;
  let path = `M0 ${HEIGHT}`;
  rates.forEach((rate, i) => {
    path += `V${round(place(rate))}H${round((i + 1) * width)}`;
  });
  return path + `V${HEIGHT}z`;
}
