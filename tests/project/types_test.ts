import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TempFolder } from "../support/temp_folder.ts";

const ROOT = new URL("../../", import.meta.url);

/** What stands before each use. */
const BEGINNING = `
import { type Context, Manager, type Outcome, remote, type Task, type TaskCode } from "${ROOT}mod.ts";
import type { Json, makeBuffers, NestedList, Point, Tree, Value } from "${ROOT}tests/support/typed_tasks.ts";
const t = remote<typeof import("${ROOT}tests/support/typed_tasks.ts")>("${ROOT}tests/support/typed_tasks.ts");
type ResultOf<T> = T extends Task<infer Result> ? Result : never;
declare const manager: Manager;
declare const promise: Promise<number>;
const c = manager.getContext();
const pair = manager.getContext(t.setup);
const one = manager.getContext(t.setupLater);
`;

/** Uses that compile. */
const RIGHT = [
  "c.addTask(t.weigh, 3)",
  "c.addTask(t.any, { a: [1, new Date(), new Map([[1, 2n]])] })",
  "c.addTask(t.any, new Map<string, number>())",
  "c.addTask(t.any, new Uint8Array(3))",
  "c.addTask(t.any, new Error('x'))",
  "c.addTask(t.any, await promise)",
  "c.addTask(t.more, 'a')",
  "c.addTask(t.more, 'a', 1, 2, 3)",
  "c.addTask(t.perhaps, 1)",
  "c.addTask(t.perhaps, 1, 'kg')",
  "c.addTask(new t.Model('a.pdb', [1, 2]), 3)",
  "c.addTask((x: number) => x, 3)",
  "const task: Task<string> = c.addTaskWith({ label: 'a' }, t.weigh, 3)",
  "pair.addTaskWith({}, t.scale, 3)",
  "c.addTaskWith({ label: 'a' }, new t.Model('a.pdb', [1, 2]), 3)",
  "c.addTasks(t.weigh, [1, 2], { label: (x, index) => x.toFixed(index) })",
  "const outcome = null as unknown as Outcome; if (outcome.status === 'rejected') outcome.input.length",
  "const input: string | undefined = (null as unknown as Outcome).input",
  "pair.addTask(t.scale, 3)",
  "pair.addTask((x: number, point, name) => x + point.x + name.length, 3)",
  "one.addTask(t.shift, 3)",
  "one.addTask((point) => point.x)",
  "one.addTasks(t.shift, [1, 2])",
  "c.addTasks(t.weigh, new Set([1, 2]))",
  "c.addTasks(t.any, [{ a: 1 }])",
  "const task: Task<string> = c.addTask(t.weigh, 3)",
  "const task: Task<string> = c.addTask(t.weighLater, 3)",
  "const task: Task<Point> = c.addTask(new t.Model('a.pdb'), 3)",
  "const task: Task<Tree> = c.addTask(t.makeTree)",
  "const task: Task<Json> = c.addTask(t.makeJson)",
  "c.addTask(t.takeJson, null as Json)",
  "c.addTask(t.takeList, [1, [2, [3]]] as NestedList)",
  "c.addTasks(t.any, [[1, [2, [3]]] as NestedList])",
  "const task: Task<Value> = c.addTask(t.takeValue, new Map<string, Value>([['a', new Set<Value>(['b'])]]))",
  "const task: Task<Map<string, number>> = c.addTask(t.makeDerivedMap)",
  "const json: Json = await c.run(t.takeJson, [{ a: [1, [2]] } as Json])",
  "new t.Reader({ a: [1, [2]] } as Json)",
  "manager.getContext(t.takeJson, { args: [{ a: [1, [2]] } as Json] })",
  "const task: Task<{ bytes: Uint8Array; parts: Map<string, Uint8Array[]> }> = c.addTask(t.makeBuffers)",
  "c.addTask(t.any, (null as unknown as ReturnType<typeof makeBuffers>).bytes)",
  "const task: Task<Map<string, { elements: Float64Array }>> = c.addTask(t.makeMap)",
  "const task: Task<Set<Point>> = c.addTask(t.makeSet)",
  "const task: Task<RangeError> = c.addTask(t.makeError)",
  "const task: Task<Date[]> = c.addTask(t.makeDates)",
  "const task: Task<Float32Array[]> = c.addTask(t.makeMatrix)",
  "const task: Task<number> = c.addTask((x: number) => x ** 2, 3)",
  "const task: Task<readonly [{ elements: Float64Array }, Point?]> = c.addTask(t.makePair)",
  "const task: Task = c.addTask(t.weigh, 3)",
  "new Map([[c.addTask(t.weigh, 3), 3]]).get((null as unknown as Outcome).task)",
  "function wrap<T>(value: T) { return c.addTask(t.echo, value); } wrap(1)",
  "function wrap<A extends unknown[], R>(f: TaskCode<A, R>, ...args: A) { return c.addTask<A, R>(f, ...args); } wrap(t.weigh, 3)",
  "function wrap<T>(f: TaskCode<[T], string>, inputs: T[]) { c.addTasks(f, inputs); } wrap(t.weigh, [1])",
  "const spelt: Context<[Point, string]> = pair",
  "const made: Context<[Point]> = manager.getContext(t.makePoint, { args: [1, 2] })",
  "const made: Context<[Point]> = manager.getContext(t.makePoint, { args: [1] })",
  "const made: Context<[number]> = manager.getContext((x: number) => x, { args: [1], taskTimeoutMs: 5 })",
  "const made: Context<[Point]> = manager.getContext(new t.Model('a.pdb'), { args: [1] })",
  "manager.getContext(t.setup, { journal: 'run.jsonl' })",
  "const text: string = await c.run(t.weigh, [3])",
  "const text: string = await c.run(t.weighLater, [3], { timeoutMs: 5, signal: AbortSignal.timeout(5), label: 'a' })",
  "const count: number = await pair.run(t.scale, [3])",
  "const vector: { elements: Float64Array } = await c.run(t.makeVector, [])",
  "const all: string[] = await Promise.all([1, 2].map((x) => c.run(t.weigh, [x])))",
  "const point: Point = await c.run(new t.Model('a.pdb'), [3])",
  "const count: number = await c.run((x: number, unit: string) => x + unit.length, [3, 'kg'])",
  "const count: number = await one.run((x: number, { y }) => x + y, [3])",
  "function wrap<A extends unknown[], R>(f: TaskCode<A, R>, args: A) { return c.run<A, R>(f, args); } wrap(t.weigh, [3])",
  "const args = [3, 'kg'] as const; await c.run(t.perhaps, args)",
  "for await (const text of c.map(t.weigh, [1, 2])) text.length",
  "for await (const text of c.map(t.weigh, new Set([1, 2]), { order: 'finish' })) text.length",
  "const counts: AsyncGenerator<number, void, undefined> = pair.map(t.scale, [1, 2])",
  "c.map((x: number) => x, [1], { label: (x, index) => x.toFixed(index), progress: true })",
  "for await (const outcome of c.mapOutcomes(t.weigh, [1])) { const [x, i]: [number, number] = [outcome.input, outcome.index]; if (outcome.status === 'fulfilled') outcome.value.length; else outcome.reason.attempts }",
  "await using third = manager.getContext(t.makePoint, { args: [1] }); third.close()",
  "c.addTask(t.weigh, 3).cancel()",
  "manager.getContext(undefined, { journal: 'run.jsonl' })",
  "const outcome = null as unknown as Outcome<Point>; if (outcome.status === 'fulfilled') outcome.value.x",
];

/** Uses that do not, and what the compiler says. */
const WRONG: readonly (readonly [string, string])[] = [
  [
    "c.addTask(t.weigh, '3')",
    "Argument of type 'string' is not assignable to parameter of type 'number'",
  ],
  ["c.addTaskWith({}, t.weigh)", "Expected 3 arguments, but got 2."],
  [
    "c.addTaskWith({ label: 3 }, t.weigh, 3)",
    "Type 'number' is not assignable to type 'string'",
  ],
  ["c.addTaskWith({}, t.any, promise)", '"a promise cannot be sent: await it first"'],
  ["c.addTask(t.weigh)", "Expected 2 arguments, but got 1."],
  ["c.addTask(t.weigh, 3, 4)", "Expected 2 arguments, but got 3."],
  ["c.addTask(t.weigh, promise)", "Did you forget to use 'await'?"],
  ["c.addTask(t.any, promise)", '"a promise cannot be sent: await it first"'],
  ["c.addTask(t.wait, promise)", '"a promise cannot be sent: await it first"'],
  ["c.addTask(t.any, [1, promise])", '"a promise cannot be sent: await it first"'],
  ["c.addTask(t.any, [[1, [promise]]])", '"a promise cannot be sent: await it first"'],
  [
    "c.addTask(t.any, () => 1)",
    '"a function cannot be sent: send what it makes, or import it in the task\'s module"',
  ],
  ["c.addTask(t.any, Date)", '"a function cannot be sent: '],
  ["c.addTask(t.any, t.weigh)", '"a function cannot be sent: '],
  ["c.addTask(t.any, new t.Model('a.pdb'))", '"a function cannot be sent: '],
  ["c.addTask(t.any, Symbol.iterator)", '"a symbol cannot be sent: send a text"'],
  [
    "c.addTask(t.any, new WeakMap())",
    '"what holds its content weakly cannot be sent: send a Map or a Set"',
  ],
  [
    "c.addTask(t.echo, [1].values())",
    '"an iterator cannot be sent: send an array of what it gives"',
  ],
  ["c.addTasks(t.any, [promise])", '"a promise cannot be sent: await it first"'],
  ["c.addTask(t.any, 3 as number | Promise<number>)", '"a promise cannot be sent: await it first"'],
  ["new t.Waiting(promise)", '"a promise cannot be sent: await it first"'],
  [
    "c.addTask(t.move, { elements: new Float64Array(3), norm: () => 1 })",
    "Property '#norm' is missing",
  ],
  ["c.addTask(t.scale, 3)", "Expected 4 arguments, but got 2."],
  ["one.addTask(t.scale, 3)", "Expected 3 arguments, but got 2."],
  ["pair.addTask(t.weigh)", "is not assignable to parameter of type 'TaskCode<"],
  [
    "pair.addTask(t.scale, '3')",
    "Argument of type 'string' is not assignable to parameter of type 'number'",
  ],
  [
    "c.run(t.weigh, 3)",
    "Argument of type 'number' is not assignable to parameter of type",
  ],
  ["c.run(t.weigh, ['3'])", "Type 'string' is not assignable to type 'number'"],
  ["c.run(t.weigh, [])", "Source has 0 element(s) but target requires 1"],
  ["c.run(t.weigh, [3, 4])", "Source has 2 element(s) but target allows only 1"],
  ["c.run(t.weigh)", "Expected 2-3 arguments, but got 1."],
  ["c.run(t.any, [promise])", '"a promise cannot be sent: await it first"'],
  [
    "c.run(t.weigh, [3], { timeout: 5 })",
    "'timeout' does not exist in type 'RunOptions'",
  ],
  [
    "const text: number = await c.run(t.weigh, [3])",
    "Type 'string' is not assignable to type 'number'",
  ],
  ["c.map(t.weigh, ['1'])", "Type 'string' is not assignable to type"],
  ["c.map(t.any, [promise])", '"a promise cannot be sent: await it first"'],
  ["c.map(t.weigh, [1], { order: 'input' })", "Type '\"input\"' is not assignable to type"],
  ["for (const text of c.map(t.weigh, [1])) text", "must have a '[Symbol.iterator]()' method"],
  [
    "using third = manager.getContext()",
    "Property '[Symbol.dispose]' is missing in type 'Context<[]>'",
  ],
  ["c.addTask(t.cube, 3)", "Property 'cube' does not exist on type"],
  ["c.addTask(t.limit)", "Property 'limit' does not exist on type"],
  ["new t.Model(3)", "Argument of type 'number' is not assignable to parameter of type 'string'"],
  ["new t.weigh(3)", "This expression is not constructable."],
  ["c.addTasks(t.weigh, ['1'])", "Type 'string' is not assignable to type"],
  ["c.addTasks(t.weigh, 3)", "Argument of type 'number' is not assignable to parameter of type"],
  ["manager.getContext(t.makePoint)", "Expected 2 arguments, but got 1."],
  [
    "manager.getContext(t.makePoint, { args: ['1'] })",
    "Type 'string' is not assignable to type 'number'",
  ],
  [
    "manager.getContext(t.makePoint, { args: [1, 2, 3] })",
    "Source has 3 element(s) but target allows only 2",
  ],
  [
    "manager.getContext(t.setup, { retries: { counts: 2 } })",
    "'counts' does not exist in type 'RetryOptions'",
  ],
  [
    "manager.getContext(t.makePoint, { journal: 'run.jsonl' })",
    "Property 'args' is missing in type",
  ],
  [
    "manager.getContext(t.setup, { args: [1] })",
    "Type 'number' is not assignable to type 'undefined'",
  ],
  [
    "manager.getContext(t.waitFor, { args: [promise] })",
    '"a promise cannot be sent: await it first"',
  ],
  [
    "const task: Task<number> = c.addTask(t.weigh, 3)",
    "Type 'Task<string>' is not assignable to type 'Task<number>'",
  ],
  [
    "const task = c.addTask(t.makeFunction); (null as ResultOf<typeof task>)()",
    "Type 'never' has no call signatures.",
  ],
  [
    "const task = c.addTask(t.makeVector); (null as unknown as ResultOf<typeof task>).norm()",
    "Property 'norm' does not exist on type '{ readonly elements: Float64Array<ArrayBuffer>; }'",
  ],
  ["(await c.run(t.makeDerivedMap, [])).total()", "Property 'total' does not exist on type 'Map<"],
  ["(await c.run(t.makeBuffers, [])).bytes.toString('hex')", "Expected 0 arguments, but got 1."],
  [
    "(await c.run(t.makeBuffers, [])).parts.get('a')![0].toString('hex')",
    "Expected 0 arguments, but got 1.",
  ],
  [
    "const outcome = null as unknown as Outcome<Point>; outcome.value",
    "Property 'value' does not exist on type",
  ],
];

/** What the compiler says of each line of a program; lines are counted from 0. */
async function messagesOf(program: string): Promise<Map<number, string>> {
  await using folder = new TempFolder();
  folder.write("uses.ts", program);
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", folder.file("uses.ts")],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const messages = new Map<number, string>();
  // What the compiler adds to a message, such as where a type is declared, is indented.
  for (const message of new TextDecoder().decode(stderr).split(/^(?=TS\d+ \[ERROR\]: (?! ))/m)) {
    const place = /at file:\/\/\S+\/uses\.ts:(\d+):\d+$/m.exec(message);
    if (place === null) throw new Error(`There is more to it:\n${message}`);
    const line = Number(place[1]) - 1;
    messages.set(line, `${messages.get(line) ?? ""}${message}`);
  }
  return messages;
}

Deno.test("types: what compiles, and what the compiler says of what does not", async (t) => {
  const uses = [...RIGHT, ...WRONG.map(([use]) => use)];
  assert(uses.length >= 60);
  const lines = uses.map((use, i) => `export async function use${i}() { ${use}; await null; }`);
  const messages = await messagesOf([BEGINNING.trim(), ...lines].join("\n"));
  const first = BEGINNING.trim().split("\n").length;
  for (const [i, use] of RIGHT.entries()) {
    await t.step(`compiles: ${use}`, () => {
      assertEquals(messages.get(first + i), undefined);
    });
  }
  for (const [i, [use, expected]] of WRONG.entries()) {
    await t.step(`does not compile: ${use}`, () => {
      assertStringIncludes(messages.get(first + RIGHT.length + i) ?? "it compiles", expected);
    });
  }
});
