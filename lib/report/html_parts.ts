/**
 * The parts of a page about a run.
 *
 * @module
 */

import { escapeHtml } from "./html_text.ts";

/** A prominent number, with its name above and a note below. Names, values and notes are HTML. */
export interface Tile {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  /** Whether it is something to worry about. */
  readonly isBad?: boolean;
}

/** A list of prominent numbers. */
export function tileList(tiles: readonly Tile[]): string {
  const items = tiles.map(({ name, value, note, isBad }) =>
    `<div${
      isBad ? ' class="bad"' : ""
    }><dt>${name}</dt><dd>${value}</dd><dd class="note">${note}</dd></div>`
  );
  return `<dl class="tiles">${items.join("\n")}</dl>`;
}

/** A section of the page. All texts are HTML; an empty note is left out. */
export function section(heading: string, note: string, content: string): string {
  const noteText = note === "" ? "" : `<p class="note">${note}</p>`;
  return `<section><h2>${heading}</h2>${noteText}\n${content}\n</section>`;
}

/**
 * A table. If the page is narrower, the table scrolls.
 *
 * @param heads HTML, as the cells are.
 * @param texts Which columns are texts rather than numbers.
 */
export function table(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  texts: readonly number[],
): string {
  const cell = (tag: string) => (content: string, i: number) =>
    `<${tag}${texts.includes(i) ? ' class="text"' : ""}>${content}</${tag}>`;
  const head = heads.map(cell("th")).join("");
  const body = rows.map((row) => `<tr>${row.map(cell("td")).join("")}</tr>`).join("\n");
  return `<div class="wide"><table><thead><tr>${head}</tr></thead>\n<tbody>${body}</tbody></table></div>`;
}

/** The user's label of a task, to follow something else; nothing if it has none. */
export function labelHtml(ownLabel: string): string {
  return ownLabel === "" ? "" : ` <b>${escapeHtml(ownLabel)}</b>`;
}

/** The input of a task, to follow something else; nothing if it is not known. */
export function inputHtml(input: string): string {
  return input === "" ? "" : ` <code>${escapeHtml(input)}</code>`;
}
