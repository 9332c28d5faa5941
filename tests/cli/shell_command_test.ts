import { assertEquals, assertThrows } from "@std/assert";
import { fieldCheck, fillCommand } from "../../lib/cli/shell_command.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";

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
  assertEquals(fillCommand(["{mass (kg)}"], { "mass (kg)": 2 }), ["2"]);
});

Deno.test("fillCommand: a variable of a shell and a number in braces are no fields", () => {
  const words = ["sh", "-c", 'name="$1"; rm "${name}/x"', "sh", "{name}"];
  assertEquals(fillCommand(words, { name: "Sun" }), [...words.slice(0, 4), "Sun"]);
  assertEquals(fillCommand(["grep", "a{2}{length}", "{}"], [1, 2, "abc"]), [
    ...["grep", "a{2}{length}", '[1,2,"abc"]'],
  ]);
});

Deno.test("fieldCheck: a name in braces that no field has is refused, with those that there are", () => {
  const row = { name: "Sun", "mass (kg)": 1, größe: 2 };
  const check = fieldCheck(["x", "{name}", "a{größe}{nam}b"]);
  assertThrows(
    () => check(row, 7),
    UsageError,
    'The command has {nam}, and input 7 has no field "nam". It has {name}, {mass (kg)}, {größe}. ' +
      "If the braces are for the command, put blanks into them: { nam }",
  );
  check({ name: 1, größe: 2, nam: undefined }, 8);
  assertThrows(() => fieldCheck(["{toString}"])({}, 1), UsageError);
});

Deno.test("fieldCheck: braces that programs and shells understand are left to them", () => {
  const words = ["awk", "{print $1} { print }", "${HOME}", "{}", "a{3}", "{a,b}", '{"a":1}'];
  fieldCheck(words)({ name: "Sun" }, 1);
  // A line has no fields, whatever stands in it.
  for (const input of ["Sun,1", 3, null, ["a"]]) fieldCheck(["awk", "{print}"])(input, 1);
});

Deno.test("fieldCheck: what GNU parallel means by braces is refused where no field has that name", () => {
  const check = fieldCheck(["convert", "{name}", "{#}.png"]);
  check({ name: "a", "#": 1 }, 1);
  assertThrows(
    () => check({ name: "a" }, 2),
    UsageError,
    "{#} is the number of a job in GNU parallel",
  );
  assertThrows(() => check("a", 1), UsageError, "{#} is the number of a job");
  assertThrows(
    () => fieldCheck(["convert", "{name}", "{.}.png"])({ name: "a" }, 1),
    UsageError,
    `A shell makes that of its argument: -- sh -c '… "\${1%.*}" …' sh {name}`,
  );
});

Deno.test("fieldCheck: a first word that has the field says that rows are no words", () => {
  const check = fieldCheck(["echo", "{name}"], true);
  const why = "of words behind :::. Such lines come from a file or standard input: ";
  assertThrows(() => check("name,mass", 1), UsageError, `${why}--csv --input FILE.`);
  assertThrows(() => check('{"name":"Sun"}', 1), UsageError, `${why}--jsonl --input FILE.`);
});

Deno.test("fieldCheck: a first line that has the field says which option was forgotten", () => {
  const check = fieldCheck(["echo", "{name}"]);
  assertThrows(() => check("name,mass", 1), UsageError, "add --csv.");
  assertThrows(() => check('{"name":"Sun"}', 1), UsageError, "add --jsonl.");
  check("name,mass", 2);
  for (const line of ["name", "names,mass", '{"nam":1}', "{name", "{name}"]) check(line, 1);
});
