/**
 * The frame of the charts in a report. Drawings are stretched to the width of the page; texts keep their size.
 *
 * @module
 */

import { escapeHtml } from "./html_text.ts";
import { durationText, timeMarks } from "./number_text.ts";

/** Width of a drawing, in its own units. Heights are in pixels. */
export const PLOT_WIDTH = 1000;
const AXIS_HEIGHT = 22;
/** How many marks a time axis has beside zero. On a narrow page every second one is left out. */
const MAX_MARKS = 8;

/** A chart. */
export interface Chart {
  /** What it shows, for those who cannot see it. */
  readonly label: string;
  /** Height of the drawing, in pixels. */
  readonly height: number;
  /** Lines and texts that are not stretched: made by {@linkcode timeAxis}, {@linkcode xMark}, {@linkcode yMark} and the like. */
  readonly marks: readonly string[];
  /** Paths of the drawing, with coordinates from 0 to {@linkcode PLOT_WIDTH} and from 0 to the height. */
  readonly plot: readonly string[];
  /** Elements that are not stretched, in front of the drawing. */
  readonly front?: readonly string[];
}

/** Draws a chart, as an SVG element for HTML. */
export function drawChart({ label, height, marks, plot, front = [] }: Chart): string {
  return [
    `<svg class="chart" height="${round(height + AXIS_HEIGHT)}" role="img" aria-label="${
      escapeHtml(label)
    }">`,
    ...marks,
    `<svg width="100%" height="${round(height)}" viewBox="0 0 ${PLOT_WIDTH} ${
      round(height)
    }" preserveAspectRatio="none">`,
    ...plot,
    "</svg>",
    ...front,
    "</svg>",
  ].join("\n");
}

/** The marks of a time axis below a chart, and their lines in it. */
export function timeAxis(elapsedMs: number, height: number): string {
  return timeMarks(elapsedMs, MAX_MARKS).map((ms, i) =>
    xMark(elapsedMs > 0 ? ms / elapsedMs : 0, durationText(ms), height, i % 2 === 1)
  ).join("");
}

/**
 * A mark of the horizontal axis, and its line.
 *
 * @param share Its place on the axis, from 0 to 1.
 * @param isMinor Whether its text is left out on a narrow page.
 */
export function xMark(share: number, text: string, height: number, isMinor = false): string {
  const x = percent(share);
  return `<line class="grid" x1="${x}" x2="${x}" y1="0" y2="${round(height)}"/>` +
    `<text class="mark${isMinor ? " minor" : ""}" x="${x}" y="${
      round(height + 16)
    }">${text}</text>`;
}

/** A mark of the vertical axis, and its line if it has one. */
export function yMark(y: number, text: string, hasLine: boolean): string {
  const line = `<line class="grid" x1="0" x2="100%" y1="${round(y)}" y2="${round(y)}"/>`;
  return `${hasLine ? line : ""}${rowName(y + 4, text)}`;
}

/** A cross at a point in time, from 0 to 1, where a slave died. */
export function deathMark(share: number, y: number, title: string): string {
  const cross = "M-4 -4L4 4M-4 4L4 -4";
  return `<svg class="death" x="${percent(share)}" y="${
    round(y)
  }"><path class="halo" d="${cross}"/><path class="died" d="${cross}"><title>${
    escapeHtml(title)
  }</title></path></svg>`;
}

/** The name in front of a row. */
export function rowName(baseline: number, text: string): string {
  return `<text class="name" x="-8" y="${round(baseline)}">${escapeHtml(text)}</text>`;
}

/** A share from 0 to 1, as a length in a chart: to a hundredth of a percent, because finer differences are invisible. */
function percent(share: number): string {
  return `${Math.round(share * 10_000) / 100}%`;
}

/** A coordinate in a chart, rounded to a tenth of a unit, because finer differences are invisible. */
export function round(number: number): string {
  return String(Math.round(number * 10) / 10);
}
