import { type Code, type EncodedArguments, newTask, type Task } from "../../lib/task.ts";

/** A task that nobody can give up. */
export function taskOf(id: number, code: Code, args: EncodedArguments): Task {
  return newTask(id, { code, cancel: () => {} }, args);
}
