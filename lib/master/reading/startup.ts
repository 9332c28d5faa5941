/**
 * The startup of a context: what users pass, and what it becomes.
 *
 * @module
 */

import type { Sendables } from "../../cloned.ts";
import type { RemoteFunction, RemoteObject } from "../../remote.ts";
import { encodeArguments } from "../argument_list.ts";
import type { CodeRegistry } from "../code_registry.ts";
import { asRetryPolicy, checkContextOptions, type ContextOptions } from "../settings.ts";
import type { ContextCoreOptions } from "./context_core.ts";

/** What can run before the first task of a context on a slave: a function, or an object whose `run` method is called. */
export type StartupCode<Result, Args extends readonly unknown[] = []> =
  | RemoteFunction<Args, Result>
  | RemoteObject<Args, Result>
  | ((...args: Args) => Result);

/** Arguments of a startup function. */
export interface StartupArguments<Args extends readonly unknown[]> {
  /**
   * The arguments of the startup function, or of the `run` method of the object that stands for it. They are copied, as `structuredClone`
   * copies, when the context is made, and sent once to each process that runs tasks of the context.
   */
  readonly args: Args & Sendables<Args>;
}

/** Options of a context whose startup takes such arguments: required if the startup requires arguments. */
export type StartupOptions<Args extends readonly unknown[]> = [] extends Args
  ? [options?: ContextOptions & Partial<StartupArguments<Args>>]
  : [options: ContextOptions & StartupArguments<Args>];

/**
 * Makes the options of a context from what the user passed.
 *
 * @param codes Knows the code of all contexts.
 * @throws {TypeError} If the startup is not valid, or an option is wrong.
 * @throws {DOMException} A `DataCloneError` if an argument cannot be cloned.
 */
export function asContextMaking(
  codes: CodeRegistry,
  startup: unknown,
  options: ContextOptions & { readonly args?: readonly unknown[] },
): ContextCoreOptions {
  checkContextOptions(options);
  const retries = asRetryPolicy(options.retries);
  const resolved = startup === undefined ? undefined : codes.resolve(startup, "startup function");
  const { args, journal: path, rerunFailed, acceptChangedCode, taskTimeoutMs } = options;
  if (resolved === undefined && args !== undefined) {
    throw new TypeError(
      "Arguments for a startup function were given, and no such function: getContext(startup, { args: [ … ] })",
    );
  }
  const code = resolved?.code;
  const startupArgs = resolved && encodeArguments(resolved.constructorArgs, args ?? []);
  const journal = path === undefined
    ? undefined
    : { path, rerunFailed, acceptChangedCode, startup: code?.reference, startupArgs };
  return { startup: code, startupArgs, retries, taskTimeoutMs, journal };
}
