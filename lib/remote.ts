/**
 * How a master names code that runs on the slaves only.
 *
 * @module
 */

import type { Sendables } from "./cloned.ts";
import type { CodeReference } from "./task.ts";

/** A function that a module exports, named without loading the module here. A task for `addTask`, or a startup. */
export interface RemoteFunction<Args extends readonly unknown[], Result> {
  /**
   * Holds only the types: there is no such property.
   *
   * @ignore
   */
  readonly "~signature": (...args: Args) => Result;
}

/** An object to be made on a slave; as a task, its `run` method is called there. */
export interface RemoteObject<Args extends readonly unknown[], Result> {
  /**
   * Holds only the types of `run`: there is no such property.
   *
   * @ignore
   */
  readonly "~run": (...args: Args) => Result;
}

/** The exports of a module as tasks: functions, and classes that have a `run` method. Others are left out. */
export type Remote<Module> = {
  readonly [
    Name in keyof Module as Module[Name] extends
      | ((...args: never[]) => unknown)
      | (new (...args: never[]) => { run(...args: never[]): unknown }) ? Name
      : never
  ]: Module[Name] extends new (...args: infer ConstructorArgs) => {
    run(...args: infer RunArgs): infer Result;
  } ? new (...args: Sendables<ConstructorArgs>) => RemoteObject<RunArgs, Result>
    : Module[Name] extends (...args: infer Args) => infer Result ? RemoteFunction<Args, Result>
    : never;
};

/** What a remote export or object stands for. */
export interface RemoteTarget {
  readonly reference: CodeReference;
  /** For an object: what its constructor is called with. */
  readonly constructorArgs?: readonly unknown[];
}

const targets = new WeakMap<object, RemoteTarget>();
const modules = new WeakSet<object>();

/**
 * Names the exports of a module that the slaves load. Nothing is loaded here.
 *
 * @example
 * ```ts
 * import { remote } from "@parallel/parallel";
 *
 * const tasks = remote<{ square(x: number): number }>(
 *   "data:text/javascript,export const square = (x) => x * x;",
 * );
 * tasks.square; // a task for Context.addTask(), or a startup function for Manager.getContext()
 * ```
 *
 * @typeParam Module The type of the module: `typeof import("./tasks.ts")`.
 * @param url Absolute URL of the module (`file:`, `http:`, `https:`, `data:`, `npm:`, `jsr:` …), or a bare specifier that the
 * slaves' import map knows. For a file beside the script: `import.meta.resolve("./tasks.ts")`.
 * @returns An object whose properties stand for the module's exports.
 * @throws {TypeError} If it is no URL or specifier, or is relative: it would mean something else on a slave.
 */
export function remote<Module extends object>(url: string | URL): Remote<Module> {
  if (typeof url !== "string" && !(url instanceof URL)) {
    throw new TypeError(
      `Expected the URL of a module, got ${Deno.inspect(url, { depth: 0 })}. ` +
        'A module is named and not imported: remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"))',
    );
  }
  const module = String(url);
  if (/^[A-Za-z]:[\\/]/.test(module)) {
    throw new TypeError(
      `Cannot name the remote module "${module}" by its path: write it as a URL, "file:///${
        encodeURI(module.replaceAll("\\", "/")).replaceAll("#", "%23").replaceAll("?", "%3F")
      }"`,
    );
  }
  if (isRelative(module)) {
    throw new TypeError(
      `Cannot name the remote module "${module}": a slave does not know what it is relative to. ` +
        `Use remote(import.meta.resolve("${
          module === "" ? "./tasks.ts" : module.replace(/^(?![./])/, "./")
        }"))`,
    );
  }
  const exports = new Map<string, unknown>();
  const exportsByName = new Proxy({} as Remote<Module>, {
    get(_target, name): unknown {
      // A promise that resolves to this object asks for `then`: the object has none, and a module that exports one cannot be imported either.
      if (typeof name === "symbol" || name === "then") return undefined;
      let value = exports.get(name);
      if (value === undefined) exports.set(name, value = remoteExport(module, name));
      return value;
    },
    set(): never {
      throw new TypeError(`Cannot set an export of the remote module ${module}`);
    },
  });
  modules.add(exportsByName);
  return exportsByName;
}

/** Whether a module is named by a relative path; a name like `tasks.ts` may also be a name of the import map. */
function isRelative(module: string): boolean {
  if (/^\.{0,2}\//.test(module) || module === "") return true;
  if (!/^[^@:][^:]*\.[cm]?[jt]sx?$/.test(module)) return false;
  try {
    import.meta.resolve(module);
    return false;
  } catch {
    // It is not in the import map.
    return true;
  }
}

/** One export. Whether it is a function or a class shows when it is called, with or without `new`. */
function remoteExport(module: string, name: string): unknown {
  const classReference: CodeReference = { type: "class", module, name };
  function exported(...constructorArgs: unknown[]): object {
    if (new.target === undefined) {
      throw new TypeError(
        `Cannot call ${name} here: it runs on the slaves. Give it to addTask(tasks.${name}, ...args) or getContext()`,
      );
    }
    // An own function keeps it from being sent as a plain value.
    const object = { run: runsOnSlaves };
    targets.set(object, { reference: classReference, constructorArgs });
    return object;
  }
  targets.set(exported, { reference: { type: "export", module, name } });
  return exported;
}

function runsOnSlaves(): never {
  throw new TypeError(
    "Cannot run a remote object here: it is made on the slaves. Give it to addTask()",
  );
}

/** Finds what a remote export or object stands for; `undefined` for anything else. @internal */
export function remoteTarget(value: unknown): RemoteTarget | undefined {
  return (typeof value === "object" && value !== null) || typeof value === "function"
    ? targets.get(value)
    : undefined;
}

/** Whether a value is what {@linkcode remote} returned, and not one of its properties. @internal */
export function isRemoteModule(value: unknown): boolean {
  return typeof value === "object" && value !== null && modules.has(value);
}
