import { assertEquals } from "@std/assert";
import { MUTANTS } from "./mutants.ts";

Deno.test("mutants: what each changes stands once in its file, and its test is there", () => {
  const root = new URL("../../", import.meta.url);
  for (const { name, file, right, test } of MUTANTS) {
    const pieces = Deno.readTextFileSync(new URL(file, root)).split(right);
    assertEquals(pieces.length, 2, `${name}: ${right} in ${file}`);
    assertEquals(Deno.statSync(new URL(test, root)).isFile, true, test);
  }
});
