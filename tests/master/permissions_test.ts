import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { NoMoreSlavesError, remote, type SlavePermissions } from "../../mod.ts";
import { freePort } from "../support/free_port.ts";
import { localManager } from "../support/local_manager.ts";
import { MODULE_URL, runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const reaching = remote<typeof import("../support/reaching_tasks.ts")>(
  import.meta.resolve("../support/reaching_tasks.ts"),
);

type Reach = keyof typeof reaching;

/** What a task of a slave with these permissions gets when it reaches for something: `ok`, or the error's name. */
async function reach(
  permissions: SlavePermissions,
  ...wanted: [task: Reach, target: string | number][]
): Promise<unknown[]> {
  await using manager = localManager(1, { permissions });
  const context = manager.getContext();
  for (const [task, target] of wanted) {
    context.addTask(reaching[task] as typeof reaching.readFile, target as string);
  }
  return await Array.fromAsync(context.getResults());
}

const HERE = decodeURIComponent(new URL(import.meta.url).pathname);

Deno.test('permissions: "none" keeps a task from files, network, environment, programs and the system', async () => {
  await using folder = new TempFolder();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const outcomes = await reach(
    "none",
    ["readFile", HERE],
    ["writeFile", folder.file("written")],
    ["connect", port],
    ["listen", 0],
    ["fetchPort", port],
    ["readEnvironment", "HOME"],
    ["runProgram", "true"],
    ["runProgram", Deno.execPath()],
    ["askHostName", ""],
    ["killParent", ""],
    ["openLibrary", "libc.so.6"],
    ["importModule", `http://127.0.0.1:${port}/x.js`],
  );
  // An import that is not allowed is a TypeError.
  assertEquals(outcomes, [...new Array(11).fill("NotCapable"), "TypeError"]);
  assertEquals(folder.names(), []);
});

Deno.test('permissions: "none" keeps a task from connecting to its own master', async () => {
  const port = freePort();
  await using manager = localManager(1, { permissions: "none", port });
  const context = manager.getContext();
  context.addTask(reaching.connect, port);
  assertEquals(await Array.fromAsync(context.getResults()), ["NotCapable"]);
});

Deno.test("permissions: what may be reached on the master's host is that and nothing else", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  assertEquals(
    await reach({ net: ["127.0.0.1"] }, ["connect", port], ["listen", 0]),
    ["ok", "ok"],
  );
  assertEquals(
    await reach({ net: [`127.0.0.1:${port}`] }, ["connect", port], ["listen", 0]),
    ["ok", "NotCapable"],
  );
});

/** What is given on the network, and what a task then may: the slave's own connection takes none of it. */
const NET: [given: string, askedAbout: string, state: string][] = [
  ["127.0.0.1", "127.0.0.1:80", "granted"],
  ["127.0.0.1", "localhost:80", "prompt"],
  ["127.0.0.0/8", "127.0.0.1:80", "granted"],
  ["127.0.0.0/8", "127.9.9.9:80", "granted"],
  ["127.0.0.1:80", "127.0.0.1:80", "granted"],
  ["127.0.0.1:80", "127.0.0.1:81", "prompt"],
  ["localhost", "localhost:80", "granted"],
  ["localhost", "127.0.0.1:80", "prompt"],
  ["[::1]", "[::1]:80", "granted"],
  ["0.0.0.0", "0.0.0.0:80", "granted"],
  ["0.0.0.0", "127.0.0.1:80", "prompt"],
];

for (const [given, host, state] of NET) {
  Deno.test(`permissions: { net: ["${given}"] } is ${state === "granted" ? "" : "not "}for ${host}`, async () => {
    assertEquals(await reach({ net: [given] }, ["askNet", host]), [state]);
  });
}

Deno.test("permissions: what is given of the master's host by IPv6 is that and nothing else", async () => {
  await using manager = localManager(1, { host: "::1", permissions: { net: ["[::1]"] } });
  const context = manager.getContext();
  context.addTask(reaching.askNet, "[::1]:80");
  assertEquals(await Array.fromAsync(context.getResults()), ["granted"]);
});

Deno.test("permissions: what may be read is that and nothing else", async () => {
  await using folder = new TempFolder();
  await using other = new TempFolder();
  folder.write("data.txt", "data");
  other.write("data.txt", "data");
  const outcomes = await reach(
    { read: [folder.path] },
    ["readFile", folder.file("data.txt")],
    ["readFile", other.file("data.txt")],
    ["readFile", HERE],
    ["writeFile", folder.file("new")],
    ["readEnvironment", "HOME"],
  );
  assertEquals(outcomes, ["ok", "NotCapable", "NotCapable", "NotCapable", "NotCapable"]);
});

Deno.test("permissions: a path with spaces is one path", async () => {
  await using folder = new TempFolder();
  Deno.mkdirSync(folder.file("with space"));
  folder.write("with space/data.txt", "data");
  const outcomes = await reach(
    { read: [folder.file("with space")] },
    ["readFile", folder.file("with space/data.txt")],
  );
  assertEquals(outcomes, ["ok"]);
});

Deno.test("permissions: true gives all of a kind", async () => {
  const outcomes = await reach(
    { read: true, env: true },
    ["readFile", HERE],
    ["readEnvironment", "HOME"],
    ["runProgram", "true"],
  );
  assertEquals(outcomes, ["ok", "ok", "NotCapable"]);
});

Deno.test('permissions: "inherit" gives what the master has in full', async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const outcomes = await reach(
    "inherit",
    ["readFile", HERE],
    ["connect", listener.addr.port],
    ["readEnvironment", "HOME"],
  );
  assertEquals(outcomes, ["ok", "ok", "ok"]);
});

Deno.test('permissions: "inherit" does not give what the master has in part', async () => {
  await using folder = new TempFolder();
  const { code, stdout, stderr } = await runScript(
    folder,
    `import { LocalSlave, Manager, remote } from "${MODULE_URL}";
     const tasks = remote("${import.meta.resolve("../support/reaching_tasks.ts")}");
     await using manager = new Manager({ output: "null" });
     manager.addSlave(new LocalSlave());
     const context = manager.getContext();
     context.addTask(tasks.readFile, "${HERE}");
     context.addTask(tasks.readEnvironment, "HOME");
     context.addTask(tasks.writeFile, "${folder.file("written")}");
     console.log((await Array.fromAsync(context.getResults())).join());`,
    [
      "--no-check",
      "--allow-net=127.0.0.1",
      `--allow-run=${Deno.execPath()}`,
      `--allow-read=${HERE}`,
      "--allow-env",
      `--allow-write=${folder.path}`,
    ],
  );
  assertEquals([code, stdout, stderr], [0, "NotCapable,ok,NotCapable\n", ""]);
});

Deno.test('permissions: "none" still loads task modules and what they import', async () => {
  await using folder = new TempFolder();
  folder.write("two.ts", `export const two: number = 2;`);
  const url = folder.write(
    "tasks.ts",
    `import { two } from "./two.ts"; export const double = (x: number): number => two * x;`,
  );
  await using manager = localManager(1, { permissions: "none" });
  const context = manager.getContext();
  context.addTask(remote<{ double(x: number): number }>(url).double, 21);
  assertEquals(await Array.fromAsync(context.getResults()), [42]);
});

Deno.test('permissions: "none" still loads a task module that is named after the slaves were started', async () => {
  await using folder = new TempFolder();
  const url = folder.write("tasks.ts", `export const double = (x: number): number => 2 * x;`);
  await using manager = localManager(1, { permissions: "none" });
  const context = manager.getContext();
  context.addTask((x: number) => x, 1);
  await Array.fromAsync(context.getResults());
  context.addTask(remote<{ double(x: number): number }>(url).double, 21);
  assertEquals(await Array.fromAsync(context.getResults()), [42]);
});

Deno.test('permissions: "none" still loads a task module over HTTP', async () => {
  await using folder = new TempFolder();
  const config = folder.write("deno.json", `{ "lock": false }`);
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () =>
      new Response("export const double = (x) => 2 * x;", {
        headers: { "content-type": "text/javascript" },
      }),
  );
  const url = `http://127.0.0.1:${server.addr.port}/tasks.js`;
  await using manager = localManager(1, { permissions: "none", config });
  const context = manager.getContext();
  context.addTask(remote<{ double(x: number): number }>(url).double, 21);
  assertEquals(await Array.fromAsync(context.getResults()), [42]);
});

for (const permissions of ["none", { import: false }] satisfies SlavePermissions[]) {
  Deno.test(`permissions: ${JSON.stringify(permissions)} keeps a task from importing what is not on this machine`, async () => {
    await using manager = localManager(1, { permissions });
    const context = manager.getContext();
    const modules = [
      "https://jsr.io/a.js",
      "https://esm.sh/a.js",
      "npm:deno-std@1.4.0",
      "jsr:@a/b",
    ];
    // Imported by the test itself: it is in Deno's cache.
    assertEquals(typeof (await import("npm:deno-std@1.4.0/path/mod.js")).join, "function");
    context.addTask(async (modules: string[]) => {
      const failures = await Promise.allSettled(modules.map((module) => import(module)));
      return failures.map((each) => each.status === "rejected" ? each.reason.message : "imported");
    }, modules);
    const [failures] = await Array.fromAsync(context.getResults<string[]>());
    assertMatch(failures[0], /Requires import access to "jsr\.io:443"/);
    assertMatch(failures[1], /Requires import access to "esm\.sh:443"/);
    assertMatch(failures[2], /--no-npm/);
    assertMatch(failures[3], /Requires import access to "jsr\.io:443"/);
  });
}

Deno.test("permissions: a task module that imports a package which is not given says what to give", async () => {
  await using folder = new TempFolder();
  const url = folder.write(
    "tasks.ts",
    `import { join } from "npm:deno-std@1.4.0/path/mod.js"; export const task = () => join("a", "b");`,
  );
  const run = async (permissions: SlavePermissions) => {
    await using manager = localManager(1, { permissions });
    const context = manager.getContext();
    context.addTask(remote<{ task(): string }>(url).task);
    const [outcome] = await Array.fromAsync(context.getOutcomesUnordered());
    return outcome.status === "fulfilled" ? outcome.value : outcome.reason.message;
  };
  assertMatch(
    String(await run("none")),
    /npm package.*give \{ import: \["registry\.npmjs\.org"\] \}/,
  );
  assertEquals(await run({ import: ["registry.npmjs.org"] }), "a/b");
});

Deno.test("permissions: with a restricted permission to read, tasks come from a thousand modules, and from a long data: URL", async () => {
  await using folder = new TempFolder();
  // Long paths: in one argument they would be too long for Linux.
  const name = "x".repeat(200);
  const urls = Array.from(
    { length: 1000 },
    (_, i) => folder.write(`${name}${i}.ts`, `export const task = (): number => ${i};`),
  );
  urls.push(
    `data:text/javascript,export const task = () => 1000;//${"x".repeat(200_000)}`,
  );
  await using manager = localManager(1, { permissions: { read: ["/nowhere"] } });
  const context = manager.getContext();
  for (const url of urls) context.addTask(remote<{ task(): number }>(url).task);
  const results = await Array.fromAsync(context.getResults());
  assertEquals(results, Array.from({ length: 1001 }, (_, i) => i));
});

Deno.test("permissions: more modules than arguments can name are an error at once, that says what to do", async () => {
  await using manager = localManager(1, { permissions: { read: ["/nowhere"] }, onEvent: () => {} });
  const context = manager.getContext();
  for (let i = 0; i < 30_000; i++) {
    context.addTask(remote<{ task(): number }>(`file:///${"x".repeat(100)}/${i}.ts`).task);
  }
  const { message } = await assertRejects(() => context.getResults().next(), NoMoreSlavesError);
  assertMatch(message, /Argument list too long.*name fewer, or give \{ read: true \}/);
});

Deno.test("permissions: a slave without them never asks on a terminal, it throws", async () => {
  await using manager = localManager(1, { permissions: "none" });
  const context = manager.getContext();
  context.addTask((path: string) => Deno.readTextFile(path), HERE);
  const [outcome] = await Array.fromAsync(context.getOutcomesUnordered());
  if (outcome.status === "fulfilled") throw new Error("the file was read");
  assertMatch(outcome.reason.message, /NotCapable: Requires read access to/);
});
