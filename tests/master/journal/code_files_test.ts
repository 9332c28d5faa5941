import { assertEquals, assertNotEquals } from "@std/assert";
import { digestsOf } from "../../../lib/master/journal/code_files.ts";
import { assertLinear } from "../../support/linear.ts";
import { TempFolder } from "../../support/temp_folder.ts";

Deno.test("digestsOf: follows whatever form of import, names each file once, and goes no further than this machine", async () => {
  await using folder = new TempFolder();
  const module = folder.write(
    "tasks.ts",
    `import a from "./a.ts"; import { b } from './b.js';
    import"./c.ts";
    export * from "./d.mts";
    import data from "./data.json" with { type: "json" };
    import type { E } from "./e.ts";
    const f = await import("./f.ts"), g = await import(\`./g.ts\`);
    import "npm:left-pad"; import "node:fs"; import "https://example.com/x.ts"; import "not-mapped";
    import "./missing.ts"; import "./node_modules/n.ts"; import "/dev/zero"; import ".";
    // This one too, which does no harm: from "./h.ts"`,
  );
  const files = ["a.ts", "b.js", "c.ts", "d.mts", "data.json", "e.ts", "f.ts", "g.ts", "h.ts"];
  for (const file of files) folder.write(file, `import "./tasks.ts"; import "./a.ts"; // ${file}`);
  Deno.mkdirSync(folder.file("node_modules"));
  folder.write("node_modules/n.ts", "");
  const urls = ["tasks.ts", ...files].map((file) => `file://${folder.file(file)}`);
  const digests = digestsOf(module);
  assertEquals(Object.keys(digests).sort(), urls.sort());
  assertEquals(digestsOf(module), digests);
  folder.write("data.json", "[]");
  assertNotEquals(digestsOf(module), digests);
});

Deno.test("digestsOf: knows nothing of a module that is elsewhere, or is not there", () => {
  for (
    const module of [
      "https://example.com/x.ts",
      "npm:x",
      "data:text/javascript,",
      "file:///no/x.ts",
    ]
  ) {
    assertEquals(digestsOf(module), {});
  }
});

Deno.test("digestsOf: reads a long file once", async () => {
  await using folder = new TempFolder();
  await assertLinear(
    (text) => digestsOf(folder.write("tasks.ts", text)),
    (length) => `import${" ".repeat(length)}x`,
  );
});
