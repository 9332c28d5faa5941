import { ignoredSignals } from "../../lib/master/ends/signal_listeners.ts";

/**
 * Has the programs that this process starts from now on end by the signals that end programs, though this process may ignore some,
 * started by `nohup` or with `&`. It goes on to ignore them itself.
 */
export function heedSignals(): void {
  if (Deno.build.os === "windows") return;
  // Then they are caught, and a program that is started inherits only what is ignored.
  for (const signal of ignoredSignals()) Deno.addSignalListener(signal, () => {});
}
