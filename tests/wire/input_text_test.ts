import process from "node:process";
import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { encodeArguments } from "../../lib/master/argument_list.ts";
import { type CodeReference, endTask, type Task } from "../../lib/task.ts";
import { inputText } from "../../lib/wire/input_text.ts";
import { arbitraryValue } from "../support/arbitrary_value.ts";
import { taskOf } from "../support/task_of.ts";

const INLINE: CodeReference = { type: "inline", name: "", source: "" };
const CLASS: CodeReference = { type: "class", module: "file:///tasks.ts", name: "Score" };

/** The input of a task that is given these arguments. */
function inputOf(...args: unknown[]): string {
  return inputText(taskOf(0, { number: 0, reference: INLINE }, encodeArguments(undefined, args)));
}

function inputOfObject(constructorArgs: unknown[], args: unknown[]): string {
  const encoded = encodeArguments(constructorArgs, args);
  return inputText(taskOf(0, { number: 0, reference: CLASS }, encoded));
}

const circular: Record<string, unknown> = { name: "me" };
circular.self = circular;
const model = { file: "6lyz.pdb" };
const backbone = new Float64Array([1, 2, 3]);

const INPUTS: Record<string, [args: unknown[], text: string]> = {
  "none": [[], "()"],
  "a number": [[31], "(31)"],
  "numbers that JSON does not hold": [[-0, NaN, -Infinity], "(-0, NaN, -Infinity)"],
  "primitives": [
    [31, "6lyz.pdb", true, null, undefined],
    '(31, "6lyz.pdb", true, null, undefined)',
  ],
  "a bigint": [[255n], "(255n)"],
  "a large bigint": [[2n ** 4096n], `(0x1${"0".repeat(63)}…${"0".repeat(32)}n)`],
  "an object": [
    [{ file: "a.pdb", "b c": [1, { d: 2 }] }],
    '({ file: "a.pdb", "b c": [1, { d: 2 }] })',
  ],
  "empty containers": [[[], {}, new Map(), new Set()], "([], {}, Map(0) {}, Set(0) {})"],
  "deep nesting": [[{ a: { b: { c: { d: 1 } } } }], "({ a: { b: { c: {…} } } })"],
  "a long list": [[[1, 2, 3, 4, 5, 6, 7]], "(Array(7) [1, 2, 3, 4, 5, 6, …])"],
  "many numbers, which go as bytes": [
    [Array.from({ length: 5000 }, (_, i) => i / 2), 7],
    "(Array(5000) [0, 0.5, 1, 1.5, 2, 2.5, …], 7)",
  ],
  "many bigints": [
    [Array.from({ length: 40 }, (_, i) => BigInt(i) << 70n)],
    `(Array(40) [${[0n, 1n, 2n, 3n, 4n, 5n].map((i) => `${i << 70n}n`).join(", ")}, …])`,
  ],
  "many dates, and an object behind them that stands twice": [
    [Array.from({ length: 40 }, (_, i) => new Date(i)), model, model],
    "(Array(40) [1970-01-01T00:00:00.000Z, 1970-01-01T00:00:00.001Z, 1970-01-01T00:00:00.002Z, " +
    '1970-01-01T00:00:00.003Z, …], { file: "6lyz.pdb" }, { file: "6lyz.pdb" })',
  ],
  "an array with holes": [[[1, , 3]], "(Array(3) [0: 1, 2: 3, …])"],
  "typed arrays": [
    [new Float64Array(1000).fill(0.1), new Uint8Array(2), new BigInt64Array([-5n])],
    "(Float64Array(1000) [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, …], Uint8Array(2) [0, 0], BigInt64Array(1) [-5n])",
  ],
  "views of one buffer": [
    [backbone, backbone.subarray(1, 2), backbone.buffer, new DataView(backbone.buffer, 4)],
    "(Float64Array(3) [1, 2, 3], Float64Array(1) [2], ArrayBuffer(24), DataView(20))",
  ],
  "buffers within objects, whose bytes come in another order than they are shown": [
    [{ deep: { of: new Uint8Array([1]) }, near: new Uint8Array([2]) }, new Uint8Array([3])],
    "({ deep: { of: Uint8Array(1) [1] }, near: Uint8Array(1) [2] }, Uint8Array(1) [3])",
  ],
  "a buffer that can grow": [
    [new Uint8Array(new ArrayBuffer(3, { maxByteLength: 9 }))],
    "(Uint8Array(3) [0, 0, 0])",
  ],
  "Map and Set": [
    [new Map<unknown, unknown>([["a", 1], [{ b: 2 }, [3]]]), new Set(["x"])],
    '(Map(2) { "a" => 1, { b: 2 } => [3] }, Set(1) { "x" })',
  ],
  "objects around values": [
    [new Date(0), new Date(NaN), /a+/g, Object(1), Object("x")],
    '(1970-01-01T00:00:00.000Z, Invalid Date, /a+/g, [Number: 1], [String: "x"])',
  ],
  "errors": [
    [
      new RangeError("too far"),
      new DOMException("why", "AbortError"),
      Object.assign(new Error(), { name: "Mine" }),
    ],
    '(RangeError("too far"), AbortError("why"), Mine())',
  ],
  "the same object twice": [[model, model], '({ file: "6lyz.pdb" }, { file: "6lyz.pdb" })'],
  "an object in itself": [
    [circular],
    '({ name: "me", self: { name: "me", self: { name: "me", self: {…} } } })',
  ],
  "objects that stand in a list repeatedly": [
    [Array.from({ length: 20 }, () => model)],
    `(Array(20) [${Array(6).fill('{ file: "6lyz.pdb" }').join(", ")}, …])`,
  ],
  "an object whose property looks like an escape": [
    [{ $: "NaN" }, { $: "…" }],
    '({ $: "NaN" }, { $: "…" })',
  ],
  "an array with properties": [
    [Object.assign([7], { unit: "mm", "two\nlines": 1 })],
    '([0: 7, unit: "mm", "two\\nlines": 1])',
  ],
  "a property called __proto__": [[JSON.parse('{"__proto__":1}')], "({ __proto__: 1 })"],
  "what breaks lines or hides": [
    ["a\nb\t\u0085\u2028\u202e\x1b[31m\ud800", { "\n": 1 }],
    '("a\\nb\\t\\u0085\\u2028\\u202e\\u001b[31m\\ud800", { "\\n": 1 })',
  ],
  "a long path, whose end tells most": [
    [`/home/me/${"projects/".repeat(30)}6lyz.pdb`],
    `("/home/me/${"projects/".repeat(6)}pro…ojects/projects/projects/6lyz.pdb")`,
  ],
  "long texts, which leave room for each other": [
    ["x".repeat(5000), "y".repeat(5000), 5],
    `("${"x".repeat(39)}…${"x".repeat(20)}", "${"y".repeat(39)}…${"y".repeat(20)}", 5)`,
  ],
  "many arguments": [
    Array.from({ length: 100 }, (_, i) => i),
    `(${Array.from({ length: 20 }, (_, i) => i).join(", ")}, …)`,
  ],
  "more text than is read": [
    [7, "x".repeat(1_000_000), 8],
    `(7, "${"x".repeat(66)}…${"x".repeat(32)}…", …)`,
  ],
  "more text than is read, in objects": [
    [{ list: Array.from({ length: 10_000 }, () => ({ name: "x" })) }, 8],
    '({ list: [{ name: "x" }, { name: "x" }, { name: "x" }, { name: "x" }, { name: "x" }, { name: "x" }, …], … }, …)',
  ],
  "a buffer whose place among others is not read": [
    [{ of: new Uint8Array([1]), again: model }, model, "x".repeat(1_000_000), new Uint8Array([2])],
    '({ of: Uint8Array […], again: { file: "6lyz.pdb" } }, { file: "6lyz.pdb" }, ' +
    `"${"x".repeat(66)}…${"x".repeat(32)}…", …)`,
  ],
  "a buffer before, and one behind what is not read": [
    [
      new Uint8Array([1]),
      { text: "x".repeat(1_000_000), bytes: new Uint8Array([2]) },
      new Uint8Array([3]),
    ],
    `(Uint8Array(1) [1], { text: "${"x".repeat(66)}…${"x".repeat(32)}…", … }, …)`,
  ],
};
for (const [what, [args, text]] of Object.entries(INPUTS)) {
  Deno.test(`inputText: shows ${what}`, () => assertEquals(inputOf(...args), text));
}

Deno.test("inputText: shows the arguments of an object's constructor, and those of its run", () => {
  assertEquals(inputOfObject(["6lyz.pdb"], []), 'new Score("6lyz.pdb").run()');
  assertEquals(
    inputOfObject([new Uint8Array([1])], [2, undefined]),
    "new Score(Uint8Array(1) [1]).run(2, undefined)",
  );
  assertMatch(inputOfObject(["x".repeat(1e6)], [2]), /^new Score\("x+…x+…", …\)\.run\(…\)$/);
});

Deno.test("inputText: does not know arguments that are forgotten", () => {
  const task = taskOf(0, { number: 0, reference: INLINE }, "[1,2]");
  endTask(task);
  assertEquals(inputText(task), "(…)");
});

Deno.test("inputText: is one line of at most 200 characters, and never throws", () => {
  fc.assert(fc.property(fc.array(arbitraryValue), fc.array(arbitraryValue), (first, second) => {
    for (const text of [inputOf(...first), inputOfObject(first, second)]) {
      assert(text.length <= 200, text);
      // deno-lint-ignore no-control-regex
      assert(!/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(text), text);
      assert(text.isWellFormed(), text);
    }
  }));
});

const SHARED = Array.from({ length: 201 }, (_, id) => new Uint8Array([id]));
const DATES = Array.from({ length: 40 }, (_, i) => new Date(i));
const LONG_LIST = Array.from({ length: 1200 }, (_, i) => i);
/** Values within each other; each property that is called after a number has bytes of that number. */
const NUMBERED: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.nat(200).map((id) => ({ [`k${id}`]: new Uint8Array([id]) })),
    fc.nat(200).map((id) => ({ [`k${id}`]: SHARED[id] })),
    fc.constantFrom<unknown>(
      NaN,
      5n,
      new Date(0),
      /x/,
      new Error("x", { cause: new Uint8Array(2) }),
    ),
    fc.constant(DATES),
    fc.constant(LONG_LIST),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(tie("value"), { maxLength: 3 }).map((values) => new Set(values)),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 2 }).map((pairs) => new Map(pairs)),
    fc.record({ a: tie("value"), b: tie("value") }),
  ),
})).value;

Deno.test("inputText: shows of each buffer its own bytes, and each object where it stands once more", () => {
  let count = 0;
  fc.assert(
    fc.property(fc.array(NUMBERED, { maxLength: 5 }), (args) => {
      for (const text of [inputOf(...args), inputOfObject([args[0]], args)]) {
        for (const [, key, shown] of text.matchAll(/k(\d+): (Uint8Array\(1\) \[.*?\])/g)) {
          assertEquals(shown, `Uint8Array(1) [${key}]`);
          count++;
        }
      }
    }),
    { numRuns: 1000 },
  );
  assert(count > 500, `${count} seen`);
});

Deno.test("inputText: takes as long for a gigabyte as for a megabyte", () => {
  const bytes = (length: number) =>
    taskOf(0, { number: 0, reference: INLINE }, {
      text: '{"$":["plain",[{"$":["numbers"]},{"$":["Uint8Array",{"$":["ArrayBuffer",9e9]}]}]]}',
      // What is not touched of it takes no memory.
      buffers: [new Uint8Array(length), new Uint8Array(length)],
    });
  // Of processor time: what other programs do at the same time does not count.
  const cpuMsFor = (task: Task) => {
    const before = process.cpuUsage();
    for (let i = 0; i < 20; i++) inputText(task);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  const large = bytes(1e9);
  assertEquals(
    inputText(large),
    "(Array(125000000) [0, 0, 0, 0, 0, 0, …], Uint8Array(1000000000) [0, 0, 0, 0, 0, 0, …])",
  );
  cpuMsFor(bytes(1e6));
  assert(cpuMsFor(large) < 1000, "A copy of a gigabyte takes 300 ms");
});
