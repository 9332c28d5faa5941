/**
 * Messages made of words of the protocol, put together as nobody would.
 *
 * @module
 */

import type { SeededRandom } from "../simulation/seeded_random.ts";

const MESSAGES = [
  "hello",
  "challenge",
  "proof",
  "welcome",
  "refused",
  "ready",
  "results",
  "failed",
  "startup-failed",
  "context-ended",
  "starting",
  "load-failed",
  "returned",
  "exiting",
  "ended",
  "printed",
  "output-begun",
  "output-failed",
  "leaving",
  "alive",
  "context",
  "run",
  "__proto__",
];
const FIELDS = [
  "first",
  "values",
  "micros",
  "failure",
  "thrown",
  "context",
  "from",
  "to",
  "running",
  "code",
  "slave",
  "launch",
  "signal",
  "tail",
  "runners",
  "protocol",
  "role",
  "host",
  "nonce",
  "proof",
  "reason",
  "isShared",
  "memoryBytes",
  "cpuMs",
  "__proto__",
  "constructor",
  "toString",
  "length",
  "then",
  "$",
];
const VALUE_TYPES = [
  "Date",
  "RegExp",
  "Map",
  "Set",
  "Array",
  "Boolean",
  "Number",
  "String",
  "BigInt",
  "Error",
  "DOMException",
  "ArrayBuffer",
  "Uint8Array",
  "Float64Array",
  "DataView",
  "plain",
  "bigint",
  "undefined",
  "NaN",
  "__proto__",
];
const WORDS = [
  "threw",
  "load",
  "result",
  "runner",
  "agent",
  "Error",
  "RangeError",
  "AggregateError",
  "message",
  "stack",
  "cause",
  "name",
  "g",
  "(",
  "x".repeat(500),
  "",
  "SIGKILL",
  "\u0000",
  "ab".repeat(32),
  "Deno.exit(66)",
  "import('file:///etc/passwd')",
  "file:///etc/passwd",
];
const NUMBERS = [
  "0",
  "1",
  "2",
  "3",
  "7",
  "-1",
  "0.5",
  "1e999",
  "4294967296",
  "9007199254740993",
  "-0",
];

/** One message, as JSON. */
export function message(random: SeededRandom): string {
  if (random.chance(0.05)) return value(random, 3);
  const fields = [`"type":${JSON.stringify(random.pick(MESSAGES))}`];
  for (let i = random.integer(0, 6); i > 0; i--) fields.push(field(random, 3));
  return `{${fields.join(",")}}`;
}

function field(random: SeededRandom, depth: number): string {
  return `${JSON.stringify(random.pick(FIELDS))}:${value(random, depth)}`;
}

/** A value, as JSON: mostly as the codec would write it, or nearly. */
function value(random: SeededRandom, depth: number): string {
  const kind = random.integer(0, depth > 0 ? 7 : 3);
  switch (kind) {
    case 0:
    case 1:
      return random.pick(NUMBERS);
    case 2:
      return JSON.stringify(random.pick(WORDS));
    case 3:
      return random.pick(["null", "true", "false", '{"$":"undefined"}', '{"$":0}']);
    case 4:
      return `[${several(random, () => value(random, depth - 1))}]`;
    case 5:
      return `{${several(random, () => field(random, depth - 1))}}`;
    default: {
      const type = JSON.stringify(random.pick(VALUE_TYPES));
      const parts = several(random, () => value(random, depth - 1));
      return `{"$":[${type}${parts === "" ? "" : `,${parts}`}]}`;
    }
  }
}

function several(random: SeededRandom, make: () => string): string {
  return Array.from({ length: random.integer(0, 4) }, make).join(",");
}
