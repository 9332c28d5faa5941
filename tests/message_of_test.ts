import { assertEquals } from "@std/assert";
import { messageOf } from "../lib/message_of.ts";

Deno.test("messageOf: the message of an error, without its class", () => {
  assertEquals(messageOf(new RangeError("too far")), "too far");
});

Deno.test("messageOf: anything else as a text", () => {
  assertEquals([undefined, null, 7, "x"].map(messageOf), ["undefined", "null", "7", "x"]);
});
