/**
 * Turns references to code into functions, on the slave.
 *
 * @module
 */

import { type CodeReference, describeCode } from "../task.ts";
import { loadGuard, ManagerRefusedError } from "./load_guard.ts";
import { messageOf, replaceText } from "../message_of.ts";

/**
 * A task's code, ready to run: `args` as they came, `values` as startup returned them.
 */
export interface TaskFunction {
  (args: unknown[], values: readonly unknown[]): unknown;
  /**
   * Adds the likely reason to an error that the function threw, or that its promise was rejected with. Whoever waits for the promise calls
   * this: another promise in between would let other code of the task run before its result is taken.
   */
  explain?(thrown: unknown): void;
}

/** The code could not be loaded; the message says which and why. */
export class LoadError extends Error {
  override name = "LoadError";
}

/**
 * Loads code.
 *
 * @param use What the code is for.
 * @throws {LoadError} If the module does not load, has no such export, or the source is no function.
 */
export async function loadCode(
  reference: CodeReference,
  use: "task" | "startup" = "task",
): Promise<TaskFunction> {
  switch (reference.type) {
    case "export": {
      const fn = await importFunction(reference);
      return (args, values) =>
        fn.apply(undefined, values.length === 0 ? args : [...args, ...values]);
    }
    case "class": {
      const constructor = await importClass(reference);
      return ([constructorArgs, args], values) =>
        new constructor(...constructorArgs as unknown[]).run(...args as unknown[], ...values);
    }
    case "inline": {
      const { source } = reference;
      const fn = evaluateFunction(source);
      const run: TaskFunction = (args, values) =>
        fn.apply(undefined, values.length === 0 ? args : [...args, ...values]);
      run.explain = (thrown) => explainScope(thrown, source, use);
      return run;
    }
    default:
      return reference satisfies never;
  }
}

/** The name of the source of inline functions in stacks. */
export const INLINE_SOURCE = "inline_function";

type AnyFunction = (...args: unknown[]) => unknown;
type RunnableClass = new (...args: unknown[]) => { run: AnyFunction };

async function importFunction(reference: CodeReference & { type: "export" }): Promise<AnyFunction> {
  const value = await importExport(reference);
  if (typeof value !== "function") {
    throw new LoadError(
      `Cannot run ${describeCode(reference)}: it is of type ${typeof value}, not a function`,
    );
  }
  if (/^class\b(?!\s*\()/.test(Function.prototype.toString.call(value))) {
    const { name } = reference;
    throw new LoadError(
      `Cannot run ${describeCode(reference)}: it is a class. Add the task as new tasks.${name}(…)`,
    );
  }
  return value as AnyFunction;
}

async function importClass(reference: CodeReference & { type: "class" }): Promise<RunnableClass> {
  const value = await importExport(reference);
  if (typeof value !== "function" || typeof value.prototype?.run !== "function") {
    throw new LoadError(
      `Cannot run ${describeCode(reference)}: it is not a class with a method run()`,
    );
  }
  return value as unknown as RunnableClass;
}

async function importExport(
  reference: { readonly module: string; readonly name: string },
): Promise<unknown> {
  const { module, name } = reference;
  let exports: Record<string, unknown>;
  try {
    exports = await loadGuard.load(module, () => import(module));
  } catch (cause) {
    const message = `Cannot load ${name} from ${module}: ${explainImport(cause, module)}`;
    throw new LoadError(message, cause instanceof ManagerRefusedError ? {} : { cause });
  }
  if (!(name in exports)) {
    throw new LoadError(
      `Cannot load ${name} from ${module}: there is no such export; ${listExports(exports)}`,
    );
  }
  return exports[name];
}

/** Why a module could not be imported, and what to do. */
function explainImport(thrown: unknown, module: string): string {
  if (thrown instanceof ManagerRefusedError) return thrown.message;
  if (!(thrown instanceof Error)) {
    return `the module throws while it is loaded: ${messageOf(thrown)}`;
  }
  if (isRaisedInCode(thrown)) {
    return `the module throws while it is loaded: ${thrown.name}: ${thrown.message}`;
  }
  removeColours(thrown);
  const { message } = thrown;
  // Deno's hint is for the program that is started, and the user does not start slaves. Deno puts the place on a line of its own.
  const what = message.replace(/\n[ \t]*hint: .*/, "").replace(/\.?\n {4}at /, ", at ")
    .replace(/\.$/, "");
  if (/^Module not found/.test(what)) {
    const path = what.includes(`"${module}"`) ? "the path given to remote()" : "the path there";
    return `${what}. Is ${path} right, and does the slave's machine see the file?`;
  }
  if (what.includes("--no-npm is specified")) {
    return "it imports an npm package, which the option permissions of the manager does not give: give " +
      '{ import: ["registry.npmjs.org"] } there, or { import: true } for all hosts as well';
  }
  if (/^Import .* not a dependency/.test(what)) {
    return `${what}. Slaves know the names that are in their configuration: the nearest deno.json or package.json, beside ` +
      "the main module or above it, if the master may read it (--allow-read), or what the option config of the manager names";
  }
  return message;
}

/** Deno colours its messages even where no terminal shows them, and this message may go to a file. */
function removeColours(error: Error): void {
  // deno-lint-ignore no-control-regex -- the escape that a colour begins with
  const remove = (text: string) => text.replaceAll(/\x1b\[[0-9;]*m/g, "");
  error.message = remove(error.message);
  error.stack &&= remove(error.stack);
}

/** Whether an error was thrown by the module's own code. Deno's own errors of loading a module are thrown by the import here. */
function isRaisedInCode({ stack = "", message }: Error): boolean {
  const [, firstFrame] = stack.replace(message, "").split("\n");
  return firstFrame !== undefined && !firstFrame.includes(OWN_FOLDER.href);
}

function listExports(exports: Record<string, unknown>): string {
  const names = Object.keys(exports);
  if (names.length === 0) return "it exports nothing";
  const list = `it exports ${names.join(", ")}`;
  return names.includes("default")
    ? `${list}. The default export is tasks.default for addTask()`
    : list;
}

/** The text of a function is an expression, or, for a method, the part of an object literal. */
function evaluateFunction(source: string): AnyFunction {
  const errors: unknown[] = [];
  for (const code of [`(${source}\n)`, `Object.values({${source}\n})[0]`]) {
    // The name distinguishes the function's places from others in a stack.
    const named = `"use strict";${code}\n//# sourceURL=${INLINE_SOURCE}`;
    try {
      // deno-lint-ignore no-eval -- the slave runs what the master, proved by the secret, sends. Indirect: the function sees the global scope alone.
      const value: unknown = (0, eval)(named);
      if (typeof value === "function") return value as AnyFunction;
    } catch (error) {
      errors.push(error);
    }
  }
  // The form that does not fit the source fails with an unexpected token.
  const cause = errors.find((error) => !/Unexpected token/.test(String(error))) ?? errors.at(-1);
  throw new LoadError(
    `Cannot make a function of the inline task's source: ${cause}. Export the function from a module and use remote()`,
    { cause },
  );
}

/** The folder that relative imports of an inline function would start from, because it is evaluated here. */
const OWN_FOLDER = new URL(".", import.meta.url);
/** The folder as Deno's messages name it: a missing file is named by URL, a file that may not be read by path. */
const OWN_FOLDER_NAMES = [OWN_FOLDER.href, decodeURIComponent(OWN_FOLDER.pathname)];

/** The names that each CommonJS module has. */
const COMMON_JS = new Set(["require", "module", "exports", "__dirname", "__filename"]);

/** Adds the likely reason to an error of an inline function: it sees no variables around it, and no files beside it. */
function explainScope(thrown: unknown, source: string, use: "task" | "startup"): void {
  if (!(thrown instanceof ReferenceError) && !(thrown instanceof TypeError)) return;
  const { message } = thrown;
  const value = thrown instanceof ReferenceError
    ? explainMissingName(message, source, use)
    : explainMissingObject(message, source, use);
  if (value !== message) replaceText(thrown, "message", value);
}

function explainMissingName(message: string, source: string, use: "task" | "startup"): string {
  const name = /^(\S+) is not defined$/.exec(message)?.[1];
  // If the source does not mention the name, it is missing in other code that the function calls.
  if (name === undefined || !source.includes(name)) return message;
  if (COMMON_JS.has(name)) {
    return `${message}. That is of CommonJS, and inline functions are not: ` +
      'load modules by await import("node:fs"), and export a function that needs its folder from a module, ' +
      "which has import.meta.dirname";
  }
  return use === "task"
    ? `${message}. An inline task cannot see variables of the scope around it: ` +
      `pass ${name} as an argument, or export the function from a module that has ${name} and use remote(). ` +
      `A function or a class cannot be an argument`
    : `${message}. An inline startup function cannot see variables of the scope around it: ` +
      `pass ${name} as an argument, getContext((${name}) => …, { args: [${name}] }), or export the function from a module ` +
      `and use remote()`;
}

function explainMissingObject(message: string, source: string, use: "task" | "startup"): string {
  const what = use === "task" ? "task" : "startup function";
  if (
    /\bimport\s*\(/.test(source) && OWN_FOLDER_NAMES.some((folder) => message.includes(folder))
  ) {
    return `An inline ${what} has no folder that an import could be relative to. Import by an absolute URL, or ` +
      `export the function from a module and use remote()`;
  }
  if (/\bundefined\b|is not a function/.test(message) && /\bthis\b/.test(source)) {
    return `${message}. An inline ${what} comes to the slave without the object that it is a method of: there is nothing of that ` +
      `in its "this". Pass what it needs as an argument, or export a class with a method run from a module and use remote()`;
  }
  return message;
}
