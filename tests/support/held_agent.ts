/**
 * The slave's program, whose long timers do not run by the clock: SIGHUP has the first of them fire, SIGURG the next. To be
 * named by the option `deno` of a manager: it ignores the words that follow.
 *
 * @module
 */

import { runSlave } from "../../lib/slave/main.ts";
import { HeldTimers } from "./held_timers.ts";

/** Longer than any timer that an agent sets for itself. */
const LONG_MS = 1_000_000;

const timers = new HeldTimers((ms) => ms > LONG_MS);
for (const signal of ["SIGHUP", "SIGURG"] as const) {
  Deno.addSignalListener(signal, () => void timers.fire());
}
await runSlave([]);
