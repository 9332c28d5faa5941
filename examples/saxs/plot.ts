import type { Fit } from "./fit.ts";
import type { Profile } from "./profile.ts";

/** What a plot shows. */
export interface PlotInput {
  /** Name of the structure, for the heading and the legend. */
  structure: string;
  /** Name of the measured profile. */
  data: string;
  measured: Profile;
  /** Calculated intensities before scaling, one per measured point. */
  calculated: Float64Array;
  fit: Fit;
}

/** A rectangle on the page with a linear scale in each direction. */
interface Panel {
  top: number;
  bottom: number;
  /** Values at the left and right edge. */
  x: [number, number];
  /** Values at the bottom and top edge. */
  y: [number, number];
}

const WIDTH = 860;
const HEIGHT = 640;
const LEFT = 84;
const RIGHT = 836;
const MEASURED = "#5b6b7d";
const CALCULATED = "#d1410c";
const AXIS = "#333333";
const GRID = "#e6e8eb";

/**
 * Plot of a measured profile with its errors, the calculated one fitted to it, and the residuals
 * below, as an SVG document that stands alone.
 *
 * The intensity axis is logarithmic: points that are not positive are left out above, and an error
 * bar that reaches below zero ends at the axis. The residuals show every point.
 *
 * @throws {RangeError} If no intensity is positive.
 */
export function plotFit(input: PlotInput): string {
  const { measured, calculated, fit } = input;
  const model = calculated.map((intensity) => fit.scale * intensity);
  const q = axisRange([...measured.q], 0.02);
  const upper: Panel = { top: 62, bottom: 430, x: q, y: intensityRange(measured, model) };
  const residuals = Array.from(model, (m, i) => (measured.intensity[i] - m) / measured.error[i]);
  const reach = Math.max(2, ...residuals.map(Math.abs)) * 1.1;
  const lower: Panel = { top: 450, bottom: 572, x: q, y: [-reach, reach] };
  const heading = `${shorten(input.structure)} and ${shorten(input.data)}: χ = ${
    fit.chi.toFixed(2)
  }`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" ` +
    `height="${HEIGHT}" role="img" font-family="Helvetica, Arial, sans-serif" font-size="15">`,
    `<title>${escapeXml(heading)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 36, heading, `font-size="20" fill="${AXIS}"`),
    clipPath("upper", upper),
    clipPath("lower", lower),
    drawIntensityAxes(upper),
    `<g clip-path="url(#upper)">`,
    drawMeasured(upper, measured),
    drawCurve(upper, measured.q, model),
    `</g>`,
    drawFrame(upper),
    drawLegend(input),
    drawResidualAxes(lower),
    `<g clip-path="url(#lower)">`,
    drawResiduals(lower, measured.q, residuals),
    `</g>`,
    drawFrame(lower),
    text(
      (LEFT + RIGHT) / 2,
      HEIGHT - 16,
      "q (1/Å)",
      `font-size="17" fill="${AXIS}" text-anchor="middle"`,
    ),
    `</svg>`,
    "",
  ].join("\n");
}

function axisRange(values: number[], margin: number): [number, number] {
  const least = Math.min(...values);
  const most = Math.max(...values);
  return [least - margin * (most - least), most + margin * (most - least)];
}

/** Decimal logarithms of the intensity axis's ends. */
function intensityRange(measured: Profile, model: Float64Array): [number, number] {
  const logs = [...measured.intensity, ...model]
    .filter((intensity) => intensity > 0)
    .map((intensity) => Math.log10(intensity));
  if (logs.length === 0) {
    throw new RangeError("Cannot plot on a logarithmic axis: no intensity is positive");
  }
  const least = Math.min(...logs);
  const most = Math.max(...logs);
  const margin = Math.max(0.05 * (most - least), 0.1);
  return [least - margin, most + margin];
}

function toX(panel: Panel, value: number): number {
  return LEFT + (value - panel.x[0]) / (panel.x[1] - panel.x[0]) * (RIGHT - LEFT);
}

function toY(panel: Panel, value: number): number {
  return panel.bottom -
    (value - panel.y[0]) / (panel.y[1] - panel.y[0]) * (panel.bottom - panel.top);
}

function drawIntensityAxes(panel: Panel): string {
  const parts = linearTicks(panel.x, 6).map((q) => gridLine(panel, toX(panel, q), "vertical"));
  const labelled = logTicks(panel.y);
  for (const value of labelled) {
    const y = toY(panel, Math.log10(value));
    parts.push(gridLine(panel, y, "horizontal"), tickLabel(y, formatTick(value)));
  }
  for (const log of minorLogTicks(panel.y)) {
    const y = toY(panel, log).toFixed(2);
    parts.push(`<path d="M${LEFT} ${y}h5" stroke="${AXIS}"/>`);
  }
  parts.push(axisTitle(panel, "intensity (as measured)"));
  return parts.join("\n");
}

function drawResidualAxes(panel: Panel): string {
  const parts: string[] = [];
  for (const q of linearTicks(panel.x, 6)) {
    const x = toX(panel, q);
    parts.push(
      gridLine(panel, x, "vertical"),
      text(x, panel.bottom + 21, formatTick(q), `fill="${AXIS}" text-anchor="middle"`),
    );
  }
  for (const value of linearTicks(panel.y, 4)) {
    const y = toY(panel, value);
    parts.push(gridLine(panel, y, "horizontal"), tickLabel(y, formatTick(value)));
  }
  parts.push(axisTitle(panel, "residual / σ"));
  return parts.join("\n");
}

function drawMeasured(panel: Panel, { q, intensity, error }: Profile): string {
  const bars: string[] = [];
  const dots: string[] = [];
  for (let i = 0; i < q.length; i++) {
    if (intensity[i] <= 0) continue;
    const x = toX(panel, q[i]).toFixed(2);
    const low = intensity[i] - error[i];
    const bottom = low > 0 ? toY(panel, Math.log10(low)) : panel.bottom;
    const top = toY(panel, Math.log10(intensity[i] + error[i]));
    bars.push(`M${x} ${top.toFixed(2)}V${bottom.toFixed(2)}`);
    dots.push(
      `<circle cx="${x}" cy="${toY(panel, Math.log10(intensity[i])).toFixed(2)}" r="2.2"/>`,
    );
  }
  return [
    `<path d="${bars.join("")}" stroke="${MEASURED}" stroke-opacity="0.55" fill="none"/>`,
    `<g fill="${MEASURED}">${dots.join("")}</g>`,
  ].join("\n");
}

function drawCurve(panel: Panel, q: Float64Array, model: Float64Array): string {
  let path = "";
  let penIsDown = false;
  for (let i = 0; i < q.length; i++) {
    const isShown = model[i] > 0;
    if (isShown) {
      const y = toY(panel, Math.log10(model[i]));
      path += `${penIsDown ? "L" : "M"}${toX(panel, q[i]).toFixed(2)} ${y.toFixed(2)}`;
    }
    penIsDown = isShown;
  }
  return `<path d="${path}" stroke="${CALCULATED}" stroke-width="2.2" fill="none" ` +
    `stroke-linejoin="round"/>`;
}

function drawResiduals(panel: Panel, q: Float64Array, residuals: number[]): string {
  const zero = toY(panel, 0).toFixed(2);
  const dots = residuals.map((residual, i) =>
    `<circle cx="${toX(panel, q[i]).toFixed(2)}" cy="${toY(panel, residual).toFixed(2)}" r="2.2"/>`
  );
  return [
    `<path d="M${LEFT} ${zero}H${RIGHT}" stroke="${CALCULATED}" stroke-width="1.6"/>`,
    `<g fill="${MEASURED}">${dots.join("")}</g>`,
  ].join("\n");
}

function drawLegend({ structure, data, fit }: PlotInput): string {
  const y = 92;
  const x = RIGHT - 355;
  return [
    `<path d="M${x + 12} ${y - 14}v18" stroke="${MEASURED}" stroke-opacity="0.55"/>`,
    `<circle cx="${x + 12}" cy="${y - 5}" r="2.8" fill="${MEASURED}"/>`,
    text(x + 34, y, `measured (${shorten(data)})`, `fill="${AXIS}"`),
    `<path d="M${x} ${y + 21}h24" stroke="${CALCULATED}" stroke-width="2.2"/>`,
    text(
      x + 34,
      y + 26,
      `calculated (${shorten(structure)}) × ${fit.scale.toExponential(2)}`,
      `fill="${AXIS}"`,
    ),
  ].join("\n");
}

function drawFrame({ top, bottom }: Panel): string {
  return `<rect x="${LEFT}" y="${top}" width="${RIGHT - LEFT}" height="${bottom - top}" ` +
    `fill="none" stroke="${AXIS}"/>`;
}

function gridLine(panel: Panel, at: number, direction: "horizontal" | "vertical"): string {
  const line = direction === "horizontal"
    ? `M${LEFT} ${at.toFixed(2)}H${RIGHT}`
    : `M${at.toFixed(2)} ${panel.top}V${panel.bottom}`;
  return `<path d="${line}" stroke="${GRID}"/>`;
}

function tickLabel(y: number, label: string): string {
  return text(LEFT - 9, y + 5, label, `fill="${AXIS}" text-anchor="end"`);
}

function axisTitle({ top, bottom }: Panel, title: string): string {
  const y = (top + bottom) / 2;
  const turn = `fill="${AXIS}" text-anchor="middle" transform="rotate(-90 26 ${y})"`;
  return text(26, y, title, `font-size="17" ${turn}`);
}

function clipPath(id: string, { top, bottom }: Panel): string {
  return `<clipPath id="${id}"><rect x="${LEFT}" y="${top}" width="${RIGHT - LEFT}" ` +
    `height="${bottom - top}"/></clipPath>`;
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x.toFixed(2)}" y="${y.toFixed(2)}" ${attributes}>${escapeXml(content)}</text>`;
}

/** Round values within a range, about as many as asked for, 1, 2 or 5 times a power of ten apart. */
function linearTicks([least, most]: [number, number], count: number): number[] {
  const rough = (most - least) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? power;
  const ticks: number[] = [];
  for (let i = Math.ceil(least / step); i * step <= most; i++) ticks.push(i * step);
  return ticks;
}

/** Values to label on a logarithmic axis: powers of ten; on a short axis also 2 and 5 times them. */
function logTicks([least, most]: [number, number]): number[] {
  const digits = most - least > 3 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = Math.floor(least); power <= most; power++) {
    for (const digit of digits) {
      const log = power + Math.log10(digit);
      if (log >= least && log <= most) ticks.push(digit * 10 ** power);
    }
  }
  return ticks;
}

function minorLogTicks([least, most]: [number, number]): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(least); power <= most; power++) {
    for (let digit = 1; digit <= 9; digit++) {
      const log = power + Math.log10(digit);
      if (log >= least && log <= most) ticks.push(log);
    }
  }
  return ticks;
}

function formatTick(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential().replace("e+", "e");
  return String(Number(value.toPrecision(6))).replace("-", "−");
}

/** A name of at most 20 characters, so that the legend stays within the frame. */
function shorten(name: string): string {
  return name.length <= 20 ? name : `${name.slice(0, 9)}…${name.slice(-10)}`;
}

function escapeXml(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
