/**
 * What master and slave say to each other, once each has proved that it knows the secret. A frame's text is a JSON
 * array of these messages, in the order in which they were said.
 *
 * The dialogue: the master tells a slave of a context and of a piece of code before it first names them, and sends
 * tasks. The slave numbers the tasks of a connection 0, 1, 2 … as they come, runs them one at a time in that order,
 * and answers each exactly once: in `results`, in `failed`, as one of those that `startup-failed` covers, or as
 * `returned`, not run. So a task needs no identity on the wire. When the connection ends the slave ends.
 *
 * `Encoded` values are as `codec.ts` made them; the bytes of their buffers follow in the frame, in the same order.
 *
 * @module
 */

import type { CodeReference } from "../task.ts";

/** A value as it stands in the JSON of a message, see `decodeValue()`. */
export type EncodedJson = unknown;

/** What the master says. */
export type ToSlave =
  /** Announces a context. Its startup code runs before the first task of it. */
  | { readonly type: "context"; readonly context: number; readonly startup: CodeReference | null }
  /** Announces a piece of code that tasks are going to name. */
  | { readonly type: "code"; readonly code: number; readonly reference: CodeReference }
  /** Tasks of one context and one piece of code: a list of argument lists, one each. */
  | {
    readonly type: "run";
    readonly context: number;
    readonly code: number;
    readonly args: readonly EncodedJson[];
  }
  /** Asks for all tasks that wait behind the running one. */
  | { readonly type: "recall" }
  /** The context will have no more tasks: what startup returned can go. */
  | { readonly type: "forget"; readonly context: number };

/** What a slave says. */
export type ToMaster =
  /** Startup of a context has finished; its first task starts now. */
  | { readonly type: "ready"; readonly context: number }
  /** Values of tasks `first`, `first + 1`, … and how many microseconds each ran. */
  | {
    readonly type: "results";
    readonly first: number;
    readonly values: readonly EncodedJson[];
    readonly micros: readonly number[];
  }
  /** Task `first` failed; see {@linkcode Failure} for how. */
  | {
    readonly type: "failed";
    readonly first: number;
    readonly failure: Failure;
    readonly thrown: EncodedJson;
    readonly micros: number;
  }
  /** Startup of a context failed: this answers every task of it that is or will be on this connection. */
  | {
    readonly type: "startup-failed";
    readonly context: number;
    readonly failure: Failure;
    readonly thrown: EncodedJson;
  }
  /** Tasks from `from` up to but not including `to` were not run, and will not be. */
  | { readonly type: "returned"; readonly from: number; readonly to: number }
  /** The process ends now, by `Deno.exit(code)` in task `running` (or startup before it). All before it are answered. */
  | { readonly type: "exiting"; readonly running: number; readonly code: number };

/**
 * How a task or a startup failed: its code could not be `load`ed, it `threw`, or what it returned could not be sent
 * (`result`).
 */
export type Failure = "load" | "threw" | "result";
