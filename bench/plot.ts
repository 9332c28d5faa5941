/**
 * The plot of throughput against task length, as SVG.
 *
 * @module
 */

/** The points of one contestant. */
export interface Curve {
  readonly name: string;
  /** Task length in µs and tasks a second, by length. Length 0 stands at the left edge. */
  readonly points: readonly (readonly [number, number])[];
}

const WIDTH = 760;
const HEIGHT = 440;
const LEFT = 84;
const RIGHT = 560;
const TOP = 28;
const BOTTOM = 376;
/** Where tasks stand that do nothing, µs: the axis is logarithmic. */
const NOTHING_MICROS = 1;
const SHORTEST_MICROS = 10;
const LONGEST_MICROS = 100_000;
const SLOWEST = 10;
const FASTEST = 10_000_000;
const LINE_HEIGHT = 19;

/** Which curve is drawn bold: the first is the wire. */
const OURS = 1;

/** Can be told apart on white and on black, also by most of the colour-blind. */
const COLOURS = [
  "#8a8a8a",
  "#d9480f",
  "#1c7ed6",
  "#2f9e44",
  "#ae3ec9",
  "#c08a00",
  "#0c9a9a",
  "#e64980",
];

const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #6b6b6b; }
    .grid { stroke: #808080; stroke-opacity: 0.25; }
    .ideal { stroke: #808080; stroke-dasharray: 5 4; fill: none; }
    @media (prefers-color-scheme: dark) { text { fill: #b5b5b5; } }
  `;

/**
 * Draws both axes logarithmic; a dashed line is what slaves could do without any overhead.
 *
 * @param slaves How many slaves compute.
 * @returns An SVG that stands on a light and on a dark page.
 */
export function drawThroughput(curves: readonly Curve[], slaves: number): string {
  const parts = [
    ...drawGrid(),
    drawIdeal(slaves),
    // Ours lies on top.
    ...curves.map(({ points }, i) => drawCurve(points, COLOURS[i % COLOURS.length], i === OURS))
      .reverse(),
    ...drawLegend(curves),
    text((LEFT + RIGHT) / 2, BOTTOM + 44, "length of a task", "middle"),
    `<text transform="translate(18 ${(TOP + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">` +
    `tasks a second, two slaves</text>`,
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">
  <title>Tasks a second against the length of a task</title>
  <style>${STYLE}</style>
  ${parts.join("\n  ")}
</svg>
`;
}

function drawGrid(): string[] {
  const parts: string[] = [];
  for (let micros = NOTHING_MICROS; micros <= LONGEST_MICROS; micros *= 10) {
    const x = xOf(micros);
    parts.push(`<path class="grid" d="M${x} ${TOP}V${BOTTOM}"/>`);
    parts.push(text(x, BOTTOM + 20, nameOfTick(micros), "middle"));
  }
  for (let rate = SLOWEST; rate <= FASTEST; rate *= 10) {
    const y = yOf(rate);
    parts.push(`<path class="grid" d="M${LEFT} ${y}H${RIGHT}"/>`);
    parts.push(text(LEFT - 8, y + 4, rate.toLocaleString("en"), "end"));
  }
  return parts;
}

function nameOfTick(micros: number): string {
  if (micros === NOTHING_MICROS) return "nothing";
  return micros < 1000 ? `${micros} µs` : `${micros / 1000} ms`;
}

/** Where tasks do nothing there is none. */
function drawIdeal(slaves: number): string {
  const ends = [SHORTEST_MICROS, LONGEST_MICROS]
    .map((micros) => `${xOf(micros)} ${yOf(slaves * 1e6 / micros)}`);
  return `<path class="ideal" d="M${ends.join("L")}"/>`;
}

function drawCurve(points: Curve["points"], colour: string, isOurs: boolean): string {
  const places = points.map(([micros, rate]) => `${xOf(micros)} ${yOf(rate)}`);
  const dots = points.map(([micros, rate]) =>
    `<circle cx="${xOf(micros)}" cy="${yOf(rate)}" r="${isOurs ? 4 : 3}" fill="${colour}"/>`
  );
  const width = isOurs ? 3 : 1.5;
  return `<path d="M${places.join("L")}" fill="none" stroke="${colour}" stroke-width="${width}"/>` +
    dots.join("");
}

function drawLegend(curves: readonly Curve[]): string[] {
  const x = RIGHT + 20;
  const entries = curves.map(({ name }, i) => {
    const y = TOP + 12 + i * LINE_HEIGHT;
    const colour = COLOURS[i % COLOURS.length];
    const width = i === OURS ? 3 : 1.5;
    return `<path d="M${x} ${y - 4}h18" stroke="${colour}" stroke-width="${width}"/>` +
      text(x + 26, y, name);
  });
  const y = TOP + 12 + curves.length * LINE_HEIGHT;
  return [
    ...entries,
    `<path class="ideal" d="M${x} ${y - 4}h18"/>` + text(x + 26, y, "no overhead"),
  ];
}

function text(x: number, y: number, content: string, anchor = "start"): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${content}</text>`;
}

function xOf(micros: number): number {
  const part = Math.log10(Math.max(micros, NOTHING_MICROS) / NOTHING_MICROS) /
    Math.log10(LONGEST_MICROS / NOTHING_MICROS);
  return round(LEFT + part * (RIGHT - LEFT));
}

function yOf(rate: number): number {
  const part = Math.log10(rate / SLOWEST) / Math.log10(FASTEST / SLOWEST);
  return round(BOTTOM - part * (BOTTOM - TOP));
}

function round(length: number): number {
  return Math.round(length * 10) / 10;
}
