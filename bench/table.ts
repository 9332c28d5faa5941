import type { Findings, Goal, Row } from "./bench_case.ts";
import { median } from "./comparison.ts";

/** The findings as two tables in Markdown, padded so that they can be read as they are. */
export function asTables({ rows, goals }: Findings): string {
  const measured = asTable(
    ["measured", "who", "median", "from – to", "unit", "ratio"],
    rows.map(rowCells),
  );
  const reached = asTable(["goal", "reached", "from – to", "limit", "met"], goals.map(goalCells));
  return [rows.length > 0 ? measured : "", goals.length > 0 ? reached : ""].filter((table) =>
    table !== ""
  ).join("\n");
}

/** Whether the median of what was reached is within the limit. */
export function isMet({ values, limit }: Goal): boolean {
  const value = median(values);
  return "least" in limit ? value >= limit.least : value <= limit.most;
}

function rowCells({ what, who, unit, values, ratios }: Row): string[] {
  return [what, who, number(median(values)), spread(values), unit, number(median(ratios))];
}

function goalCells(goal: Goal): string[] {
  const { what, values, limit } = goal;
  const limitText = "least" in limit ? `≥ ${limit.least}` : `≤ ${limit.most}`;
  return [what, number(median(values)), spread(values), limitText, isMet(goal) ? "yes" : "no"];
}

function spread(values: readonly number[]): string {
  return `${number(Math.min(...values))} – ${number(Math.max(...values))}`;
}

/** Three digits that count: 1,070,000, 31.2, 0.957. */
function number(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 6 });
}

function asTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i].length)));
  const asLine = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |\n`;
  const rule = asLine(widths.map((width) => "-".repeat(width)));
  return asLine(head) + rule + lines.map(asLine).join("");
}
