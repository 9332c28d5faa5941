import { assertEquals, assertThrows } from "@std/assert";
import { configFlags, findConfig } from "../../lib/master/config.ts";
import { OPTIONED_PROJECTS, OptionedProject } from "../support/optioned_project.ts";
import { runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const CONFIG_URL = new URL("../../lib/master/config.ts", import.meta.url).href;
const SCRIPT = `import { findConfig } from ${JSON.stringify(CONFIG_URL)};
  console.log(findConfig(undefined));`;

/** What is found from a script in a folder upwards. */
async function foundFrom(folder: TempFolder, flags = ["--allow-read"]): Promise<string> {
  const { stdout, stderr } = await runScript(folder, SCRIPT, ["--no-config", ...flags]);
  assertEquals(stderr, "");
  return stdout.trim();
}

/** A folder in another one. */
function subfolder(folder: TempFolder, name: string): TempFolder {
  Deno.mkdirSync(folder.file(name));
  const inner = Object.create(folder);
  return Object.defineProperty(inner, "path", { value: folder.file(name) });
}

Deno.test("findConfig: finds the deno.json or deno.jsonc beside the main module", async () => {
  for (const name of ["deno.json", "deno.jsonc"]) {
    await using folder = new TempFolder();
    folder.write(name, "{}");
    assertEquals(await foundFrom(folder), folder.file(name));
  }
});

Deno.test("findConfig: finds it in a folder above, also with spaces and accents in its path", async () => {
  await using folder = new TempFolder();
  folder.write("deno.json", "{}");
  assertEquals(await foundFrom(subfolder(folder, "é a%20b")), folder.file("deno.json"));
});

Deno.test("findConfig: finds a path with spaces and accents", async () => {
  await using folder = new TempFolder();
  const inner = subfolder(folder, "é a%20b");
  inner.write("deno.json", "{}");
  assertEquals(await foundFrom(inner), inner.file("deno.json"));
});

Deno.test("findConfig: prefers the nearest, and deno.json to deno.jsonc", async () => {
  await using folder = new TempFolder();
  folder.write("deno.json", "{}");
  const inner = subfolder(folder, "inner");
  inner.write("deno.jsonc", "{}");
  assertEquals(await foundFrom(inner), inner.file("deno.jsonc"));
  inner.write("deno.json", "{}");
  assertEquals(await foundFrom(inner), inner.file("deno.json"));
});

Deno.test("findConfig: takes no folder for a file", async () => {
  await using folder = new TempFolder();
  folder.write("deno.jsonc", "{}");
  Deno.mkdirSync(folder.file("deno.json"));
  assertEquals(await foundFrom(folder), folder.file("deno.jsonc"));
});

Deno.test("findConfig: finds the nearest package.json, unless a deno.json is beside it", async () => {
  await using folder = new TempFolder();
  folder.write("deno.json", "{}");
  const inner = subfolder(folder, "inner");
  inner.write("package.json", "{}");
  assertEquals(await foundFrom(inner), inner.file("package.json"));
  assertEquals(await foundFrom(subfolder(inner, "src")), inner.file("package.json"));
  inner.write("deno.json", "{}");
  assertEquals(await foundFrom(inner), inner.file("deno.json"));
});

Deno.test("findConfig: finds the deno.json of a workspace above a package.json", async () => {
  await using folder = new TempFolder();
  folder.write("deno.json", `{ "workspace": ["./inner"] }`);
  const inner = subfolder(folder, "inner");
  inner.write("package.json", "{}");
  assertEquals(await foundFrom(inner), folder.file("deno.json"));
});

Deno.test("configFlags: has modules resolve as they do for the script", () => {
  assertEquals(configFlags(undefined), ["--no-config"]);
  assertEquals(configFlags("/home/me/deno.jsonc"), ["--config", "/home/me/deno.jsonc"]);
  assertEquals(configFlags("/home/me/package.json"), [
    "--no-config",
    "--node-modules-dir=manual",
  ]);
});

for (const [place, files] of Object.entries(OPTIONED_PROJECTS)) {
  Deno.test(`configFlags: modules run by the compiler options that stand in ${place}`, async () => {
    await using project = new OptionedProject(files);
    await using elsewhere = new TempFolder();
    const script = `console.log((await import("${project.tasks}")).all());`;
    const flags = ["--no-lock", "--allow-read", ...configFlags(project.config)];
    assertEquals((await runScript(elsewhere, script, flags)).stdout, "3\n");
  });
}

for (
  const [what, type, expected] of [
    ["is CommonJS if the package.json has that type", "commonjs", "4\n"],
    ["is none of CommonJS if the package.json has no type", undefined, ""],
  ] as const
) {
  Deno.test(`configFlags: a module without imports and exports ${what}`, async () => {
    await using project = new TempFolder();
    await using elsewhere = new TempFolder();
    project.write("package.json", JSON.stringify({ type }));
    const tasks = project.write("tasks.js", "exports.double = (x) => 2 * x;");
    const script = `console.log((await import("${tasks}")).double(2));`;
    const flags = ["--allow-read", ...configFlags(project.file("package.json"))];
    assertEquals((await runScript(elsewhere, script, flags)).stdout, expected);
    assertEquals((await runScript(project, script, ["--allow-read"])).stdout, expected);
  });
}

Deno.test("findConfig: finds none if there is none, or if none may be read", async () => {
  await using folder = new TempFolder();
  assertEquals(await foundFrom(folder), "undefined");
  folder.write("deno.json", "{}");
  assertEquals(await foundFrom(folder, []), "undefined");
});

Deno.test("findConfig: takes the path or URL of any file, and makes it absolute", async () => {
  await using folder = new TempFolder();
  const url = folder.write("my config.json", "{}");
  const path = folder.file("my config.json");
  assertEquals(findConfig(path), path);
  assertEquals(findConfig(url), path);
  assertEquals(findConfig(new URL(url)), path);
  assertEquals(findConfig("deno.json"), Deno.realPathSync("deno.json"));
});

Deno.test("findConfig: refuses a file that is not there, naming it", () => {
  assertThrows(
    () => findConfig("/no/such.json"),
    TypeError,
    "Cannot use the option config, /no/such.json: No such file",
  );
});
