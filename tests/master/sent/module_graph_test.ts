import { assertEquals, assertRejects } from "@std/assert";
import { type ModuleGraph, readModuleGraph } from "../../../lib/master/sent/module_graph.ts";
import { TempFolder } from "../../support/temp_folder.ts";

/** Reads what a Deno before 2.8.3 tells of a module that imports something: `npmPackages` has no `localPath`. */
async function readByOldDeno(imported: string): Promise<ModuleGraph> {
  await using folder = new TempFolder();
  const modules = [
    {
      specifier: "IMPORTER",
      dependencies: [{ specifier: imported, code: { specifier: imported } }],
    },
    { specifier: "npm:/ms@2.1.3", kind: "npm" },
    { specifier: "file:///tasks.ts", kind: "esm", local: "/tasks.ts" },
  ];
  const redirects = { "npm:ms@2": "npm:/ms@2.1.3" };
  const npmPackages = { "ms@2.1.3": { name: "ms", version: "2.1.3", dependencies: [] } };
  folder.write("info.json", JSON.stringify({ modules, redirects, npmPackages }));
  folder.write("deno", `sed "s|IMPORTER|$3|" ${folder.file("info.json")}`);
  const command = ["/bin/sh", folder.file("deno")];
  return await readModuleGraph(command, [], [imported], new AbortController().signal);
}

Deno.test("readModuleGraph: a Deno that does not tell where packages are is named as too old, if one is imported", async () => {
  await assertRejects(
    () => readByOldDeno("npm:ms@2"),
    Error,
    "Deno before 2.8.3 does not tell where packages of npm are, such as npm:ms@2.1.3. Install",
  );
});

Deno.test("readModuleGraph: packages of a lock file that no module imports are left out by a Deno that does not tell where they are", async () => {
  const { modules, packages } = await readByOldDeno("file:///tasks.ts");
  assertEquals(modules.map(({ url }) => url), ["file:///tasks.ts"]);
  assertEquals(packages, []);
});
