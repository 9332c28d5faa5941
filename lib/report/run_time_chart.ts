import { drawChart, PLOT_WIDTH, round, xMark, yMark } from "./chart.ts";
import { durationText, threeDigits } from "./number_text.ts";
import type { RunSummary, TaskRun } from "./run_summary.ts";

const BINS_PER_DECADE = 10;
const MIN_BINS = 24;
const HEIGHT = 150;
const TOP = 8;
/** Run times are measured to the microsecond. */
const LEAST_MS = 0.001;

/** A chart of how many tasks ran how long, on a logarithmic time scale. */
export function runTimeChart({ runs }: RunSummary): string {
  const { counts, first } = countByLog(runs);
  const max = Math.max(...counts);
  const width = PLOT_WIDTH / counts.length;
  const bars = counts.map((count, i) => {
    if (count === 0) return "";
    // A single task among a million must be visible as well.
    const height = Math.max(1, (HEIGHT - TOP) * count / max);
    const [from, to] = [first + i, first + i + 1].map((bin) => durationText(msOf(bin)));
    const left = round(i * width + 0.5);
    return `<path class="area" d="M${left} ${HEIGHT}v${round(-height)}h${
      round(width - 1)
    }V${HEIGHT}z"><title>${threeDigits(count)} tasks of ${from} to ${to}</title></path>`;
  });
  return drawChart({
    label: "How long tasks ran",
    height: HEIGHT,
    marks: [
      ...decadeMarks(first, counts.length),
      yMark(TOP, threeDigits(max), false),
      yMark(HEIGHT - 4, "0", false),
    ],
    plot: bars,
  });
}

/** How many tasks there are in each bin, and the number of the first bin: bin 0 starts at 1 ms. */
function countByLog(
  runs: readonly TaskRun[],
): { readonly counts: readonly number[]; readonly first: number } {
  const byBin = new Map<number, number>();
  for (const { runTimeMs } of runs) {
    const log = Math.log10(Math.max(LEAST_MS, runTimeMs));
    const bin = Math.floor(log * BINS_PER_DECADE + 1e-9);
    byBin.set(bin, (byBin.get(bin) ?? 0) + 1);
  }
  let first = Math.min(...byBin.keys()) - 1;
  let last = Math.max(...byBin.keys()) + 1;
  // If all tasks run equally long, they must not fill the whole chart.
  while (last - first + 1 < MIN_BINS) {
    first--;
    last++;
  }
  const counts = Array.from({ length: last - first + 1 }, (_, i) => byBin.get(first + i) ?? 0);
  return { counts, first };
}

function msOf(bin: number): number {
  return 10 ** (bin / BINS_PER_DECADE);
}

function decadeMarks(first: number, bins: number): string[] {
  const marks: string[] = [];
  for (let bin = first; bin <= first + bins; bin++) {
    if (bin % BINS_PER_DECADE !== 0) continue;
    const ms = msOf(bin);
    // The marks are powers of ten. In minutes or hours they would not look like powers of ten.
    const text = ms >= 1000 ? `${threeDigits(ms / 1000)} s` : durationText(ms);
    marks.push(xMark((bin - first) / bins, text, HEIGHT, marks.length % 2 === 1));
  }
  return marks;
}
