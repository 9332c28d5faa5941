import type { CalendarClock } from "../../../clock.ts";
import type { ManagerEvent } from "../events.ts";
import type { Hub } from "../hub.ts";
import type { ContextSurvey, SurveyedRun } from "../survey.ts";
import { livePage } from "./live_page.ts";
import { PageState, type StateQuestion } from "./page_state.ts";
import { RunAggregate } from "./run_aggregate.ts";
import { SAMPLE_MS } from "./timeline.ts";

/** At most this share of the time is spent looking at the run, with pauses of at most MAX_PAUSE_MS. */
const MAX_SHARE = 1 / 100;
const MAX_PAUSE_MS = 2000;

/** The content of the page, as the run goes on. */
export class LiveRun {
  readonly #clock: CalendarClock;
  readonly #aggregate: RunAggregate;
  readonly #state: PageState;
  readonly #subscription: Disposable;
  #timer: Disposable | undefined;

  /** @param early Events so far. */
  constructor(hub: Hub, run: SurveyedRun, early: readonly ManagerEvent[]) {
    this.#clock = hub.clock;
    const mayAsk = Deno.build.os === "linux" &&
      Deno.permissions.querySync({ name: "read" }).state === "granted";
    this.#aggregate = new RunAggregate(run, hub.clock, mayAsk);
    this.#state = new PageState(this.#aggregate, hub.clock);
    for (const event of early) this.#aggregate.tell(event);
    this.#subscription = hub.subscribe(this.#aggregate);
    this.#look();
  }

  /**
   * The whole page.
   *
   * @param nonce Identifies its script.
   * @param viewer The number with which the viewer will ask for more.
   */
  page(nonce: string, viewer: string): string {
    const sections = this.#state.begin(viewer);
    const { frame, isOver } = this.#state;
    return livePage({ ...describeScript(), viewer, frame, sections, isOver }, nonce);
  }

  /** The changes since the viewer's state, as JSON. */
  answer(question: StateQuestion): Promise<string> {
    return this.#state.answer(question);
  }

  /** A context was closed, with this final state. */
  contextClosed(survey: ContextSurvey): void {
    this.#aggregate.contextClosed(survey);
  }

  /** The run has ended; resolves when all present viewers know. */
  end(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#subscription[Symbol.dispose]();
    this.#aggregate.look();
    return this.#state.end();
  }

  #look(): void {
    const beganMs = this.#clock.now();
    this.#aggregate.look();
    const tookMs = this.#clock.now() - beganMs;
    const pauseMs = Math.max(SAMPLE_MS, Math.min(tookMs / MAX_SHARE, MAX_PAUSE_MS));
    this.#timer = this.#clock.setTimer(() => this.#look(), pauseMs);
  }
}

/** The script, and where it runs. */
function describeScript(): { readonly title: string; readonly place: string } {
  const path = URL.parse(Deno.mainModule ?? "")?.pathname ?? "";
  const mayName = Deno.permissions.querySync({ name: "sys", kind: "hostname" }).state === "granted";
  const host = mayName ? ` on ${Deno.hostname()}` : "";
  return {
    title: nameIn(path),
    place: `process ${Deno.pid}${host}`,
  };
}

function nameIn(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(name) || "parallel";
  } catch {
    return name;
  }
}
