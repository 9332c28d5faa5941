import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { remote } from "../../mod.ts";
import { randomStream } from "../../random.ts";
import { localManager } from "../support/local_manager.ts";
import { TempFolder } from "../support/temp_folder.ts";

const tasks = remote<typeof import("../support/random_tasks.ts")>(
  import.meta.resolve("../support/random_tasks.ts"),
);

/** The first numbers of a stream. */
function firstOf(numbers: [number, ...number[]], count: number): number[] {
  const random = randomStream(...numbers);
  return Array.from({ length: count }, () => random.next());
}

/** The 256 first bits of a stream. */
function beginningOf(numbers: [number, ...number[]]): string {
  return randomStream(...numbers).fill(new BigUint64Array(4)).join();
}

/** Any number, of many sizes; some come again. */
function anyNumber(random: ReturnType<typeof randomStream>): number {
  const whole = random.integer(2 ** (1 + random.integer(53)));
  return [whole, -whole, whole / 1024, random.normal(), random.integer(3)][random.integer(5)];
}

Deno.test("randomStream: gives the same numbers for the same arguments, and has not changed", () => {
  assertEquals(firstOf([37, 5], 8), firstOf([37, 5], 8));
  // Calculated by another program, in Python.
  const random = randomStream(1, 31);
  assertEquals(
    [random.next(), random.integer(6), random.integer(2 ** 40), random.normal(), random.normal()],
    [0.42582334930223265, 4, 96684139370, 2.2099178662816046, -1.4826364914611068],
  );
});

Deno.test("randomStream: no two of many thousand lists of numbers have the same stream", () => {
  const lists = new Set<string>();
  const random = randomStream(0);
  while (lists.size < 40_000) {
    const list = Array.from({ length: 1 + random.integer(5) }, () => anyNumber(random) + 0);
    lists.add(JSON.stringify(list));
  }
  // Neighbours: one bit, one place, one zero more.
  for (let seed = 0; seed < 40; seed++) {
    lists.add(JSON.stringify([seed]));
    for (let task = 0; task < 250; task++) {
      lists.add(JSON.stringify([seed, task]));
      lists.add(JSON.stringify([seed, task, 0]));
      lists.add(JSON.stringify([0, seed, task]));
    }
  }
  const beginnings = new Set([...lists].map((list) => beginningOf(JSON.parse(list))));
  assert(lists.size > 60_000, `${lists.size}`);
  assertEquals(beginnings.size, lists.size);
});

Deno.test("randomStream: no two streams have any four numbers in common", () => {
  const seeds = [0, 1, 2, 3, 37, 568, 2 ** 31, -0.5];
  const seen = new Set<string>();
  for (const seed of seeds) {
    for (let task = 0; task < 2048; task++) {
      const numbers = firstOf([seed, task], 8);
      seen.add(numbers.slice(0, 4).join());
      seen.add(numbers.slice(4).join());
    }
  }
  assertEquals(seen.size, seeds.length * 2048 * 2);
});

Deno.test("randomStream: knows no sign of zero, but the order of numbers", () => {
  assertEquals(firstOf([-0, 1], 4), firstOf([0, 1], 4));
  assert(firstOf([1, 0], 1)[0] !== firstOf([0, 1], 1)[0]);
});

Deno.test("randomStream: refuses what is no finite number", () => {
  for (
    const [numbers, message] of [
      [[NaN], "got NaN as the seed"],
      [[1, Infinity], "got Infinity as number 1 behind the seed"],
      [[1, 2, "3"], 'got "3" as number 2 behind the seed'],
      [[1n], "got 1n as the seed"],
      [[undefined, 1], "got undefined as the seed"],
    ] as [[number], string][]
  ) {
    assertThrows(() => randomStream(...numbers), TypeError, message);
  }
});

Deno.test("RandomStream.next: is even along a stream, over tasks and over seeds, and none follows from its neighbour", () => {
  const count = 40_000;
  const along = firstOf([1, 0], 2 * count);
  const ways: [string, (i: number) => number][] = [
    ["along a stream", (i) => along[i]],
    ["over tasks", (i) => randomStream(1, i).next()],
    ["over seeds", (i) => randomStream(i, 1).next()],
  ];
  // The numbers are always the same, so that they lie within five standard deviations is no matter of luck.
  const within = 5 / Math.sqrt(count);
  for (const [way, numberAt] of ways) {
    const bins = new Uint32Array(16);
    let product = 0;
    let last = numberAt(count);
    for (let i = 0; i < count; i++) {
      const number = numberAt(i);
      bins[Math.floor(16 * number)]++;
      product += 12 * (number - 0.5) * (last - 0.5);
      last = number;
    }
    assertAlmostEquals(product / count, 0, within, way);
    for (const bin of bins) assertAlmostEquals(16 * bin / count, 1, 4 * within, way);
  }
});

Deno.test("RandomStream.next: each of its 53 bits is random", () => {
  const random = randomStream(3);
  const count = 20_000;
  const ones = new Uint32Array(53);
  for (let i = 0; i < count; i++) {
    let bits = BigInt(random.next() * 2 ** 53);
    for (let bit = 0; bits > 0n; bit++, bits >>= 1n) ones[bit] += Number(bits & 1n);
  }
  for (const each of ones) assertAlmostEquals(each / count, 0.5, 2.5 / Math.sqrt(count));
});

Deno.test("RandomStream.integer: every number is as likely, below small and large bounds", () => {
  const random = randomStream(4);
  const count = 60_000;
  // Of 2 ** 32 words, and of 2 ** 53 numbers, a third is left over: taken as they come, the lower half would come twice as often.
  for (const below of [3, 3 * 2 ** 30, 3 * 2 ** 51]) {
    const thirds = new Uint32Array(3);
    for (let i = 0; i < count; i++) thirds[Math.floor(3 * random.integer(below) / below)]++;
    for (const third of thirds) {
      assertAlmostEquals(3 * third / count, 1, 8 / Math.sqrt(count), `${below}`);
    }
  }
  assertEquals(random.integer(1), 0);
  assert(Number.isSafeInteger(random.integer(2 ** 53)));
});

Deno.test("RandomStream.integer: refuses a bound that is no whole number from 1 to 2 ** 53", () => {
  for (const below of [0, -1, 1.5, NaN, 2 ** 54, "6", undefined]) {
    assertThrows(
      () => randomStream(1).integer(below as number),
      RangeError,
      `from 1 to 2 ** 53, got ${Deno.inspect(below)}`,
    );
  }
});

Deno.test("RandomStream.normal: has the moments of a normal distribution, and no neighbours that depend on each other", () => {
  const random = randomStream(5);
  const count = 100_000;
  let last = random.normal();
  const sums = [0, 0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const number = random.normal();
    [1, 2, 3, 4].forEach((power, k) => sums[k] += number ** power);
    sums[4] += number * last;
    last = number;
  }
  const means = sums.map((sum) => sum / count);
  // Five standard deviations of each moment's mean.
  const within = [1, 2, 15, 96, 1].map((variance) => 5 * Math.sqrt(variance / count));
  [0, 1, 0, 3, 0].forEach((moment, k) => assertAlmostEquals(means[k], moment, within[k], `${k}`));
});

Deno.test("RandomStream.fill: fills floating point numbers from 0 to 1, and integers with random bits", () => {
  const random = randomStream(6);
  for (const type of [Float32Array, Float64Array]) {
    const numbers = [...random.fill(new type(10_000))];
    assert(numbers.every((number) => number >= 0 && number < 1));
    const sum = numbers.reduce((sum, number) => sum + number);
    assertAlmostEquals(sum / numbers.length, 0.5, 0.02);
  }
  for (
    const type of [
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      BigInt64Array,
      BigUint64Array,
    ]
  ) {
    const bytes = new Uint8Array(random.fill(new type(4096)).buffer);
    for (let bit = 0; bit < 8; bit++) {
      const ones = bytes.reduce((sum, byte) => sum + (byte >> bit & 1), 0);
      const within = 2.5 / Math.sqrt(bytes.length);
      assertAlmostEquals(ones / bytes.length, 0.5, within, `${type.name} ${bit}`);
    }
  }
  const array = new Float64Array(3);
  assert(randomStream(7).fill(array) === array);
  assertEquals([...array], firstOf([7], 3));
});

Deno.test("RandomStream.fill: refuses what is no typed array of numbers", () => {
  for (const array of [[0, 0], new DataView(new ArrayBuffer(8)), 5, undefined]) {
    assertThrows(
      () => randomStream(1).fill(array as unknown as Float64Array),
      TypeError,
      "Expected an array to be filled such as new Float64Array(1000), got ",
    );
  }
});

/** What the tasks of seed 9 draw, in their order. */
const DRAWN = Array.from({ length: 100 }, (_, task) => firstOf([9, task], 3));

for (const slaves of [1, 2, 64]) {
  Deno.test(`randomStream: tasks draw the same numbers with ${slaves} slaves as here`, async () => {
    await using manager = localManager(slaves);
    const context = manager.getContext();
    for (let task = 0; task < 100; task++) context.addTask(tasks.draw, 9, task);
    assertEquals(await Array.fromAsync(context.getResults()), DRAWN);
  });
}

Deno.test("randomStream: tasks draw the same numbers after the deaths of slaves, and in a run that is resumed", async () => {
  await using folder = new TempFolder();
  const options = { journal: folder.file("run.jsonl") };
  /** Draws until so many results have been read. */
  const run = async (limit: number) => {
    await using manager = localManager(2);
    const context = manager.getContext(undefined, options);
    for (let task = 0; task < 100; task++) {
      context.addTask(tasks.drawOnceMore, 9, task, folder.path);
    }
    const results: unknown[] = [];
    for await (const result of context.getResults()) {
      results.push(result);
      if (results.length === limit) break;
    }
    return results;
  };
  assertEquals(await run(30), DRAWN.slice(0, 30));
  assertEquals(await run(Infinity), DRAWN);
  // One mark for each slave that died.
  assertEquals(folder.names().filter((name) => /^\d+$/.test(name)).length, 15);
});
