import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { runInNewContext } from "node:vm";
import { Manager } from "../../mod.ts";
import { encodeValue } from "../../lib/wire/codec.ts";
import * as namespace from "../support/cloned_values.ts";

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(4);
  buffer.transfer();
  return buffer;
}

function outOfBounds<V>(make: (buffer: ArrayBuffer) => V): V {
  const buffer = new ArrayBuffer(8, { maxByteLength: 8 });
  const view = make(buffer);
  buffer.resize(2);
  return view;
}

function argumentsObject(): unknown {
  return (function (..._values: number[]): unknown {
    return arguments;
  })(1, 2);
}

/** What `structuredClone` refuses, and what it is called. */
const REFUSED: Record<string, () => unknown> = {
  "a function": () => () => 1,
  "a symbol": () => Symbol("a"),
  "a Symbol": () => Object(Symbol("a")),
  "a Promise": () => Promise.resolve(),
  "a WeakMap": () => new WeakMap(),
  "a WeakSet": () => new WeakSet(),
  "a WeakRef": () => new WeakRef({}),
  "a FinalizationRegistry": () => new FinalizationRegistry(() => {}),
  "a Generator": () => (function* (): Generator<number> {})(),
  "an AsyncGenerator": () => (async function* (): AsyncGenerator<number> {})(),
  "a Map Iterator": () => new Map().entries(),
  "a Set Iterator": () => new Set().values(),
  "an Array Iterator": () => [].values(),
  "a String Iterator": () => ""[Symbol.iterator](),
  "a RegExp String Iterator": () => "".matchAll(/a/g),
  "an Iterator Helper": () => [1].values().map((x) => x),
  "an Intl.NumberFormat": () => new Intl.NumberFormat(),
  "an Intl.Locale": () => new Intl.Locale("en"),
  "a Temporal.Duration": () => Temporal.Duration.from({ hours: 1 }),
  "a DisposableStack": () => new DisposableStack(),
  "a ReadableStream": () => new ReadableStream(),
  "a WritableStream": () => new WritableStream(),
  "a TransformStream": () => new TransformStream(),
  "a MessagePort": () => {
    const { port1, port2 } = new MessageChannel();
    port1.close();
    port2.close();
    return port1;
  },
  "a URL": () => new URL("http://localhost"),
  "a URLSearchParams": () => new URLSearchParams("a=b"),
  "a Headers": () => new Headers(),
  "a Request": () => new Request("http://localhost"),
  "a Response": () => new Response("x"),
  "a WebAssembly.Memory": () => new WebAssembly.Memory({ initial: 1 }),
  "a Window": () => globalThis,
  "a Module": () => namespace,
  "an Arguments": argumentsObject,
  "a detached ArrayBuffer": detached,
  "a Uint8Array that is outside its resized ArrayBuffer": () =>
    outOfBounds((buffer) => new Uint8Array(buffer, 4)),
  "a DataView that is outside its resized ArrayBuffer": () =>
    outOfBounds((buffer) => new DataView(buffer, 4, 2)),
  "a Promise with properties": () => Object.assign(Promise.resolve(), { x: 1 }),
  "an Intl.NumberFormat with properties": () => Object.assign(new Intl.NumberFormat(), { x: 1 }),
  "a Temporal.Duration with properties": () => Object.assign(new Temporal.Duration(), { x: 1 }),
  "a Generator with properties": () => Object.assign((function* () {})(), { x: 1 }),
  "a Map Iterator with properties": () => Object.assign(new Map().keys(), { x: 1 }),
  "a Headers with properties": () => Object.assign(new Headers(), { x: 1 }),
  "a Promise of another realm": () => runInNewContext("Object.assign(Promise.resolve(), { x: 1 })"),
};

/** Shows nothing of what it holds. */
class Hold {
  [Symbol.dispose](): void {}
}

/** What `structuredClone` copies, but no other process could use or has. */
const REFUSED_BY_US: Record<string, () => unknown> = {
  "a SharedArrayBuffer": () => new SharedArrayBuffer(4),
  "a Blob": () => new Blob(["a"]),
  "a File": () => new File(["a"], "b"),
  "a FormData": () => new FormData(),
  "an AbortSignal": () => new AbortController().signal,
  "a DOMMatrix": () => new (Reflect.get(globalThis, "DOMMatrix"))(),
  "a FsFile": () => Object.create(Deno.FsFile.prototype),
  "a Listener": () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return listener;
  },
  "a Stdin": () => Deno.stdin,
  "a Stderr": () => Deno.stderr,
  "a Manager": () => new Manager(),
  "a Context": () => new Manager().getContext(),
  "a Hold": () => new Hold(),
  "a TextDecoder": () => new TextDecoder(),
  "an Event": () => new Event("x"),
  "an AbortSignal with properties": () => Object.assign(AbortSignal.abort(), { x: 1 }),
  "a WebAssembly.Module": () =>
    new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])),
};

for (const [what, make] of Object.entries({ ...REFUSED, ...REFUSED_BY_US })) {
  Deno.test(`encodeValue refuses ${what}`, () => {
    const value = make();
    const error = refusalOf([{ deep: [value, 1] }]);
    assertStringIncludes(
      error.message,
      `args[0].deep[0] is ${what.replace(/ (with|of another) .*/, "")}`,
    );
    if (what in REFUSED) assertThrows(() => structuredClone(value), DOMException);
  });
}

Deno.test("encodeValue refuses raw JSON, which JSON.stringify would write as it is", () => {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): object };
  assertStringIncludes(refusalOf([rawJSON("1")]).message, "args[0] is an Object");
});

/** Where something that cannot be sent may hide, and how the path to it is written. */
const PATHS: readonly (readonly [path: string, hide: (culprit: () => void) => unknown])[] = [
  ["args", (culprit) => culprit],
  ["args[0].options.onDone", (onDone) => [{ options: { onDone } }]],
  ['args["odd name"]', (culprit) => ({ "odd name": culprit })],
  ["args[12]", (culprit) => ({ 12: culprit })],
  ['args["012"]', (culprit) => ({ "012": culprit })],
  [
    "args.__proto__",
    (culprit) => Object.defineProperty({}, "__proto__", { value: culprit, enumerable: true }),
  ],
  ['args.get("key")', (culprit) => new Map([["other", 1], ["key", culprit]] as never)],
  ["args.get(5).x", (x) => new Map([[5, { x }]])],
  ["args.keys[0]", (culprit) => new Map([[culprit, 1]])],
  ["args.values[1]", (culprit) => new Map<unknown, unknown>([[{}, 1], [{}, culprit]])],
  ["args.values[1].x", (x) => new Set([1, { x }])],
  ["args.cause.x", (x) => new Error("m", { cause: { x } })],
  ["args[5]", (culprit) => Object.assign([, 1], { 5: culprit })],
  ["args.extra", (extra) => Object.assign([1], { extra })],
  ["args.$.a", (a) => ({ $: { a } })],
];

for (const [path, hide] of PATHS) {
  Deno.test(`encodeValue names the path ${path} to what it refuses`, () => {
    const error = refusalOf(hide(() => {}));
    assertEquals(error.message.slice(0, path.length + 14), `${path} is a function`);
  });
}

Deno.test("encodeValue names the view whose buffer is shared memory", () => {
  const error = refusalOf({ a: new Uint8Array(new SharedArrayBuffer(4)) });
  assertStringIncludes(error.message, "args.a.buffer is a SharedArrayBuffer");
});

Deno.test("encodeValue names the view whose buffer is detached", () => {
  const view = new Uint8Array(4);
  view.buffer.transfer();
  assertStringIncludes(refusalOf([view]).message, "args[0] is a Uint8Array of a detached");
});

Deno.test("encodeValue shortens the path through deep nesting", () => {
  let value: unknown = () => {};
  for (let i = 0; i < 10_000; i++) value = [value];
  assertEquals(refusalOf(value).message.length < 1000, true);
});

function refusalOf(value: unknown): DOMException {
  const error = assertThrows(() => encodeValue(value, "args"), DOMException);
  assertEquals(error.name, "DataCloneError");
  return error;
}

Deno.test("encodeValue: names a property, or the key of a Map, that is longer than a text may be", () => {
  const key = " ".repeat(2 ** 28 + 10);
  for (const value of [{ [key]: () => {} }, new Map([[key, () => {}]])]) {
    const { message } = refusalOf(value);
    assertStringIncludes(message, "is a function");
    assert(message.length < 2000, `${message.length} characters`);
  }
});
