/**
 * The program that runs on the slaves. The manager starts it; nobody else needs to.
 *
 * @module
 */

import { runSlave } from "./lib/slave/main.ts";

if (import.meta.main) await runSlave(Deno.args);
