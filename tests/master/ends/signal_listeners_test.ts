import { assertEquals } from "@std/assert";
import { ignoredBy } from "../../../lib/master/ends/signal_listeners.ts";

/** The lines of the status file that are looked at, each with the signals of its mask. */
function status(ignored: readonly number[], caught: readonly number[]): string {
  const mask = (signals: readonly number[]) =>
    signals.reduce((sum, signal) => sum | 1n << BigInt(signal - 1), 0n)
      .toString(16).padStart(16, "0");
  return `Name:\tdeno\nSigIgn:\t${mask(ignored)}\nSigCgt:\t${mask(caught)}\n`;
}

const HUP = 1, INT = 2, QUIT = 3, BUS = 7, USR1 = 10, SEGV = 11, PIPE = 13, TERM = 15;

/** What Deno 2.9.6 catches when it starts, and half a second later. */
const AT_START = [BUS, SEGV];
const LATER = [HUP, INT, BUS, USR1, SEGV, TERM];
/** What `deno test` catches. */
const IN_TESTS = [HUP, INT, BUS, SEGV, TERM];

const CASES = {
  "none": { status: status([PIPE], AT_START), ignored: [] },
  "all": {
    status: status([HUP, INT, PIPE, TERM], AT_START),
    ignored: ["SIGHUP", "SIGINT", "SIGTERM"],
  },
  "SIGHUP by nohup": { status: status([HUP, PIPE], AT_START), ignored: ["SIGHUP"] },
  "SIGHUP of a script that has a terminal": {
    status: status([HUP, PIPE], AT_START),
    hasTerminal: true,
    ignored: ["SIGHUP"],
  },
  "SIGINT by a shell's &": { status: status([INT, QUIT], AT_START), ignored: ["SIGINT"] },
  "SIGHUP where Deno has begun to listen": { status: status([PIPE], LATER), ignored: ["SIGHUP"] },
  "none of a script that has a terminal where Deno has begun to listen": {
    status: status([PIPE], LATER),
    hasTerminal: true,
    ignored: [],
  },
  "SIGINT by a shell's & where Deno has begun to listen": {
    status: status([QUIT, PIPE], LATER),
    hasTerminal: true,
    ignored: ["SIGINT"],
  },
  "none in tests": { status: status([PIPE], IN_TESTS), ignored: [] },
  "SIGHUP where nothing can be read": { status: undefined, ignored: ["SIGHUP"] },
  "SIGHUP where the file says something else": { status: "deno 1 1", ignored: ["SIGHUP"] },
  "none of a script that has a terminal where nothing can be read": {
    status: undefined,
    hasTerminal: true,
    ignored: [],
  },
} as Record<string, { status: string | undefined; hasTerminal?: true; ignored: string[] }>;

for (const [what, { status, hasTerminal = false, ignored }] of Object.entries(CASES)) {
  Deno.test(`ignoredBy: ${what}`, () => {
    assertEquals([...ignoredBy(status, () => hasTerminal)], ignored);
  });
}
