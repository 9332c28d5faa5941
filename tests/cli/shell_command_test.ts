import { assertEquals } from "@std/assert";
import { fillCommand } from "../../lib/cli/shell_command.ts";

Deno.test("fillCommand: puts the input where {} stands, else at the end", () => {
  assertEquals(fillCommand(["wc", "-l", "{}"], "a b"), ["wc", "-l", "a b"]);
  assertEquals(fillCommand(["cp", "{}", "{}.old"], "$&"), ["cp", "$&", "$&.old"]);
  assertEquals(fillCommand(["echo"], "{}"), ["echo", "{}"]);
  assertEquals(fillCommand(["awk", "{print $1}", "{}"], "f"), ["awk", "{print $1}", "f"]);
  assertEquals(fillCommand(["echo"], [1, "a"]), ["echo", '[1,"a"]']);
});

Deno.test("fillCommand: puts fields of an object where their names stand", () => {
  const input = { name: "a b", mass: 3, list: [1] };
  assertEquals(
    fillCommand(["x", "--{name}={mass}", "{list}", "{none}", "{toString}"], input),
    ["x", "--a b=3", "[1]", "{none}", "{toString}"],
  );
  assertEquals(fillCommand(["x", "{none}"], { a: 1 }), ["x", "{none}", '{"a":1}']);
});
