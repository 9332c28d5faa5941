import { assertEquals, assertThrows } from "@std/assert";
import { asBounds } from "../../lib/launch/slave_count.ts";
import { SGEQsubSlaveArray, SlurmSlaveArray } from "../../mod.ts";

Deno.test("asBounds: a number is a fixed size, and bounds have what was not said", () => {
  assertEquals(asBounds(7), { min: 7, max: 7, idleMs: Infinity });
  assertEquals(asBounds({ max: 9 }), { min: 0, max: 9, idleMs: 60_000 });
  assertEquals(asBounds({ min: 2, max: 2, idleMs: 0 }), { min: 2, max: 2, idleMs: 0 });
});

for (
  const [count, message] of [
    [0, "at least 1, or { min, max, idleMs }, not 0"],
    [1.5, "not 1.5"],
    ["3", 'not "3"'],
    [null, "not null"],
    [{}, "The bound max of a slave array must be a whole number, at least 1, not undefined"],
    [{ max: 0 }, "The bound max of a slave array must be a whole number, at least 1, not 0"],
    [
      { min: -1, max: 3 },
      "The bound min of a slave array must be a whole number, at least 0, not -1",
    ],
    [
      { min: 4, max: 3 },
      "The bound min of a slave array must be a whole number, at most max, 3, not 4",
    ],
    [
      { max: 3, idleMs: 0.5 },
      "The bound idleMs of a slave array must be a whole number, at least 0",
    ],
  ] as const
) {
  Deno.test(`asBounds: refuses ${Deno.inspect(count)}`, () => {
    assertThrows(() => asBounds(count), RangeError, message);
    assertThrows(() => new SlurmSlaveArray(count as never), RangeError, message);
    assertThrows(() => new SGEQsubSlaveArray(count as never), RangeError, message);
  });
}

Deno.test("asBounds: refuses a list, as of who forgets the number", () => {
  const message =
    'is how many slaves it has: a whole number, or { min, max, idleMs }, not [ "--mem=4G" ]';
  assertThrows(() => asBounds(["--mem=4G"]), TypeError, message);
  assertThrows(() => new SlurmSlaveArray(["--mem=4G"] as never), TypeError, message);
});

Deno.test("asBounds: refuses a bound that there is not", () => {
  const message = "Unknown bound most of a slave array. There are: min, max, idleMs";
  assertThrows(() => asBounds({ max: 3, most: 4 }), TypeError, message);
});
