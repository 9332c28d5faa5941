/**
 * The slave's program, for an agent whose time stands still. SIGHUP lets so much of its time limit pass that it takes leave; its
 * next heartbeat follows. SIGURG lets the rest pass. SIGWINCH lets pass as much as the master may be silent by default. To be
 * named by the option `deno` of a manager: of the words that follow the limit, which is the first one, it heeds what a job gives it.
 *
 * @module
 */

import { runSlave } from "../../lib/slave/main.ts";
import { StandingClock } from "./test_clock.ts";

const timeLimitMs = Number(Deno.args[0]);
const clock = new StandingClock();

/** Lets a part of the limit pass as if the agent was stopped: it does not wonder that the master says nothing. */
function pass(part: number): void {
  clock.stop(part * timeLimitMs);
  clock.pass(0);
}

Deno.addSignalListener("SIGHUP", () => {
  pass(0.92);
  pass(0.03);
});
Deno.addSignalListener("SIGURG", () => pass(0.05));
Deno.addSignalListener("SIGWINCH", () => clock.pass(70_000));
const connectionAt = Deno.args.indexOf("--connection");
await runSlave(connectionAt < 0 ? [] : Deno.args.slice(connectionAt), clock);
