import type { Task } from "../task.ts";

/** The arguments of tasks that leave together. */
export class ArgumentList {
  /** A list of argument lists, as JSON without its brackets. */
  readonly text: string;
  /** The bytes of buffers, which travel beside it. */
  readonly buffers: readonly Uint8Array[];
  /** How many characters the longest of the argument lists has. */
  readonly maxLength: number;

  /** @param tasks In the order in which they leave. */
  constructor(tasks: readonly Task[]) {
    const texts: string[] = [];
    const buffers: Uint8Array[] = [];
    let maxLength = 0;
    for (const { args } of tasks) {
      const text = typeof args === "string" ? args : args.text;
      if (typeof args !== "string") buffers.push(...args.buffers);
      texts.push(text);
      if (text.length > maxLength) maxLength = text.length;
    }
    this.text = texts.join(",");
    this.buffers = buffers;
    this.maxLength = maxLength;
  }
}
