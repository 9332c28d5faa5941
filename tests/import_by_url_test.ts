import { assertEquals } from "@std/assert";
import { MODULE_URL, runScript } from "./support/script.ts";
import { TempFolder } from "./support/temp_folder.ts";

/** A project of a user: a script, tasks, and a module that only the import map of the project knows. */
function projectOfAUser(): TempFolder {
  const folder = new TempFolder();
  folder.write("deno.json", `{ "imports": { "numbers": "./numbers.ts" } }`);
  folder.write("numbers.ts", `export const six: number = 6;`);
  folder.write(
    "tasks.ts",
    `import { six } from "numbers";
     export function setup(): [number] { return [six]; }
     export function times(x: number, y: number): number { return x * y; }`,
  );
  return folder;
}

/** `options` is source text. */
function script(options: string): string {
  return `
    import { LocalSlave, Manager, remote } from "${MODULE_URL}";
    import { six } from "numbers";
    const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));
    await using manager = new Manager(${options});
    manager.addSlave(new LocalSlave());
    manager.addSlave(new LocalSlave());
    const context = manager.getContext(tasks.setup);
    for (let i = 0; i < 5; i++) context.addTask(tasks.times, i);
    const inline = manager.getContext();
    inline.addTask(async (x: number) => x * (await import("numbers")).six, six);
    console.log(await Array.fromAsync(context.getResults<number>()));
    console.log(await Array.fromAsync(inline.getResults<number>()));
  `;
}

/** The master listens on the loopback, starts Deno, and reads the configuration. */
function smallestPermissions(folder: TempFolder): string[] {
  return [
    "--allow-net=127.0.0.1",
    `--allow-run=${Deno.execPath()}`,
    `--allow-read=${folder.file("deno.json")}`,
  ];
}

const EXPECTED = "[ 0, 6, 12, 18, 24 ]\n[ 36 ]\n";

Deno.test("mod.ts: imported by URL from elsewhere it runs tasks that need the script's own import map, with the smallest permissions", async () => {
  await using folder = projectOfAUser();
  const { code, stdout, stderr } = await runScript(
    folder,
    // A dynamic import has to be told to a slave that may not read files.
    script(`{ output: "null" }`).replace(/ +inline\.addTask.*\n/, ""),
    smallestPermissions(folder),
  );
  assertEquals([code, stdout, stderr], [0, "[ 0, 6, 12, 18, 24 ]\n[]\n", ""]);
});

Deno.test("mod.ts: imported by URL from elsewhere it works with all permissions, type-checked", async () => {
  await using folder = projectOfAUser();
  const { code, stdout, stderr } = await runScript(folder, script(""), ["-A", "--check"]);
  assertEquals([code, stdout, stderr], [0, EXPECTED, ""]);
});

Deno.test("config: names another configuration than the one beside the script", async () => {
  await using folder = projectOfAUser();
  folder.write(
    "other.json",
    `{ "imports": { "numbers": "data:text/javascript,export const six = 7;" } }`,
  );
  const { code, stdout, stderr } = await runScript(
    folder,
    script(`{ output: "null", config: "other.json" }`),
    ["-A"],
  );
  assertEquals([code, stdout, stderr], [0, "[ 0, 7, 14, 21, 28 ]\n[ 42 ]\n", ""]);
});

Deno.test("Manager: leaves no files behind but the output of the slaves", async () => {
  await using folder = projectOfAUser();
  const before = folder.names();
  await runScript(folder, script(""), ["-A", "--no-check"]);
  assertEquals(
    folder.names(),
    [...before, "main.ts", "slave0.output", "slave1.output"].sort(),
  );
});
