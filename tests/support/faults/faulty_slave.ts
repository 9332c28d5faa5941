/**
 * A slave with a fault: the real program, told to fail in one way at one moment. To be named by the option `deno` of a
 * manager: it takes a {@linkcode FaultPlan} as JSON, and ignores the words that follow.
 *
 * @module
 */

import { runSlave } from "../../../lib/slave/main.ts";
import type { ConnectionInfo } from "../../../lib/wire/handshake.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { Saboteur } from "./saboteur.ts";

const plan: FaultPlan = JSON.parse(Deno.args[0]);
const line = await new Response(Deno.stdin.readable).text();
// It has been read here: the program that reads it next finds it again.
let unread = new TextEncoder().encode(line);
Deno.stdin.readSync = (bytes) => {
  if (unread.length === 0) return null;
  const count = Math.min(bytes.length, unread.length);
  bytes.set(unread.subarray(0, count));
  unread = unread.subarray(count);
  return count;
};
const info: ConnectionInfo = JSON.parse(line);

if (info.role === "runner") {
  const saboteur = await Saboteur.enter(plan, info);
  await saboteur.reach("before hello");
}
await runSlave([]);
