import { assertEquals } from "@std/assert";
import { messageOf } from "../lib/message_of.ts";

Deno.test("messageOf: the message of an error, without its class", () => {
  assertEquals(messageOf(new RangeError("too far")), "too far");
});

Deno.test("messageOf: anything else as a text", () => {
  assertEquals([undefined, null, 7, "x"].map(messageOf), ["undefined", "null", "7", "x"]);
});

Deno.test("messageOf: of what cannot be made a text it says so", () => {
  const fail = () => {
    throw new Error("not even this");
  };
  const undescribable = [
    { code: 1, toString: "x" },
    Object.create(null),
    Object.defineProperty(new Error(), "message", { get: fail }),
    new Proxy({}, { getPrototypeOf: fail }),
  ];
  for (const thrown of undescribable) assertEquals(messageOf(thrown), "what cannot be described");
});
