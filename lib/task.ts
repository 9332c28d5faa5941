/**
 * What a task is: a reference to code, and arguments.
 *
 * @module
 */

import { quoteText } from "./quote_text.ts";

/** How many characters of a label are shown in messages. */
const MAX_LABEL_LENGTH = 100;

/**
 * Where the code of a task or of a startup function is found.
 *
 * @ignore
 */
export type CodeReference =
  /** The function that a module exports under this name. */
  | { readonly type: "export"; readonly module: string; readonly name: string }
  /** The class that a module exports: each task makes an object of it and calls its `run` method. */
  | { readonly type: "class"; readonly module: string; readonly name: string }
  /** A function as source text, which sees none of the variables around it. */
  | { readonly type: "inline"; readonly name: string; readonly source: string };

/**
 * Code that a manager has met, with its number on the wire. For a task of a class the arguments are two lists: the constructor's, and those
 * of `run`.
 *
 * @ignore
 */
export interface Code {
  /** Counted from 0 in the order in which a manager met the code. */
  readonly number: number;
  /** Where the code is found. */
  readonly reference: CodeReference;
}

/**
 * Arguments ready for the wire: their JSON text, or the text and the bytes that travel beside it. A long text is itself sent as such bytes.
 *
 * A number stands for the list that holds only this number, on the wire as well. When tasks wait by the million, most have no other
 * argument: as a text, a whole number would take half as much memory again, and a task that does nothing a sixth more time.
 *
 * @ignore
 */
export type EncodedArguments = number | string | {
  readonly text: string;
  readonly buffers: readonly Uint8Array[];
  /** Whether the task left a slave that had not answered it: as long as that slave lives, these bytes may still be on their way to it. */
  isShared?: boolean;
};

/** How many bytes a number counts as. It becomes text only when it is sent. */
const NUMBER_BYTES = 8;

/** About how many bytes arguments or a result take on the wire, exact enough for limits: characters of the text and bytes of buffers. */
export function sizeOfEncoded(encoded: EncodedArguments): number {
  if (typeof encoded === "number") return NUMBER_BYTES;
  if (typeof encoded === "string") return encoded.length;
  let bytes = encoded.text.length;
  for (const buffer of encoded.buffers) bytes += buffer.length;
  return bytes;
}

/**
 * What the tasks of one piece of code and one reader have in common.
 *
 * @ignore
 */
export interface TaskOrigin {
  /** What runs. */
  readonly code: Code;
  /** Has the board give up a task that has not ended. */
  cancel(task: Task): void;
}

/** Makes a task without a label. */
export let newTask: (id: number, origin: TaskOrigin, args: EncodedArguments) => Task;
/** The code that a task runs. */
export let codeOf: (task: Task) => Code;
/** A task's arguments, encoded when it was added. After its end they are an empty text, which is not a list. */
export let argumentsOf: (task: Task) => EncodedArguments;
/** Notes that a task leaves a slave without an answer: it is put back, or given up. */
export let shareArguments: (task: Task) => void;
/** Whether a task has ended: nobody runs it any more. */
export let hasEnded: (task: Task) => boolean;
/** Ends a task. Its arguments are forgotten, so that whoever keeps the task or its outcome does not keep megabytes. */
export let endTask: (task: Task) => void;
/**
 * Ends a task. The memory of its arguments is freed, unless they may still be on their way to a slave: the garbage collector would let
 * 100 MB pile up first.
 */
export let endTaskOnSlave: (task: Task) => void;

// A million tasks may wait: they have no field that they can do without.
/**
 * One task of a context, as `addTask` returns it.
 *
 * @typeParam Result Type of its result as it arrives: see {@linkcode Cloned}.
 */
export class Task<Result = unknown> {
  static {
    newTask = (id, origin, args) => new Task(id, origin, args);
    codeOf = (task) => task.#origin.code;
    argumentsOf = (task) => task.#args;
    shareArguments = (task) => {
      if (typeof task.#args === "object") task.#args.isShared = true;
    };
    hasEnded = (task) => task.#args === "";
    endTask = (task) => {
      task.#args = "";
    };
    endTaskOnSlave = (task) => {
      const args = task.#args;
      if (typeof args === "object" && !args.isShared) {
        for (const { buffer } of args.buffers) (buffer as ArrayBuffer).transfer(0);
      }
      task.#args = "";
    };
  }

  /**
   * Holds only the type: there is no such property. It is the type of a method, so that a `Map` whose keys are tasks of one type may be
   * asked for any task, such as that of an outcome.
   *
   * @ignore
   */
  declare readonly "~result"?: { of(result: Result): void }["of"];
  /** Number of the task in its context: 0, 1, 2 … in the order in which tasks were added. */
  readonly id: number;
  readonly #origin: TaskOrigin;
  #args: EncodedArguments;

  /**
   * Tasks are made by the methods of a context.
   *
   * @ignore
   */
  protected constructor(id: number, origin: TaskOrigin, args: EncodedArguments) {
    this.id = id;
    this.#origin = origin;
    this.#args = args;
  }

  /**
   * Gives the task up, unless it has ended: it is rejected with an {@linkcode AbortError}. A waiting task is dropped. A running task is
   * killed, and its slave starts anew; no other task is lost. A startup that runs before the task goes on, because other tasks need it.
   */
  cancel(): void {
    if (!hasEnded(this)) this.#origin.cancel(this);
  }

  /** Name of the function or class that it runs; empty for an inline function without one. */
  get name(): string {
    return this.#origin.code.reference.name;
  }

  /** The label that you gave it; missing if it was added without one. */
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
    return `task ${this.id}${labelText} (${describeCode(this.#origin.code.reference)})`;
  }
}

/** A task that has a label. Tasks without one need no memory for it. */
export class LabelledTask extends Task {
  readonly #label: string;

  /** Made by `Context.addTaskWith()`. */
  constructor(id: number, origin: TaskOrigin, args: EncodedArguments, label: string) {
    super(id, origin, args);
    this.#label = label;
  }

  /** The label that you gave it. */
  override get label(): string {
    return this.#label;
  }
}

/** Writes a label as messages show it. */
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
