import { OutputSink } from "../../lib/launch/output_sink.ts";

/** Where the output goes of processes of which nobody reads any. */
export const NO_OUTPUT: OutputSink = new (class extends OutputSink {
  override readonly target = "null";
  protected override take(): Promise<void> {
    return Promise.resolve();
  }
  override [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
})();
