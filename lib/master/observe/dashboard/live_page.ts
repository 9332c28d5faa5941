/**
 * The live page as a browser first gets it. Its script repeatedly asks for changes, and puts them in place.
 *
 * @module
 */

import { escapeHtml } from "../../../report/html_text.ts";
import { REPORT_STYLE } from "../../../report/report_style.ts";
import { SECTION_NAMES, type Sections } from "./live_sections.ts";

const LIVE_STYLE = `
:root { --wait: #c58a1a; }
@media (prefers-color-scheme: dark) { :root { --wait: #d9a441; } }
.state { font-size: 16px; font-weight: 600; margin: 0 0 14px; overflow-wrap: anywhere; }
.idle-run { border-left: 4px solid var(--wait); padding-left: 10px; }
.over { border-left: 4px solid var(--busy); padding-left: 10px; }
.gone {
  margin: 0 0 14px; padding: 8px 12px; border-radius: 8px; border: 1px solid var(--bad); background: var(--card);
}
.tiles { grid-template-columns: repeat(3, 1fr); }
.tiles small { font-size: 14px; font-weight: 400; color: var(--muted); }
.row { fill: none; }
.row.idle { stroke: var(--idle); }
.row.wait, .key.wait { stroke: var(--wait); opacity: 0.55; }
.row.busy { stroke: var(--busy); }
.row.failed { stroke: var(--bad); }
.gap { stroke: var(--card); stroke-width: 1px; vector-effect: non-scaling-stroke; }
.key.wait { background: var(--wait); }
.context { border-top: 1px solid var(--line); padding: 8px 0 2px; }
.context:first-of-type { border-top: 0; }
.context p { margin: 0; overflow-wrap: anywhere; }
.context p.note { min-height: 1.5em; }
.count { float: right; font-variant-numeric: tabular-nums; }
progress {
  appearance: none; border: 0; height: 9px; border-radius: 5px; overflow: hidden; background: var(--idle); vertical-align: middle;
}
.context progress { width: 100%; display: block; margin: 4px 0; }
td progress { width: 120px; margin-right: 6px; }
progress::-webkit-progress-bar { background: var(--idle); border-radius: 5px; }
progress::-webkit-progress-value { background: var(--busy); border-radius: 5px; }
progress::-moz-progress-bar { background: var(--busy); border-radius: 5px; }
.dot { display: inline-block; width: 8px; height: 8px; border-radius: 50%; margin: 0 6px 0 4px; background: var(--muted); }
.dot.busy { background: var(--busy); }
.dot.idle { background: var(--idle); border: 1px solid var(--muted); }
.dot.queued, .dot.starting { background: var(--wait); }
.dot.lost { background: var(--bad); }
td .note { font-size: 12.5px; }
details { margin: 6px 0; }
#running .text { white-space: normal; overflow-wrap: anywhere; min-width: 130px; }
#running td { vertical-align: top; }
.warnings { margin: 0; padding-left: 18px; overflow-wrap: anywhere; white-space: pre-wrap; }
@media (max-width: 600px) { .tiles { grid-template-columns: 1fr 1fr; } .state { font-size: 15px; } td progress { width: 80px; } }
`;

/** Runs in the browser, whatever version of the language that has: it is plain and small. */
const SCRIPT = `"use strict";
const gone = document.getElementById("gone");
const { viewer } = document.body.dataset;
let { frame } = document.body.dataset;

function keepScroll(part) {
  const places = [...part.querySelectorAll(".wide, pre")].map((each) => [each.scrollLeft, each.scrollTop]);
  return () => part.querySelectorAll(".wide, pre").forEach((each, i) => {
    if (places[i]) [each.scrollLeft, each.scrollTop] = places[i];
  });
}

function keepOpen(part) {
  // Known by what stands before it: entries change places.
  const keyOf = (each) => each.previousElementSibling ? each.previousElementSibling.textContent : "";
  const open = new Set([...part.querySelectorAll("details[open]")].map(keyOf));
  return () => part.querySelectorAll("details").forEach((each) => each.open = open.has(keyOf(each)));
}

function show(sections) {
  for (const [name, html] of Object.entries(sections)) {
    const part = document.getElementById(name);
    const restores = [keepScroll(part), keepOpen(part)];
    part.innerHTML = html;
    for (const restore of restores) restore();
  }
}

async function ask() {
  const hidden = document.hidden ? "&hidden" : "";
  const response = await fetch("state" + location.search + "&viewer=" + viewer + "&since=" + frame + hidden, {
    cache: "no-store",
    signal: AbortSignal.timeout(30000),
  });
  if (!response.ok) throw new Error("status " + response.status);
  return await response.json();
}

async function follow() {
  let failures = 0;
  for (;;) {
    try {
      const state = await ask();
      failures = 0;
      gone.hidden = true;
      frame = state.frame;
      show(state.sections);
      if (state.isOver) return;
    } catch {
      failures++;
      gone.hidden = failures < 2;
      const seconds = Math.min(30, 2 ** failures / 2);
      await new Promise((resolve) => window.setTimeout(resolve, seconds * 1000));
    }
  }
}

if (document.body.dataset.over === undefined) follow();
`;

/** The parts of the page that a browser gets. */
export interface LivePage {
  /** The title of the page. */
  readonly title: string;
  /** Where the master runs; empty if unknown. */
  readonly place: string;
  /** The number with which its script asks for more. */
  readonly viewer: string;
  /** Number of the state that the page begins with. */
  readonly frame: number;
  readonly sections: Sections;
  readonly isOver: boolean;
}

/**
 * Makes the page.
 *
 * @param nonce Identifies its style and its script: the browser runs nothing else in it.
 */
export function livePage(
  { title, place, viewer, frame, sections, isOver }: LivePage,
  nonce: string,
): string {
  const parts = SECTION_NAMES.map((name) => `<div id="${name}">${sections[name]}</div>`);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style nonce="${nonce}">${REPORT_STYLE}${LIVE_STYLE}</style>
</head>
<body data-viewer="${viewer}" data-frame="${frame}"${isOver ? " data-over" : ""}>
<header>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(place)}</p>
</header>
<main>
<p id="gone" class="gone" hidden>The master does not answer. It may have ended, or the network or tunnel to it. This is what it said last.</p>
${parts.join("\n")}
</main>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`;
}
