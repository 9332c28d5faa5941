import { assertEquals, assertNotEquals } from "@std/assert";
import { digestsOf, isFileUrl, modulesOf } from "../../../lib/master/journal/code_files.ts";
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

Deno.test("digestsOf: finds WebAssembly and modules of Workers that are named beside a module, and no data", async () => {
  await using folder = new TempFolder();
  const code = ["a.wasm", "b.wasm", "c.ts", "d.js", "e.ts"];
  for (const file of [...code, "data.bin", "f.ts"]) folder.write(file, "");
  folder.write("c.ts", 'import "./e.ts";');
  assertEquals(
    partsOf(
      folder,
      `const a = await fetch(new URL("a.wasm", import.meta.url));
      const b = new URL(
        './b.wasm',
        import.meta.url,
      );
      new Worker(new URL(\`./c.ts\`, import.meta.url).href); new Worker(import.meta.resolve("./d.js"));
      new URL("./data.bin", import.meta.url); import.meta.resolve("./data.bin");
      new URL("./f.ts", "file:///"); new URL("https://example.com/x.ts", import.meta.url); import.meta.resolve("not-mapped");`,
    ),
    [...code, "tasks.ts"],
  );
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

/** The names of the files that the folder's `tasks.ts` is made of. */
function partsOf(folder: TempFolder, tasks: string): string[] {
  const start = `file://${folder.path}/`;
  return Object.keys(digestsOf(folder.write("tasks.ts", tasks)))
    .filter(isFileUrl).map((url) => url.replace(start, "")).sort();
}

Deno.test("digestsOf: finds what CommonJS requires, also without its ending", async () => {
  await using folder = new TempFolder();
  for (const name of ["d", "e", "d/node_modules"]) Deno.mkdirSync(folder.file(name));
  const files = ["a.js", "b.cjs", "c.json", "d/index.js", "e.js", "e/index.js", "f.v2.js"];
  for (const file of files) folder.write(file, "");
  folder.write("d/own.cjs", 'require("."); require("./node_modules/n");');
  folder.write("d/node_modules/n.js", "");
  assertEquals(
    partsOf(
      folder,
      'require("./a"); require(`./b`); require ( "./c" ); require("./d/own"); require("./e"); require("./f.v2"); require("./no"); require("fs");',
    ),
    ["a.js", "b.cjs", "c.json", "d/index.js", "d/own.cjs", "e.js", "f.v2.js", "tasks.ts"],
  );
});

Deno.test("digestsOf: finds what configurations beside a module or above it give names to", async () => {
  await using folder = new TempFolder();
  for (const name of ["app", "lib", "lib/x"]) Deno.mkdirSync(folder.file(name));
  const files = ["a.ts", "b.ts", "c.ts", "lib/d.ts", "lib/x/e.ts", "lib/f.ts", "app/g.ts", "h.ts"];
  for (const file of files) folder.write(file, "");
  folder.write(
    "deno.jsonc",
    '{ "importMap": "./lib/map.json", /* { */ "imports": { "d/": "./lib/", }, } // {',
  );
  folder.write("lib/map.json", '{ "imports": { "f": "./f.ts", "std": "jsr:@std/assert" } }');
  folder.write(
    "package.json",
    `{ "imports": { "#a": { "deno": "./a.ts", "default": ["./b.ts"] }, "#x/*": "./lib/x/*.ts", "#pad": "left-pad", "#none": null, "#h": "./h.ts" } }`,
  );
  folder.write("app/deno.json", '{ "imports": { "g": "./g.ts" } }');
  folder.write("app/tasks.ts", 'import "g"; import "#h"; import "no";');
  assertEquals(
    partsOf(
      folder,
      'import "./app/tasks.ts"; import "#a"; import "d/d.ts"; import "#x/e"; import "f"; import "g"; import "#pad"; import "std"; import "#none";',
    ),
    [
      "a.ts",
      "app/g.ts",
      "app/tasks.ts",
      "b.ts",
      "h.ts",
      "lib/d.ts",
      "lib/f.ts",
      "lib/x/e.ts",
      "tasks.ts",
    ],
  );
});

Deno.test("digestsOf: is not troubled by a configuration that is none", async () => {
  await using folder = new TempFolder();
  const configs = [
    "{",
    "null",
    "3",
    '{ "imports": 3 }',
    '{ "imports": [null, 1] }',
    '{ "importMap": "http://[" }',
    '{ "importMap": {} }',
  ];
  for (const config of configs) {
    folder.write("deno.json", config);
    assertEquals(partsOf(folder, 'import "a"; import "./no";'), ["tasks.ts"]);
  }
});

Deno.test("modulesOf: of an inline function are the files that it imports by their whole names", () => {
  const source = `async () => {
    await import("file:///a.ts"); await import('file:///b.ts'); await import("file:///a.ts");
    await import("./c.ts"); await import(".."); await import("npm:d"); await import("https://example.com/e.ts");
    await import("file:///node_modules/f.ts"); await import(url); await import("not-mapped");
  }`;
  assertEquals(modulesOf({ type: "inline", name: "", source }), ["file:///a.ts", "file:///b.ts"]);
  assertEquals(modulesOf({ type: "export", name: "x", module: "npm:d" }), ["npm:d"]);
});

Deno.test("digestsOf: reads a long file once", async () => {
  await using folder = new TempFolder();
  await assertLinear(
    (text) => digestsOf(folder.write("tasks.ts", text)),
    (length) => `import${" ".repeat(length)}x`,
  );
});
