import { printError } from "../../print_error.ts";
import type { ProgressEvent, SlaveCounts } from "./events.ts";
import {
  isFinished,
  partOf,
  progressLine,
  progressSentence,
  type ProgressState,
} from "./progress_text.ts";
import { RateMeter } from "./rate_meter.ts";
import { StatusLine, type Terminal } from "./status_line.ts";

/** How often a new line is written where a line cannot be changed in place. */
const LOG_MS = 30_000;
/** The assumed width of a terminal that does not tell its width. */
const DEFAULT_COLUMNS = 80;

/** Where progress is shown. */
export type ProgressOutput =
  | { readonly type: "terminal"; readonly terminal: Terminal }
  | { readonly type: "log"; write(line: string): void };

/** A context whose progress is shown. */
interface Shown {
  /** The manager of the context. */
  readonly manager: object;
  /** The date of its first news, in milliseconds since 1970. */
  readonly firstMs: number;
  latest: ProgressEvent;
  meter: RateMeter;
  /** Whether anything about it has been shown. */
  isSeen: boolean;
}

/** Shows how far contexts have come: on a terminal in one line, in a log by a line now and then. */
export class ProgressDisplay {
  readonly #output: ProgressOutput;
  readonly #shown = new Set<Shown>();
  #line: StatusLine | undefined;
  #loggedMs = -Infinity;

  constructor(output: ProgressOutput) {
    this.#output = output;
  }

  /**
   * Takes the news of a context.
   *
   * @param manager The manager of the context: contexts of different managers may have the same number.
   */
  tell(event: ProgressEvent, manager: object = this): void {
    const before = [...this.#shown].find((shown) =>
      shown.manager === manager && shown.latest.context === event.context &&
      shown.latest.map === event.map
    );
    const { timeMs, done, restored, running, slaves } = event;
    const shown = before ??
      { manager, firstMs: timeMs, latest: event, meter: new RateMeter(), isSeen: false };
    shown.latest = event;
    // The time before anything runs, as while slaves are queued, must not affect the rate.
    if (done === restored && slaves.busy === 0) shown.meter = new RateMeter();
    shown.meter.note(timeMs, done - restored + partOf(running));
    this.#shown.add(shown);
    if (event.isOver) this.#finish(shown);
    // If a context is read in no time, only its end is shown.
    else if (before !== undefined) this.#update(timeMs);
    else if (this.#shown.size === 1) this.#loggedMs = timeMs;
  }

  #update(nowMs: number): void {
    if (this.#output.type === "log") {
      if (nowMs - this.#loggedMs < LOG_MS) return;
      this.#loggedMs = nowMs;
    }
    const all = [...this.#shown];
    for (const shown of all) shown.isSeen = true;
    this.#write(joinStates(all));
  }

  #write(state: ProgressState): void {
    const line = this.#lineOf(state);
    if (this.#output.type === "log") {
      this.#output.write(line);
    } else {
      this.#line ??= new StatusLine(this.#output.terminal);
      this.#line.show(line);
    }
  }

  /** The last column stays free: terminals differ in where the cursor is after writing it. */
  #lineOf(state: ProgressState): string {
    if (this.#output.type === "log") return progressSentence(state);
    return progressLine(state, this.#output.terminal.columns() - 1);
  }

  /** Leaves a last line for a context. There is none if nothing was shown and reading ended before all tasks were done. */
  #finish(shown: Shown): void {
    const { latest, isSeen } = shown;
    this.#shown.delete(shown);
    if (this.#shown.size === 0) {
      this.#line?.[Symbol.dispose]();
      this.#line = undefined;
    }
    if (!isSeen && !isFinished(latest)) return;
    const text = this.#lineOf(joinStates([shown]));
    if (this.#output.type === "log") this.#output.write(text);
    else if (this.#line !== undefined) this.#line.print(text);
    else this.#output.terminal.write(text + "\n");
  }
}

/** How far contexts that are read at the same time have come together. */
function joinStates(all: readonly Shown[]): ProgressState {
  const names = new Set(all.map(({ latest }) => latest.name).filter((name) => name !== ""));
  let state: ProgressState = {
    name: [...names].join(", "),
    done: 0,
    failed: 0,
    restored: 0,
    added: 0,
    isMoreToCome: false,
    slaves: joinSlaves(all),
    running: all.flatMap(({ latest }) => latest.running),
    perSecond: 0,
    elapsedMs: 0,
  };
  for (const { firstMs, latest, meter } of all) {
    state = {
      ...state,
      done: state.done + latest.done,
      failed: state.failed + latest.failed,
      restored: state.restored + latest.restored,
      added: state.added + latest.added,
      isMoreToCome: state.isMoreToCome || latest.isMoreToCome,
      perSecond: state.perSecond + meter.perSecond,
      elapsedMs: Math.max(state.elapsedMs, latest.timeMs - firstMs),
    };
  }
  return state;
}

/** The slaves of all managers. Contexts of one manager have the same slaves. */
function joinSlaves(all: readonly Shown[]): SlaveCounts {
  const ofManagers = new Map(all.map(({ manager, latest }) => [manager, latest.slaves]));
  const sums = { queued: 0, starting: 0, idle: 0, busy: 0, lost: 0 };
  for (const counts of ofManagers.values()) {
    for (const state of Object.keys(sums) as (keyof SlaveCounts)[]) sums[state] += counts[state];
  }
  return sums;
}

/** There is one display for each standard error, whoever shows something there: two would overwrite each other. */
const displays = new WeakMap<typeof Deno.stderr, ProgressDisplay>();

/** The display on standard error. */
export function progressDisplay(): ProgressDisplay {
  let display = displays.get(Deno.stderr);
  if (display === undefined) displays.set(Deno.stderr, display = openProgressDisplay());
  return display;
}

function openProgressDisplay(): ProgressDisplay {
  if (!Deno.stderr.isTerminal()) {
    return new ProgressDisplay({ type: "log", write: printError });
  }
  const { stderr } = Deno;
  const writeSync = stderr.writeSync.bind(stderr);
  const terminal = { columns, write: (text: string) => writeAll(writeSync, text) };
  return new ProgressDisplay({ type: "terminal", terminal });
}

function columns(): number {
  try {
    return Deno.consoleSize().columns || DEFAULT_COLUMNS;
  } catch (error) {
    // Some terminals do not tell. A wrong width only spoils the line.
    if (error instanceof Error) return DEFAULT_COLUMNS;
    throw error;
  }
}

function writeAll(writeSync: (bytes: Uint8Array) => number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(bytes.subarray(written));
  } catch {
    // Nobody looks any more. The run goes on, as when console.error() cannot print.
  }
}
