/**
 * Makes sure that nothing is left behind, however the script ends.
 *
 * ```text
 * a signal, nobody else listens for it    all managers close, then the script ends
 * another one meanwhile                   as Deno.exit()
 * a signal, the script listens for it     nothing: the script decides
 * a signal that was ignored at the start  nothing, as if nobody listened
 * an uncaught error or rejection          what can be done without waiting, then the script ends
 * Deno.exit(), the end of all modules     the same
 * ```
 *
 * @module
 */

import { isLeftToNode } from "./node_handlers.ts";
import {
  ENDING_SIGNALS,
  type EndingSignal,
  exitCodeOf,
  ignoredSignals,
  ScriptListeners,
} from "./signal_listeners.ts";

/** What would outlive the script: jobs in a cluster's queue, files that are not written yet. */
export interface Outliving {
  /** Ends it. The script runs no further code for this: it ends by itself then. */
  end(): Promise<void>;
  /** Ends synchronously what can be ended: the process ends when this returns. It may be called again. */
  endNow(): void;
}

/** Events that end the script unless somebody calls `preventDefault()`. */
const FAULTS = ["error", "unhandledrejection"] as const;

/** Guards all that would outlive this process. */
class ProcessEnds {
  // Read before anybody listens for a signal.
  readonly #ignored = ignoredSignals();
  readonly #listeners = new ScriptListeners();
  readonly #guarded = new Set<Outliving>();
  readonly #onSignal = new Map(
    ENDING_SIGNALS.filter((signal) => !this.#ignored.has(signal))
      .map((signal) => [signal, () => this.#end(signal)]),
  );
  #isKept = false;
  #isEnding = false;

  /** Once anybody listens for any signal, Deno ends the script by a signal that was ignored, unless somebody listens for that one too. */
  keepIgnored(): void {
    if (this.#isKept || Deno.build.os === "windows") return;
    this.#isKept = true;
    for (const signal of this.#ignored) this.#listeners.add(signal, ignore);
  }

  add(outliving: Outliving): void {
    this.#guarded.add(outliving);
    if (this.#guarded.size > 1 || this.#isEnding) return;
    addEventListener("unload", this.#endNow);
    // Added late, so that the script's own listeners come first.
    for (const type of FAULTS) addEventListener(type, this.#endUnlessHandled);
    if (Deno.build.os === "windows") return;
    for (const [signal, listener] of this.#onSignal) this.#listeners.add(signal, listener);
  }

  delete(outliving: Outliving): void {
    this.#guarded.delete(outliving);
    if (this.#guarded.size > 0 || this.#isEnding) return;
    removeEventListener("unload", this.#endNow);
    for (const type of FAULTS) removeEventListener(type, this.#endUnlessHandled);
    this.#leaveSignals();
  }

  /** Lets signals have their usual effect again. */
  #leaveSignals(): void {
    if (Deno.build.os === "windows") return;
    for (const [signal, listener] of this.#onSignal) this.#listeners.remove(signal, listener);
  }

  async #end(signal: EndingSignal): Promise<void> {
    if (this.#listeners.has(signal)) return;
    const code = exitCodeOf(signal);
    // A closing terminal sends SIGHUP, and its shell may do so too: this is not an impatient user.
    if (this.#isEnding && signal === "SIGHUP") return;
    if (this.#isEnding) Deno.exit(code);
    this.#isEnding = true;
    await Promise.allSettled([...this.#guarded].map((outliving) => outliving.end()));
    Deno.exit(code);
  }

  readonly #endNow = (): void => {
    // This may hang: then another signal ends the process.
    this.#leaveSignals();
    for (const outliving of this.#guarded) outliving.endNow();
  };

  readonly #endUnlessHandled = (event: Event): void => {
    const isHandled = event.defaultPrevented ||
      isLeftToNode(event.type as (typeof FAULTS)[number], this.#endNow);
    if (!isHandled) this.#endNow();
  };
}

function ignore(): void {}

/** One for the process, which owns signals and its end. */
const PROCESS_ENDS = new ProcessEnds();

/**
 * Keeps ignoring signals that were ignored when the script started, for good: those of `nohup`. Call this before any code of ours listens
 * for a signal.
 */
export function keepIgnoredSignals(): void {
  PROCESS_ENDS.keepIgnored();
}

/** Ends what would outlive the script when the script ends. Works until it is disposed of. */
export class EndGuard implements Disposable {
  readonly #outliving: Outliving;

  /** @param outliving What to end. */
  constructor(outliving: Outliving) {
    this.#outliving = outliving;
    PROCESS_ENDS.add(outliving);
  }

  /** Nothing is left that would outlive the script. */
  [Symbol.dispose](): void {
    PROCESS_ENDS.delete(this.#outliving);
  }
}
