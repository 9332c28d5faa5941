/**
 * The chart of what slaves have done over time, in a run that goes on.
 *
 * @module
 */

import {
  deathMark,
  drawChart,
  PLOT_WIDTH,
  round,
  rowName,
  timeAxis,
} from "../../../report/chart.ts";
import { durationText } from "../../../report/number_text.ts";
import { MARKS, type Timeline, type Track } from "./timeline.ts";
import type { SlaveRecord } from "./run_aggregate.ts";

/** If there are more slaves, they share rows. */
export const MAX_ROWS = 64;
/** If there are more rows, they are drawn with half as many parts of the time, and without gaps between tasks. */
const MAX_FINE_ROWS = 16;
/** How many shades there are, from idle to busy. */
const SHADES = 4;
const MAX_ROW_HEIGHT = 22;
const MIN_ROW_HEIGHT = 7;
const ALL_ROWS_HEIGHT = 420;
/** Height of a row's name, including the space between names. */
const NAME_HEIGHT = 13;
const MAX_DEATHS = 200;

/** Slaves that share a row: one, or neighbours. */
export interface SlaveRow {
  readonly name: string;
  /** In the order of their numbers. */
  readonly slaves: readonly SlaveRecord[];
}

/**
 * Divides slaves into rows.
 *
 * @param slaves In the order of their numbers.
 */
export function rowsOf(slaves: readonly SlaveRecord[]): SlaveRow[] {
  const size = Math.max(1, Math.ceil(slaves.length / MAX_ROWS));
  const rows: SlaveRow[] = [];
  for (let i = 0; i < slaves.length; i += size) {
    const members = slaves.slice(i, i + size);
    rows.push({ name: nameOf(members), slaves: members });
  }
  return rows;
}

function nameOf(members: readonly SlaveRecord[]): string {
  const [{ number: first }] = members;
  return members.length === 1 ? `slave ${first}` : `${first}–${members.at(-1)!.number}`;
}

/**
 * Draws what slaves have done over time.
 *
 * @param slaves In the order of their numbers.
 */
export function slaveRows(timeline: Timeline, slaves: readonly SlaveRecord[]): string {
  const rows = rowsOf(slaves);
  const isFine = rows.length <= MAX_FINE_ROWS;
  const step = isFine || timeline.length < 8 ? 1 : 2;
  const bins = Math.ceil(timeline.length / step);
  const rowHeight = Math.max(
    MIN_ROW_HEIGHT,
    Math.min(MAX_ROW_HEIGHT, ALL_ROWS_HEIGHT / rows.length),
  );
  const height = rowHeight * rows.length;
  const marks = [timeAxis(timeline.lengthMs, height)];
  const front: string[] = [];
  const lines = new Lines(bins);
  const nameEvery = Math.ceil(NAME_HEIGHT / rowHeight);
  rows.forEach((row, i) => {
    const y = (i + 0.5) * rowHeight;
    if (i % nameEvery === 0) marks.push(rowName(y + 4, row.name));
    const parts = partsOf(row.slaves.map(({ track }) => track), bins, step);
    lines.add("idle", y, parts, ({ isPresent, shade }) => isPresent && shade === 0);
    lines.add("wait", y, parts, ({ isPresent, isWaiting }) => isWaiting && !isPresent);
    for (let shade = 1; shade <= SHADES; shade++) {
      lines.add(`busy shade${shade}`, y, parts, (part) => part.shade === shade);
    }
    lines.add("failed", y + rowHeight * 0.27, parts, ({ hasFailed }) => hasFailed);
    if (isFine) lines.addGaps(y, rowHeight, parts);
    parts.forEach(({ hasDied }, bin) => {
      if (!hasDied || front.length >= MAX_DEATHS) return;
      const share = (bin + 0.5) / bins;
      const title = `${row.name}: died after ${durationText(share * timeline.lengthMs)}`;
      front.push(deathMark(share, y, title));
    });
  });
  const plot = lines.paths(rowHeight * 0.8);
  return drawChart({ label: "Slaves over time", height, marks, plot, front });
}

/** What a row did in a part of the time. */
interface Part {
  readonly isPresent: boolean;
  readonly isWaiting: boolean;
  /** From 0, idle, to {@linkcode SHADES}. */
  readonly shade: number;
  /** Whether a task begins that goes on in the next part. */
  readonly beginsLong: boolean;
  readonly hasFailed: boolean;
  readonly hasDied: boolean;
}

function partsOf(tracks: readonly Track[], bins: number, step: number): Part[] {
  const parts: Part[] = [];
  for (let bin = 0; bin < bins; bin++) {
    let marks = 0;
    let next = 0;
    let busy = 0;
    for (const track of tracks) {
      for (let i = 0; i < step; i++) {
        const index = bin * step + i;
        marks |= track.marks[index] ?? 0;
        next |= track.marks[index + 1] ?? 0;
        busy += track.busy[index] ?? 0;
      }
    }
    const share = busy / (255 * step * tracks.length);
    parts.push({
      isPresent: (marks & MARKS.present) > 0,
      isWaiting: (marks & MARKS.waiting) > 0,
      shade: Math.ceil(Math.min(1, share) * SHADES - 0.02),
      beginsLong: (marks & MARKS.begun) > 0 && (next & MARKS.begun) === 0,
      hasFailed: (marks & MARKS.failed) > 0,
      hasDied: (marks & MARKS.died) > 0,
    });
  }
  return parts;
}

/** Thick lines, with one path for each kind. */
class Lines {
  readonly #bins: number;
  readonly #paths = new Map<string, string>();
  #gaps = "";

  constructor(bins: number) {
    this.#bins = bins;
  }

  /** Adds lines wherever parts of a row meet a condition. */
  add(kind: string, y: number, parts: readonly Part[], isSuch: (part: Part) => boolean): void {
    let path = this.#paths.get(kind) ?? "";
    for (let i = 0; i < parts.length; i++) {
      if (!isSuch(parts[i])) continue;
      const from = i;
      while (i + 1 < parts.length && isSuch(parts[i + 1])) i++;
      path += `M${this.#x(from)} ${round(y)}H${this.#x(i + 1)}`;
    }
    this.#paths.set(kind, path);
  }

  /** Adds gaps where a long task begins. */
  addGaps(y: number, height: number, parts: readonly Part[]): void {
    parts.forEach(({ beginsLong, shade }, i) => {
      if (i === 0 || !beginsLong || shade === 0) return;
      this.#gaps += `M${this.#x(i)} ${round(y - height / 2)}v${round(height)}`;
    });
  }

  /** The paths. The ones in front come last. */
  paths(width: number): string[] {
    const drawn = [...this.#paths].filter(([, path]) => path !== "").map(([kind, path]) => {
      const thickness = kind === "failed" ? width * 0.4 : kind === "wait" ? width * 0.3 : width;
      return `<path class="row ${kind}" stroke-width="${round(thickness)}" d="${path}"/>`;
    });
    if (this.#gaps !== "") drawn.push(`<path class="gap" d="${this.#gaps}"/>`);
    return drawn;
  }

  #x(bin: number): string {
    return round(bin / this.#bins * PLOT_WIDTH);
  }
}
