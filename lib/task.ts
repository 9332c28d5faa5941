/**
 * What a task is: a reference to code, and arguments.
 *
 * @module
 */

import { quoteText } from "./quote_text.ts";

/** How many characters of a label stand in messages. */
const MAX_LABEL_LENGTH = 100;

/** Where the code of a task or of a startup function is found. */
export type CodeReference =
  /** The function that a module exports under this name. */
  | { readonly type: "export"; readonly module: string; readonly name: string }
  /** The class that a module exports: an object of it is made for each task, and its `run` method called. */
  | { readonly type: "class"; readonly module: string; readonly name: string }
  /** A function as source text, which sees none of the variables around it. */
  | { readonly type: "inline"; readonly name: string; readonly source: string };

/**
 * Code that a manager has met, under the number that it has on the wire. For a task of a class the arguments are two
 * lists: the constructor's, and those of `run`.
 */
export interface Code {
  /** Counted from 0 in the order in which a manager met the code. */
  readonly number: number;
  /** Where the code is found. */
  readonly reference: CodeReference;
}

/**
 * Arguments ready for the wire: their JSON text, or that and the bytes that travel beside it. A long text is such bytes itself.
 *
 * A number stands for the list of just that, on the wire as well. Most of the tasks that wait by the million have no other
 * argument: as a text a whole number would take half as much memory again, and a task that does nothing a sixth more time.
 */
export type EncodedArguments = number | string | {
  readonly text: string;
  readonly buffers: readonly Uint8Array[];
  /** Whether the task came back from a slave, to which these bytes may be under way as long as it lives. */
  isShared?: boolean;
};

/** What tasks of one piece of code that one reader gets have in common. */
export interface TaskOrigin {
  /** What runs. */
  readonly code: Code;
  /** Has the board give a task up that has not ended. */
  cancel(task: Task): void;
}

/**
 * One task of a context, as `addTask` returns it.
 *
 * A million of them may wait: it has no field that it can do without.
 *
 * @typeParam Result What arrives of its result.
 */
export class Task<Result = unknown> {
  /**
   * Holds the type alone: there is no such property. It is that of a method, so that a `Map` whose keys are tasks of some type may be
   * asked for any task, such as that of an outcome.
   */
  declare readonly "~result"?: { of(result: Result): void }["of"];
  /** Number of the task in its context: 0, 1, 2 … in the order in which tasks were added. */
  readonly id: number;
  /** Where it comes from. @internal */
  readonly origin: TaskOrigin;
  /** The arguments, encoded when the task was added; an empty text, which is no list, when it has ended. @internal */
  args: EncodedArguments;

  /** Made by `Context.addTask()`. @internal */
  constructor(id: number, origin: TaskOrigin, args: EncodedArguments) {
    this.id = id;
    this.origin = origin;
    this.args = args;
  }

  /** The code that runs. @internal */
  get code(): Code {
    return this.origin.code;
  }

  /** It came back from a slave. @internal */
  shareArguments(): void {
    if (typeof this.args === "object") this.args.isShared = true;
  }

  /** Whether it has ended: nobody runs it any more. @internal */
  get hasEnded(): boolean {
    return this.args === "";
  }

  /** It has ended. Its arguments are forgotten: whoever keeps it, or its outcome, does not keep megabytes. @internal */
  end(): void {
    this.args = "";
  }

  /**
   * It has ended, and its arguments have arrived where they were sent: their memory is given back. Before the garbage collector does
   * so, 100 MB gather. @internal
   */
  endOnSlave(): void {
    if (typeof this.args === "object" && !this.args.isShared) {
      for (const { buffer } of this.args.buffers) (buffer as ArrayBuffer).transfer(0);
    }
    this.end();
  }

  /**
   * Gives the task up, if it has not ended: it ends as rejected with an {@linkcode AbortError}. One that waits is dropped. One that
   * runs is killed where it runs, and its slave starts anew; no other task is lost. A startup that runs before it goes on, since other
   * tasks need it.
   */
  cancel(): void {
    if (!this.hasEnded) this.origin.cancel(this);
  }

  /** Name of the function or class that it runs; empty for an inline function without one. */
  get name(): string {
    return this.code.reference.name;
  }

  /** What you call it; missing if it was added without a label. */
  get label(): string | undefined {
    return undefined;
  }

  /**
   * Says which task this is and where its code comes from: `task 3 (distance in file:///home/me/tasks.ts)`. A label follows the number:
   * `task 3 "6lyz, chain A" (…)`.
   */
  toString(): string {
    const { label } = this;
    const labelText = label === undefined ? "" : ` ${quoteLabel(label)}`;
    return `task ${this.id}${labelText} (${describeCode(this.code.reference)})`;
  }
}

/** A task that has a label. Others do not pay for one. */
export class LabelledTask extends Task {
  readonly #label: string;

  /** Made by `Context.addTaskWith()`. @internal */
  constructor(id: number, origin: TaskOrigin, args: EncodedArguments, label: string) {
    super(id, origin, args);
    this.#label = label;
  }

  /** What you call it. */
  override get label(): string {
    return this.#label;
  }
}

/** Puts a label as messages have it. */
export function quoteLabel(label: string): string {
  return quoteText(label, MAX_LABEL_LENGTH);
}

/** Names a piece of code in messages: `distance in file:///home/me/tasks.ts`, `inline function double`. */
export function describeCode(reference: CodeReference): string {
  switch (reference.type) {
    case "export":
    case "class":
      return `${reference.name} in ${shortenUrl(reference.module)}`;
    case "inline":
      return reference.name === "" ? "inline function" : `inline function ${reference.name}`;
    default:
      return reference satisfies never;
  }
}

function shortenUrl(url: string): string {
  return url.length > 200 ? `${url.slice(0, 80)}…` : url;
}
