import { printError } from "../../print_error.ts";
import { slaveProgram } from "../../slave_program.ts";
import { RepeatedWarnings } from "./repeated_warnings.ts";

/**
 * A user's function that is told events: `onEvent`, or `progress` of a reader.
 *
 * An error in it is the user's error, but no reason to end a run that may have taken days. If nobody caught it, Deno would end the process
 * at once, without `finally`. If a reader threw it, the loop over the results would end, and running tasks would be lost. So the error is
 * printed at once, the run and the script go on as if nothing had happened, and the script ends with exit code 1.
 */
export class UserFunction<Event> {
  /** As a subscriber it wants all events. */
  readonly wantsTasks = true;
  readonly wantsProgress = true;
  readonly #run: (event: Event) => unknown;
  readonly #what: string;
  /** A million events may cause the same error a million times. */
  readonly #errors = new RepeatedWarnings((message) => this.#print(message));
  #latest: unknown;

  /** @param option Name of the option that the function was given as. */
  constructor(option: string, run: (event: Event) => unknown) {
    this.#run = run;
    const consequence = slaveProgram() === undefined
      ? "the run goes on, and the script will end with exit code 1"
      : "the run goes on";
    this.#what = `The function of the option ${option} threw an error (${consequence})`;
  }

  /** Calls the function. */
  tell(event: Event): void {
    try {
      const returned = this.#run(event);
      // Nobody waits for an async function, but its failure is reported all the same.
      if (returned instanceof Promise) returned.catch((thrown) => this.#noteError(thrown));
    } catch (thrown) {
      this.#noteError(thrown);
    }
  }

  #noteError(thrown: unknown): void {
    // The exit code of a slave process is not the user's.
    if (slaveProgram() === undefined && Deno.exitCode === 0) Deno.exitCode = 1;
    this.#latest = thrown;
    this.#errors.add(this.#what, describe(thrown));
  }

  #print(message: string): void {
    printError([`parallel: ${message}`, ...placesOf(this.#latest)].join("\n"));
    this.#latest = undefined;
  }
}

/** What was thrown, in one line. */
function describe(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return "an object that cannot be described";
  }
}

/** Where an error was thrown, and where its causes were: the lines of their stacks. */
function placesOf(thrown: unknown): string[] {
  if (!(thrown instanceof Error)) return [];
  try {
    return Deno.inspect(thrown).split("\n").slice(1);
  } catch {
    return [];
  }
}
