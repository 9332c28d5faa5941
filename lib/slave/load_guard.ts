/**
 * Keeps modules from making managers while they are being loaded on a slave.
 *
 * A main script that is loaded for its tasks would otherwise run as a whole on each slave: it would start slaves, which load it as well,
 * without end. A task or a startup function may make managers.
 *
 * @module
 */

import { type ProgressTaker, refuseNesting, type SlaveProgram } from "../slave_program.ts";
import { Promise } from "../own_globals.ts";
import { type AsyncStorage, makeAsyncStorage } from "./async_storage.ts";

const WHY_NOT =
  "Each slave would start slaves of its own, and those again, without end. Put the tasks into a module of their " +
  "own, which imports nothing that makes a manager, and name that with remote(); or make the manager in the main program alone: " +
  "if (import.meta.main) { … }";

/** A module has not loaded, because it makes a manager; the message says where, and what to do. */
export class ManagerRefusedError extends Error {
  override name = "ManagerRefusedError";
}

/** A module that is or was being loaded. */
interface ModuleLoad {
  /** Why it was refused, if it has made a manager. */
  refusal: ManagerRefusedError | undefined;
  /** Ends the wait for the module. */
  readonly fail: (refusal: ManagerRefusedError) => void;
}

/** Knows which code runs because a module is being loaded, and refuses it managers. */
export class LoadGuard implements SlaveProgram {
  nesting = 1;
  config: string | undefined;
  progress: ProgressTaker | undefined;
  /** Modules that have made a manager. They are remembered because Deno would not run them again. */
  readonly #refused = new Map<string, ManagerRefusedError>();
  #current: ModuleLoad | undefined;
  /**
   * Which load the running code was begun by, also in a promise or a timer that a module has left behind. Making it takes 4 ms, so it
   * exists only where the code of managers has been loaded.
   */
  #storage: AsyncStorage<ModuleLoad> | undefined;

  /**
   * Loads a module.
   *
   * @throws {ManagerRefusedError} At once if a manager is made meanwhile, whether or not the module catches that or ever ends.
   */
  async load<Module>(module: string, importModule: () => Promise<Module>): Promise<Module> {
    const known = this.#refused.get(module);
    if (known !== undefined) throw known;
    const refused = Promise.withResolvers<never>();
    const load: ModuleLoad = { refusal: undefined, fail: refused.reject };
    this.#current = load;
    try {
      const imported = this.#storage?.run(load, importModule) ?? importModule();
      return await Promise.race([imported, refused.promise]);
    } finally {
      this.#current = undefined;
      if (load.refusal !== undefined) this.#refused.set(module, load.refusal);
    }
  }

  managersLoaded(): void {
    this.#storage ??= makeAsyncStorage();
    // Modules are run one after the other: those that import the code of managers come next. A task that imports them goes on in its own
    // async context.
    this.#storage.enterWith(this.#current ?? { refusal: undefined, fail: () => {} });
  }

  refuseManager(): string | undefined {
    const load = this.#runningLoad();
    if (load !== undefined) {
      const reason = `${placeOfManager()}. ${WHY_NOT}`;
      load.refusal ??= new ManagerRefusedError(`it makes a manager while it is loaded${reason}`);
      load.fail(load.refusal);
      // What the module does after it has caught the error belongs to the load as well.
      this.#storage?.enterWith(load);
      return `Cannot make a manager while a module is loaded on a slave${reason}`;
    }
    return refuseNesting(this.nesting);
  }

  /** Why a manager was refused to the module whose loading runs the present code; nothing if none was. */
  get refusal(): ManagerRefusedError | undefined {
    return this.#runningLoad()?.refusal;
  }

  #runningLoad(): ModuleLoad | undefined {
    return this.#storage?.getStore() ?? this.#current;
  }
}

/** The guard of this process. */
export const loadGuard = new LoadGuard();

/** Where the code is that makes the manager: `, at file:///…`; nothing if the stack does not show it. */
function placeOfManager(): string {
  // URLs in stacks are not escaped: they may have spaces and parentheses, as in "at file:///home/me/run (2)/tasks.ts:1:1".
  const place = /\bnew Manager \(.*\n\s+at (?:.*? \()?([a-z]+:.+:\d+)\)?$/m
    .exec(new Error().stack ?? "")?.[1];
  return place === undefined ? "" : `, at ${place}`;
}
