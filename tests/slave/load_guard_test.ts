import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { LoadGuard, ManagerRefusedError } from "../../lib/slave/load_guard.ts";
import { TempFolder } from "../support/temp_folder.ts";

/** What stands in for the program of managers: the constructor asks, as that of `Manager` does. */
const MANAGER = "class Manager { constructor(guard) { this.refusal = guard.refuseManager(); } }";

const MAKERS = [
  {
    where: "in a function",
    make: "make(guard);\nfunction make(guard) {\n  new Manager(guard);\n}",
    line: 5,
  },
  { where: "at its top level", make: "new Manager(guard);", line: 3 },
] as const;

for (const { where, make, line } of MAKERS) {
  Deno.test(`LoadGuard: a module that makes a manager ${where} is refused with the place, whatever its folder is called`, async () => {
    await using folder = new TempFolder();
    Deno.mkdirSync(folder.file("a (b) c(d)"));
    const url = folder.write(
      "a (b) c(d)/tasks.js",
      `${MANAGER}\nconst guard = globalThis.guardOfTest;\n${make}`,
    );
    const guard = new LoadGuard();
    Reflect.set(globalThis, "guardOfTest", guard);
    try {
      const { message } = await assertRejects(
        () => guard.load(url, () => import(url)),
        ManagerRefusedError,
      );
      assertStringIncludes(message, `while it is loaded, at ${decodeURI(url)}:${line}:`);
    } finally {
      Reflect.deleteProperty(globalThis, "guardOfTest");
    }
  });
}

Deno.test("LoadGuard: what is no load may make managers, three deep", () => {
  const guard = new LoadGuard();
  const refusals = [1, 2, 3].map((nesting) => {
    guard.nesting = nesting;
    return guard.refuseManager()?.split(":")[0];
  });
  assertEquals(refusals, [undefined, undefined, "Cannot make a manager"]);
});
