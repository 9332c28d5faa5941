/**
 * Texts that show progress.
 *
 * @module
 */

import { lineOfText } from "../../quote_text.ts";
import type { RunningTask, SlaveCounts } from "./events.ts";
import { clipToWidth, textWidth } from "./text_width.ts";

/** The facts to be shown. */
export interface ProgressState {
  /** Names of the functions that run. */
  readonly name: string;
  readonly done: number;
  readonly failed: number;
  /** How many of the done tasks came from a journal. */
  readonly restored: number;
  readonly added: number;
  /** Whether more tasks than `added` will come. */
  readonly isMoreToCome: boolean;
  readonly slaves: SlaveCounts;
  /** Running tasks that have reported their progress. */
  readonly running: readonly RunningTask[];
  /** Tasks a second; 0 if unknown. */
  readonly perSecond: number;
  readonly elapsedMs: number;
}

const MIN_BAR_COLUMNS = 12;
const MAX_BAR_COLUMNS = 42;
const GAP = "  ";
/** How many running tasks are shown, the most columns of each text, and the fewest columns of each task in all. */
const MAX_RUNNING = 3;
const MAX_LABEL_COLUMNS = 20;
const MAX_TEXT_COLUMNS = 40;
const MIN_RUNNING_COLUMNS = 12;

/**
 * One line for a terminal. If it is too narrow, the less important parts are left out.
 *
 * @param columns The width of the line. Its percentage or count is shown even if it is wider.
 */
export function progressLine(state: ProgressState, columns: number): string {
  const isEnded = isFinished(state);
  // The most important come first; `place` is the place in the line.
  const parts = [
    { place: 2, text: state.isMoreToCome ? `${state.done} done` : percentText(state) },
    { place: 7, text: state.failed > 0 ? `${state.failed} failed` : "" },
    { place: 3, text: state.isMoreToCome ? "" : `${state.done}/${state.added}` },
    { place: 5, text: isEnded ? `in ${durationText(state.elapsedMs)}` : timeText(state) },
    { place: 4, text: state.perSecond > 0 ? rateText(state.perSecond) : "" },
    { place: 6, text: isEnded ? "" : slavesText(state.slaves) },
    { place: 8, text: restoredText(state) },
    { place: 0, text: state.name },
  ];
  const kept: typeof parts = [];
  let width = 0;
  for (const part of parts) {
    if (part.text === "") continue;
    const needed = textWidth(part.text) + (kept.length > 0 ? GAP.length : 0);
    if (kept.length > 0 && width + needed > columns) continue;
    kept.push(part);
    width += needed;
  }
  const running = isEnded ? [] : runningTexts(state);
  for (const [i, text] of running.entries()) {
    // The bar is more important than a second task.
    const barRoom = i === 0 || state.isMoreToCome ? 0 : MIN_BAR_COLUMNS + GAP.length;
    const room = columns - width - GAP.length - barRoom;
    if (room < Math.min(MIN_RUNNING_COLUMNS, textWidth(text))) break;
    const clipped = clipToWidth(text, room);
    kept.push({ place: 9, text: clipped });
    width += GAP.length + textWidth(clipped);
  }
  const barColumns = Math.min(MAX_BAR_COLUMNS, columns - width - GAP.length);
  if (!state.isMoreToCome && barColumns >= MIN_BAR_COLUMNS) {
    kept.push({ place: 1, text: barText(state, barColumns) });
  }
  return kept.sort((a, b) => a.place - b.place).map(({ text }) => text).join(GAP);
}

/** The same in a sentence, for a log. */
export function progressSentence(state: ProgressState): string {
  const { name, done, added, isMoreToCome, failed, perSecond } = state;
  const parts = [isMoreToCome ? `${done} tasks done` : `${done} of ${added} tasks done`];
  if (isFinished(state)) parts[0] += ` in ${durationText(state.elapsedMs)}`;
  if (perSecond > 0) parts.push(rateText(perSecond));
  if (!isFinished(state)) parts.push(timeText(state), slavesText(state.slaves));
  if (failed > 0) parts.push(`${failed} failed`);
  parts.push(restoredText(state));
  if (!isFinished(state)) parts.push(...runningTexts(state));
  return `parallel: ${name === "" ? "" : `${name}: `}${parts.filter((part) => part).join(", ")}`;
}

/** Whether there is nothing left to do. */
export function isFinished(
  { done, added, isMoreToCome }: Pick<ProgressState, "done" | "added" | "isMoreToCome">,
): boolean {
  return done === added && !isMoreToCome;
}

/** How many tasks the reported progress of running tasks adds up to, so that the bar moves even if each task takes an hour. */
export function partOf(running: readonly RunningTask[]): number {
  let part = 0;
  for (const { done, total = 0 } of running) if (total > 0) part += Math.min(1, done / total);
  return part;
}

/** `task 3: 40 of 100, fitting`, for the tasks that were added first. */
function runningTexts({ running }: ProgressState): string[] {
  return running.slice(0, MAX_RUNNING).map(({ task, done, total, text }) => {
    const { id, label } = task;
    const name = label === undefined
      ? `task ${id}`
      : clipToWidth(lineOfText(label, MAX_LABEL_COLUMNS), MAX_LABEL_COLUMNS);
    const amount = total === undefined
      ? amountText(done)
      : `${amountText(done)} of ${amountText(total)}`;
    const words = text === undefined ? "" : `, ${clipToWidth(text, MAX_TEXT_COLUMNS)}`;
    return `${name}: ${amount}${words}`;
  });
}

/** `40`, `0.3333`, `1.234e+9`. */
function amountText(amount: number): string {
  return Number.isInteger(amount) && amount < 1e9
    ? String(amount)
    : String(Number(amount.toPrecision(4)));
}

/** The share of all tasks that is done. It is 1 only when all have ended. */
function shareDone(state: ProgressState): number {
  const { done, added, running } = state;
  if (isFinished(state) || added === 0) return 1;
  return Math.min((done + partOf(running)) / added, 1 - Number.EPSILON);
}

/** Rounded down: 100 % means that all is done. */
function percentText(state: ProgressState): string {
  return `${Math.floor(shareDone(state) * 100)} %`;
}

function barText(state: ProgressState, columns: number): string {
  const cells = columns - 2;
  const full = Math.floor(shareDone(state) * cells);
  return `[${"#".repeat(full)}${"-".repeat(cells - full)}]`;
}

function timeText(state: ProgressState): string {
  const { done, added, isMoreToCome, running, perSecond, elapsedMs } = state;
  if (isMoreToCome) return durationText(elapsedMs);
  if (perSecond === 0) return "";
  const left = Math.max(0, added - done - partOf(running));
  return `${durationText(left / perSecond * 1000)} left`;
}

function restoredText({ restored }: ProgressState): string {
  return restored > 0 ? `${restored} from the journal` : "";
}

function slavesText({ queued, starting, idle, busy, lost }: SlaveCounts): string {
  const parts = [`${busy} busy`];
  if (idle > 0) parts.push(`${idle} idle`);
  if (starting > 0) parts.push(`${starting} starting`);
  if (queued > 0) parts.push(`${queued} queued`);
  if (lost > 0) parts.push(`${lost} lost`);
  return parts.join(", ");
}

/** `1250/s`, `9.5/s`, `3.2/min`, `0.5/h`. */
function rateText(perSecond: number): string {
  if (perSecond >= 1) return `${shortNumber(perSecond)}/s`;
  if (perSecond * 60 >= 1) return `${shortNumber(perSecond * 60)}/min`;
  return `${shortNumber(perSecond * 3600)}/h`;
}

function shortNumber(number: number): string {
  return number >= 99.95 ? String(Math.round(number)) : number.toFixed(1);
}

/** `0:42`, `12:34`, `3:12:34`, `2 d 5 h`. */
function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = String(seconds % 60).padStart(2, "0");
  return hours === 0
    ? `${minutes}:${rest}`
    : `${hours}:${String(minutes).padStart(2, "0")}:${rest}`;
}
