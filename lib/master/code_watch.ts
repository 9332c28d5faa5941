import type { Clock } from "../clock.ts";
import { changesOf, digestsOf, isFileUrl } from "./journal/code_files.ts";

/** While slaves start one after another, files are checked no more often than this. */
const MIN_INTERVAL_MS = 1000;

/**
 * Notices changes in the code of tasks during a run: slaves that start later would run other code than earlier ones, and nobody could tell
 * which result is from which.
 */
export class CodeWatch {
  readonly #modules: ReadonlySet<string>;
  readonly #warn: (message: string) => void;
  readonly #clock: Clock;
  /** The digests of each module's files when a slave could first load it, by the module's name. */
  readonly #digests = new Map<string, Record<string, string>>();
  #lookedAtMs = -Infinity;

  /**
   * @param modules Modules whose files are the code of tasks.
   * @param warn Told of changed files, once for each change.
   */
  constructor(modules: ReadonlySet<string>, warn: (message: string) => void, clock: Clock) {
    this.#modules = modules;
    this.#warn = warn;
    this.#clock = clock;
  }

  /** A slave may load a module from now on. Its files are noted the first time. */
  moduleNeeded(module: string): void {
    if (!this.#digests.has(module)) this.#digests.set(module, digestsOf(module));
  }

  /**
   * A slave's process has been started, and will load code.
   *
   * @param slave Name of the slave.
   * @param isRestart Whether it had a process before.
   */
  slaveStarted(slave: string, isRestart: boolean): void {
    // Modules that are noted only now have not changed since.
    const noted = [...this.#digests];
    for (const module of this.#modules) this.moduleNeeded(module);
    const nowMs = this.#clock.now();
    if (!isRestart && nowMs - this.#lookedAtMs < MIN_INTERVAL_MS) return;
    this.#lookedAtMs = nowMs;
    const changed = new Set<string>();
    for (const [module, before] of noted) {
      const present = digestsOf(module);
      this.#digests.set(module, { ...before, ...present });
      for (const change of changesOf(before, present)) changed.add(change);
    }
    if (changed.size === 0) return;
    const what = [...changed].map(describe).join(", ");
    this.#warn(
      `${what} changed while the run goes on: ${slave}, which has just been started, runs the new code, and slaves that were ` +
        "there before the old. To have results of one code, start the script again, and leave its files alone meanwhile",
    );
  }
}

function describe(changed: string): string {
  return isFileUrl(changed)
    ? decodeURIComponent(new URL(changed).pathname)
    : `what the name ${changed} stands for`;
}
