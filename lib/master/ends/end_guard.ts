/**
 * Leaves nothing behind, however the script ends.
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
  /** Ends it. No more of the script is to run for that: it ends itself then. */
  end(): Promise<void>;
  /** Ends what can be ended without waiting: the process ends when this returns. It may be called again. */
  endNow(): void;
}

/** Events that end the script unless somebody says `preventDefault()`. */
const FAULTS = ["error", "unhandledrejection"] as const;

/** Guards all that would outlive this process. */
class ProcessEnds {
  // Before anybody listens for a signal.
  readonly #ignored = ignoredSignals();
  readonly #listeners = new ScriptListeners();
  readonly #guarded = new Set<Outliving>();
  readonly #onSignal = new Map(
    ENDING_SIGNALS.filter((signal) => !this.#ignored.has(signal))
      .map((signal) => [signal, () => this.#end(signal)]),
  );
  #isKept = false;
  #isEnding = false;

  /** Deno ends the script by a signal that was ignored, once anybody has listened for any, unless somebody listens for it. */
  keepIgnored(): void {
    if (this.#isKept || Deno.build.os === "windows") return;
    this.#isKept = true;
    for (const signal of this.#ignored) this.#listeners.add(signal, ignore);
  }

  add(outliving: Outliving): void {
    this.#guarded.add(outliving);
    if (this.#guarded.size > 1 || this.#isEnding) return;
    addEventListener("unload", this.#endNow);
    // Late, so that listeners of the script have had their say.
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
    // A terminal that goes sends SIGHUP, and so may the shell in it: that is no haste.
    if (this.#isEnding && signal === "SIGHUP") return;
    if (this.#isEnding) Deno.exit(code);
    this.#isEnding = true;
    await Promise.allSettled([...this.#guarded].map((outliving) => outliving.end()));
    Deno.exit(code);
  }

  readonly #endNow = (): void => {
    // What is done now may hang: then a signal ends the process.
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

/** Signals, and the end, are the process's. */
const PROCESS_ENDS = new ProcessEnds();

/**
 * Has signals that were ignored when the script started go on being ignored, for good: those of `nohup`. To be called before
 * anybody of ours listens for any signal.
 */
export function keepIgnoredSignals(): void {
  PROCESS_ENDS.keepIgnored();
}

/** Ends what would outlive the script when the script ends, until it is disposed of. */
export class EndGuard implements Disposable {
  readonly #outliving: Outliving;

  /** @param outliving What is to be ended. */
  constructor(outliving: Outliving) {
    this.#outliving = outliving;
    PROCESS_ENDS.add(outliving);
  }

  /** There is nothing left that would outlive the script. */
  [Symbol.dispose](): void {
    PROCESS_ENDS.delete(this.#outliving);
  }
}
