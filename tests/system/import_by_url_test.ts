import { assert, assertEquals } from "@std/assert";
import { makeCertificates } from "../../lib/master/slaves/certificates.ts";
import { ModuleServer } from "../support/module_server.ts";
import { MODULE_URL, runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

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

Deno.test("Manager: leaves no files behind but the output of slaves that print", async () => {
  await using folder = projectOfAUser();
  const before = folder.names();
  await runScript(folder, script(""), ["-A", "--no-check"]);
  assertEquals(folder.names(), [...before, "main.ts"].sort());
});

/** A script without anything beside it. */
function lonelyScript(origin: string): string {
  return `
    import { LocalSlave, Manager, remote } from "${origin}/mod.ts";
    const tasks = remote("${origin}/tasks.ts");
    await using manager = new Manager({ output: "null" });
    manager.addSlave(new LocalSlave());
    manager.addSlave(new LocalSlave());
    const context = manager.getContext(() => [10]);
    for (let i = 0; i < 3; i++) context.addTask((x: number, y: number) => x + y, i);
    context.addTask(tasks.times, 4);
    console.log(await Array.fromAsync(context.getResults<number>()));
  `;
}

const TASK_MODULE = {
  "/tasks.ts":
    `import { one } from "./one.ts"; export const times = (x: number, y: number): number => one * x * y;`,
  "/one.ts": `export const one: number = 1;`,
};

/** A folder with nothing in it, and a cache that is empty as well. */
function emptyFolder(): { folder: TempFolder; env: Record<string, string> } {
  const folder = new TempFolder();
  return { folder, env: { DENO_DIR: folder.file("cache"), DENO_NO_UPDATE_CHECK: "1" } };
}

Deno.test("mod.ts: imported over HTTP into an empty folder with an empty cache, its slaves load theirs from there", async () => {
  await using server = new ModuleServer(TASK_MODULE);
  const { folder, env } = emptyFolder();
  await using _folder = folder;
  const { code, stdout, stderr } = await runScript(folder, lonelyScript(server.origin), [
    `--allow-import=${server.host}`,
    "--allow-net=127.0.0.1",
    `--allow-run=${Deno.execPath()}`,
  ], env);
  assertEquals([code, stdout, stderr], [0, "[ 10, 11, 12, 40 ]\n", ""]);
  assert(server.paths.has("/slave.ts"));
  assert(server.paths.has("/one.ts"));
});

Deno.test("mod.ts: imported over HTTPS, where the server's certificate is the user's own", async () => {
  const certificates = await makeCertificates("127.0.0.1");
  await using server = new ModuleServer(TASK_MODULE, certificates);
  const { folder, env } = emptyFolder();
  await using _folder = folder;
  folder.write("ca.pem", certificates.ca);
  const flags = [
    `--allow-import=${server.host}`,
    "--allow-net=127.0.0.1",
    `--allow-run=${Deno.execPath()}`,
  ];
  const { code, stdout, stderr } = await runScript(folder, lonelyScript(server.origin), flags, {
    ...env,
    DENO_CERT: folder.file("ca.pem"),
  });
  assertEquals([code, stdout, stderr], [0, "[ 10, 11, 12, 40 ]\n", ""]);
});

Deno.test("mod.ts: imported by a name of the user's own import map, which means a URL", async () => {
  await using server = new ModuleServer(TASK_MODULE);
  const { folder, env } = emptyFolder();
  await using _folder = folder;
  folder.write(
    "deno.json",
    `{ "imports": { "parallel": "${server.origin}/mod.ts" }, "lock": false }`,
  );
  const script = lonelyScript(server.origin).replace(`"${server.origin}/mod.ts"`, `"parallel"`);
  const { code, stdout, stderr } = await runScript(folder, script, [
    `--allow-import=${server.host}`,
    "--allow-net=127.0.0.1",
    `--allow-run=${Deno.execPath()}`,
    "--allow-read=.",
  ], env);
  assertEquals([code, stdout, stderr], [0, "[ 10, 11, 12, 40 ]\n", ""]);
});

Deno.test("mod.ts: no module that it does not need is loaded over HTTP", async () => {
  await using server = new ModuleServer();
  const { folder, env } = emptyFolder();
  await using _folder = folder;
  const script = `import "${server.origin}/mod.ts";`;
  const { code, stderr } = await runScript(folder, script, [`--allow-import=${server.host}`], env);
  assertEquals([code, stderr], [0, ""]);
  const foreign = [...server.paths].filter((path) => path.startsWith("/lib/slave/"));
  assertEquals(foreign, []);
});
