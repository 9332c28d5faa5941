import { type MapOutcome, RemoteError } from "../../mod.ts";
import { printError } from "../print_error.ts";
import type { Order } from "./order.ts";
import { printedText, type ResultText, resultText } from "./result_text.ts";
import type { ResultWriter } from "./result_writer.ts";

/** Prints results, and counts failures. */
export class OutcomePrinter {
  /** How many inputs have failed, or have results that cannot be printed. */
  failures = 0;
  readonly #writer: ResultWriter;
  readonly #text: ResultText;
  /** Whether the output of a command that failed is printed as well. */
  readonly #isPlain: boolean;

  /** @param writer Gets the results; failures go to standard error. */
  constructor({ work, format, hasInput }: Order, writer: ResultWriter) {
    this.#writer = writer;
    this.#text = resultText({ format, hasInput, isPrinted: work.type === "command" });
    this.#isPlain = work.type === "command" && format === "text" && !hasInput;
  }

  /**
   * Prints the outcome of an input's task.
   *
   * @returns A promise, if the caller has to wait.
   * @throws {RemoteError} If its function could not be loaded, or its startup failed: then all inputs fail.
   */
  print(outcome: MapOutcome): Promise<void> | undefined {
    if (outcome.status === "rejected") return this.#printFailure(outcome);
    try {
      return this.#writer.write(this.#text(outcome.value, outcome.input));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.#fail(`The result of ${outcome.task} cannot be printed. ${error.message}`);
      return undefined;
    }
  }

  async #printFailure(
    { reason, hasRun }: MapOutcome & { readonly status: "rejected" },
  ): Promise<void> {
    if (!hasRun && reason instanceof RemoteError) throw reason;
    // So that on a terminal the results before the failure stand above it.
    await this.#writer.flush();
    this.#fail(reason.message);
    const { stdout } = (reason.cause ?? {}) as { readonly stdout?: string | Uint8Array };
    if (this.#isPlain && stdout !== undefined) await this.#writer.write(printedText(stdout));
  }

  #fail(message: string): void {
    this.failures++;
    printError(message);
  }
}
