import type { LoggedDeath } from "../job_log_line.ts";
import { deathMark, drawChart, PLOT_WIDTH, round, rowName, timeAxis } from "./chart.ts";
import { durationText } from "./number_text.ts";
import type { RunSummary, TaskRun } from "./run_summary.ts";

const MAX_ROWS = 64;
/** Up to this many tasks are drawn one by one. */
const MAX_DRAWN_TASKS = 2000;
/** Into how many parts time is divided if there are more tasks. */
const BINS = 460;
/** How many shades there are then, from idle to busy. */
const SHADES = 4;
const MAX_ROW_HEIGHT = 22;
const MIN_ROW_HEIGHT = 7;
/** Height of a row's name, including the space between names. */
const NAME_HEIGHT = 13;

/** One row: a slave, or several slaves with neighbouring numbers. */
interface Row {
  readonly name: string;
  readonly slaves: number;
  readonly runs: TaskRun[];
  readonly deaths: LoggedDeath[];
}

/** A chart of what the slaves did when. Each slave has a row; if there are many, several share one. */
export function slaveChart(summary: RunSummary): string {
  const rows = makeRows(summary);
  const rowHeight = Math.max(MIN_ROW_HEIGHT, Math.min(MAX_ROW_HEIGHT, 420 / rows.length));
  const height = rowHeight * rows.length;
  const isDetailed = summary.runs.length + summary.cutOff.length <= MAX_DRAWN_TASKS;
  const marks = [timeAxis(summary.elapsedMs, height)];
  const plot: string[] = [];
  const front: string[] = [];
  const nameEvery = Math.ceil(NAME_HEIGHT / rowHeight);
  rows.forEach((row, i) => {
    const y = i * rowHeight;
    const box = { y: y + rowHeight * 0.1, height: rowHeight * 0.8 };
    if (i % nameEvery === 0) marks.push(rowName(y + rowHeight / 2 + 4, row.name));
    plot.push(`<path class="idle" d="${rectangle(0, PLOT_WIDTH, box)}"/>`);
    plot.push(isDetailed ? drawTasks(row, summary, box) : drawShades(row, summary, box));
    front.push(drawDeaths(row, summary, y + rowHeight / 2));
  });
  return drawChart({ label: "Slaves over time", height, marks, plot, front });
}

interface Box {
  readonly y: number;
  readonly height: number;
}

function makeRows({ slaves, runs, cutOff, deaths }: RunSummary): Row[] {
  const numbers = [...slaves.keys()].sort((a, b) => a - b);
  const size = Math.ceil(numbers.length / MAX_ROWS);
  const rows: Row[] = [];
  const rowOf = new Map<number, Row>();
  for (let i = 0; i < numbers.length; i += size) {
    const members = numbers.slice(i, i + size);
    const name = size === 1 ? `slave ${members[0]}` : `${members[0]}–${members.at(-1)}`;
    const row = { name, slaves: members.length, runs: [], deaths: [] };
    rows.push(row);
    for (const number of members) rowOf.set(number, row);
  }
  for (const run of [...runs, ...cutOff]) rowOf.get(run.slave)!.runs.push(run);
  for (const death of deaths) rowOf.get(death.slave)!.deaths.push(death);
  return rows;
}

function drawTasks({ runs, slaves }: Row, { startMs, elapsedMs }: RunSummary, box: Box): string {
  const place = (ms: number) => PLOT_WIDTH * (elapsedMs > 0 ? (ms - startMs) / elapsedMs : 0);
  return runs.map((run) => {
    const from = place(run.startMs);
    // A gap of a third of a unit tells one task from the next.
    const to = Math.max(place(run.endMs) - 0.3, from + 0.7);
    const ended = run.hasFailed ? "failed" : run.wasCancelled ? "cancelled" : undefined;
    const kind = ended ?? (slaves > 1 ? "busy shared" : "busy");
    const title = `slave ${run.slave}: ${durationText(run.runTimeMs)} from ${
      durationText(run.startMs - startMs)
    }${ended === undefined ? "" : `, ${ended}`}`;
    return `<path class="${kind}" d="${rectangle(from, to, box)}"><title>${title}</title></path>`;
  }).join("");
}

/** A cross for each death of a slave; of several at one place, only one is drawn. */
function drawDeaths({ deaths }: Row, { startMs, elapsedMs }: RunSummary, y: number): string {
  const byPlace = new Map<string, string>();
  for (const { slave, timeMs } of deaths) {
    const place = elapsedMs > 0 ? (timeMs - startMs) / elapsedMs : 0;
    const title = `slave ${slave} died after ${durationText(timeMs - startMs)}`;
    byPlace.set(place.toFixed(3), deathMark(place, y, title));
  }
  return [...byPlace.values()].join("");
}

/** How busy the row was in each part of the time, as shades; parts with failures have a mark. */
function drawShades({ runs, slaves }: Row, summary: RunSummary, box: Box): string {
  const binMs = summary.elapsedMs / BINS;
  const busy = busyShares(runs, summary.startMs, binMs);
  const hasFailed = new Uint8Array(BINS);
  for (const run of runs) {
    const bin = Math.floor((run.endMs - summary.startMs) / binMs);
    if (run.hasFailed) hasFailed[Math.min(BINS - 1, bin)] = 1;
  }
  // A part in which very little ran gets a shade as well: everything that ran must be visible.
  const shades = busy.map((share) => Math.ceil(Math.min(1, share / slaves) * SHADES - 1e-9));
  const paths: string[] = [];
  for (let shade = 1; shade <= SHADES; shade++) {
    const path = spans(shades, shade, box);
    if (path !== "") paths.push(`<path class="busy shade${shade}" d="${path}"/>`);
  }
  const marks = spans(hasFailed, 1, { y: box.y + box.height * 0.65, height: box.height * 0.35 });
  if (marks !== "") paths.push(`<path class="failed" d="${marks}"/>`);
  return paths.join("");
}

/** How many tasks ran on average in each part of the time. */
function busyShares(runs: readonly TaskRun[], startMs: number, binMs: number): Float64Array {
  const partial = new Float64Array(BINS + 1);
  // How the number of tasks that run for a whole part changes: a long task must not cost a step for each part.
  const changes = new Float64Array(BINS + 1);
  for (const run of runs) {
    const from = (run.startMs - startMs) / binMs;
    const to = Math.min(BINS, (run.endMs - startMs) / binMs);
    const first = Math.min(BINS - 1, Math.floor(from));
    const last = Math.min(BINS - 1, Math.floor(to));
    if (first === last) {
      partial[first] += to - from;
    } else {
      partial[first] += first + 1 - from;
      partial[last] += to - last;
      changes[first + 1]++;
      changes[last]--;
    }
  }
  let throughout = 0;
  return partial.subarray(0, BINS).map((share, i) => share + (throughout += changes[i]));
}

/** Rectangles wherever a row of values has the given value. */
function spans(values: Float64Array | Uint8Array, value: number, box: Box): string {
  const width = PLOT_WIDTH / BINS;
  let path = "";
  for (let i = 0; i < BINS; i++) {
    if (values[i] !== value) continue;
    const from = i;
    while (i + 1 < BINS && values[i + 1] === value) i++;
    path += rectangle(from * width, (i + 1) * width, box);
  }
  return path;
}

function rectangle(from: number, to: number, { y, height }: Box): string {
  return `M${round(from)} ${round(y)}H${round(to)}v${round(height)}H${round(from)}z`;
}
