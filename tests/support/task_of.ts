import { type Code, type EncodedArguments, Task } from "../../lib/task.ts";

/** A task that nobody can give up. */
export function taskOf(id: number, code: Code, args: EncodedArguments): Task {
  return new Task(id, { code, cancel: () => {} }, args);
}
