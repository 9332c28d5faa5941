import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { encodeThrown, hideOwnFrames } from "../../lib/slave/thrown.ts";
import { BufferCursor, decodeValue } from "../../lib/wire/codec.ts";

const OWN_FRAME = `    at run (${new URL("../../lib/slave/runner.ts", import.meta.url).href}:1:2)`;

/** What arrives of something that was thrown. */
function arrival(thrown: unknown): unknown {
  const encoded = encodeThrown(thrown);
  if (typeof encoded === "string") return decodeValue(JSON.parse(encoded), new BufferCursor([]));
  return decodeValue(JSON.parse(encoded.text), new BufferCursor(encoded.buffers));
}

Deno.test("encodeThrown: an error arrives with its class, message, stack, causes and properties", () => {
  const thrown = Object.assign(new RangeError("too far", { cause: new TypeError("deeper") }), {
    code: 5,
    bytes: new Uint8Array([1, 2]),
  });
  const arrived = arrival(thrown);
  assertInstanceOf(arrived, RangeError);
  assertEquals(arrived.message, "too far");
  assertEquals(arrived.stack, thrown.stack);
  assertInstanceOf(arrived.cause, TypeError);
  assertEquals(Object.entries(arrived), [["code", 5], ["bytes", new Uint8Array([1, 2])]]);
});

Deno.test("encodeThrown: what is no error arrives as it is", () => {
  for (const thrown of [undefined, null, 5, "text", { why: new Map([[1, 2]]) }]) {
    assertEquals(arrival(thrown), thrown);
  }
});

Deno.test("encodeThrown: what cannot be cloned arrives as an error that describes it", () => {
  for (const thrown of [() => 1, Symbol("why"), { socket: () => 1 }]) {
    const arrived = arrival(thrown);
    assertInstanceOf(arrived, Error);
    assertEquals(arrived.message, `Threw ${Deno.inspect(thrown)}, which cannot be cloned`);
  }
});

Deno.test("encodeThrown: of what cannot be cloned, and is large, a part is described", () => {
  const large = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key${i}`, () => i]));
  const { message } = arrival(large) as Error;
  assert(message.length < 1100, `${message.length} characters`);
  assert(message.endsWith("}, which cannot be cloned"), message);
});

Deno.test("encodeThrown: an error arrives without properties and causes that cannot be cloned", () => {
  const thrown = Object.assign(new Error("why", { cause: () => 1 }), { socket: () => 1, code: 5 });
  thrown.name = "MyError";
  const arrived = arrival(thrown);
  assertInstanceOf(arrived, Error);
  assertEquals([arrived.name, arrived.message], ["MyError", "why"]);
  assertEquals(arrived.stack, thrown.stack);
  assertEquals(Object.entries(arrived), [["code", 5]]);
  assertInstanceOf(arrived.cause, Error);
  assertEquals(arrived.cause.message, "Threw [Function: cause], which cannot be cloned");
});

Deno.test("encodeThrown: a long chain of causes that cannot be cloned is cut", () => {
  let thrown: unknown = () => 1;
  for (let i = 0; i < 1000; i++) thrown = new Error("next", { cause: thrown });
  let depth = 0;
  for (let error = arrival(thrown); error instanceof Error; error = error.cause) {
    assertEquals(error.message, "next");
    depth++;
  }
  assert(depth > 2 && depth < 100, `${depth} causes`);
});

Deno.test("encodeThrown: errors that cause each other arrive so, though one gathers what cannot be cloned", () => {
  const first = new AggregateError([() => 1, new TypeError("inner")], "first");
  first.cause = new Error("second", { cause: first });
  const arrived = arrival(first);
  assertInstanceOf(arrived, AggregateError);
  assertInstanceOf(arrived.errors[0], Error);
  assertInstanceOf(arrived.errors[1], TypeError);
  assertStrictEquals((arrived.cause as Error).cause, arrived);
});

Deno.test("encodeThrown: an error whose cause cannot be cloned keeps its class and what it gathers", () => {
  const cause = () => 1;
  const aggregate = arrival(new AggregateError([new RangeError("a"), () => 1], "both", { cause }));
  assertInstanceOf(aggregate, AggregateError);
  assertEquals(aggregate.errors.map((error) => error.name), ["RangeError", "Error"]);
  assertEquals(Object.keys(aggregate), []);
  assertInstanceOf(arrival(new TypeError("x", { cause })), TypeError);
});

for (const what of ["Blob", "SharedArrayBuffer", "WebAssembly.Module"]) {
  Deno.test(`encodeThrown: an error with a ${what} keeps its class and loses the property`, () => {
    const value = {
      "Blob": () => new Blob(["a"]),
      "SharedArrayBuffer": () => new SharedArrayBuffer(8),
      "WebAssembly.Module": () =>
        new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])),
    }[what]!();
    const arrived = arrival(Object.assign(new RangeError("far"), { value, code: 5 }));
    assertInstanceOf(arrived, RangeError);
    assertEquals(Object.entries(arrived), [["code", 5]]);
  });
}

Deno.test("encodeThrown: an error that is too large arrives with its class and the beginnings of its texts", () => {
  const message = "x".repeat(300_000_000);
  const thrown = Object.assign(new RangeError(message), { code: 5 });
  const arrived = arrival(thrown);
  assertInstanceOf(arrived, RangeError);
  assertEquals(arrived.message, `${"x".repeat(65_536)} … and 299934464 characters more`);
  assert(arrived.stack!.startsWith("RangeError: xxx") && arrived.stack!.length < 70_000);
});

/** An error whose property of this name cannot be read. */
function errorWithout(key: string): Error {
  return Object.defineProperty(new RangeError("too far"), key, {
    enumerable: true,
    get: () => {
      throw new Error(`no ${key}`);
    },
  });
}

for (const key of ["message", "name", "stack", "cause", "code"]) {
  Deno.test(`encodeThrown: an error arrives though its ${key} cannot be read`, () => {
    // One that can be cloned, and one that cannot.
    for (const thrown of [errorWithout(key), Object.assign(errorWithout(key), { f: () => 1 })]) {
      const arrived = arrival(thrown);
      assertInstanceOf(arrived, Error);
      if (key !== "message") assertEquals(arrived.message, "too far");
      if (key !== "name" && key !== "stack") assertEquals(arrived.name, "RangeError");
    }
  });
}

Deno.test("encodeThrown: what cannot even be described arrives as an error that says so, and a proxy as one that shows it", () => {
  const fail = () => {
    throw new Error("not here");
  };
  const proxy = new Proxy(new Error("why"), { getPrototypeOf: fail, get: fail });
  const arrived = arrival({ [Symbol.for("Deno.customInspect")]: fail, socket: () => 1 });
  assertInstanceOf(arrived, Error);
  assertEquals(arrived.message, "Threw what cannot be described");
  const ofProxy = arrival(proxy);
  assertInstanceOf(ofProxy, Error);
  assertStringIncludes(ofProxy.message, "Threw Error: why");
});

/** What cannot be sent, and whose own code fails when it is described. */
const UNDESCRIBED: Readonly<Record<string, () => unknown>> = {
  "describes itself": () => ({
    [Symbol.for("Deno.customInspect")]: () => {
      throw new Error("not here");
    },
    socket: () => 1,
  }),
  "tells of its class": () =>
    Object.defineProperty({ socket: () => 1 }, Symbol.toStringTag, {
      get: () => {
        throw new Error("not here");
      },
    }),
  "is an error without a stack": () => errorWithout("stack"),
  "is a proxy that was revoked": () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
};

for (const [what, make] of Object.entries(UNDESCRIBED)) {
  Deno.test(`encodeThrown: an error keeps its class and message, whatever fails where what it holds ${what}`, () => {
    const caused = new TypeError("why", { cause: make() });
    const gathering = new AggregateError([make(), new RangeError("beside")], "why");
    for (const thrown of [caused, gathering, Object.assign(new TypeError("why"), { a: make() })]) {
      const arrived = arrival(thrown);
      assertInstanceOf(arrived, thrown.constructor as ErrorConstructor);
      assertEquals(arrived.message, "why");
    }
    const { errors } = arrival(gathering) as AggregateError;
    assertInstanceOf(errors[0], Error);
    assertInstanceOf(errors[1], RangeError);
  });
}

Deno.test("encodeThrown: our own frames are hidden in an error and its causes", () => {
  const cause = new Error("deeper");
  const thrown = new Error("why", { cause });
  for (const error of [thrown, cause]) {
    error.stack = `Error: ${error.message}\n    at task (file:///tasks.ts:1:1)\n${OWN_FRAME}`;
  }
  const arrived = arrival(thrown);
  assertInstanceOf(arrived, Error);
  assertEquals(arrived.stack, "Error: why\n    at task (file:///tasks.ts:1:1)");
  assertEquals((arrived.cause as Error).stack, "Error: deeper\n    at task (file:///tasks.ts:1:1)");
});

Deno.test("hideOwnFrames: leaves alone what has none, is frozen or is no error", () => {
  const error = new Error("why");
  error.stack = "Error: why\n    at task (file:///tasks.ts:1:1)";
  const { stack } = error;
  hideOwnFrames(error);
  assertStrictEquals(error.stack, stack);
  error.stack += `\n${OWN_FRAME}`;
  hideOwnFrames(Object.freeze(error));
  for (const thrown of [undefined, "text", { stack: OWN_FRAME }]) hideOwnFrames(thrown);
});

Deno.test("encodeThrown: a message that the class of an error computes arrives", () => {
  class Computed extends Error {
    override get message(): string {
      return "3 issues";
    }
  }
  const error = arrival(new Computed());
  assertInstanceOf(error, Error);
  assertEquals(error.message, "3 issues");
});

Deno.test("encodeThrown: what many properties and causes share is read once", () => {
  let reads = 0;
  const shared = {
    get read(): number {
      return reads++;
    },
  };
  const properties = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`p${i}`, shared]));
  const cause = new Error("deeper", { cause: () => {} });
  const gathered = Array.from({ length: 50 }, () => Object.assign(new Error("one"), properties));
  encodeThrown(Object.assign(new AggregateError(gathered, "why", { cause }), properties));
  assertLess(reads, 10);
});

Deno.test("encodeThrown: the stack of what stands for something else has no frames of our own", () => {
  const error = arrival(new AggregateError([() => {}], "why", { cause: () => {} }));
  assertInstanceOf(error, AggregateError);
  for (const { stack } of [error.cause as Error, error.errors[0]]) {
    assertEquals(stack.includes("/lib/"), false, stack);
  }
});
