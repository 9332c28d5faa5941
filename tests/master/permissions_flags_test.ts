import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  checkPermissions,
  permissionFlags,
  type SlaveNeeds,
  type SlavePermissions,
} from "../../lib/master/permissions.ts";
import { runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const NEEDS: SlaveNeeds = {
  master: ["127.0.0.1:4711"],
  program: "file:///parallel/slave.ts",
  modules: [],
};
const PERMISSIONS_URL = new URL("../../lib/master/permissions.ts", import.meta.url).href;
const DEFAULT_IMPORT_HOSTS =
  "deno.land:443,jsr.io:443,esm.sh:443,raw.esm.sh:443,cdn.jsdelivr.net:443," +
  "raw.githubusercontent.com:443,gist.githubusercontent.com:443";

/** Without a host, a flag would give all; without a flag, Deno allows its own hosts. */
const NO_IMPORT = ["--allow-import=nowhere.invalid:443", "--no-npm"];

function flagsFor(permissions: SlavePermissions, needs: Partial<SlaveNeeds> = {}): string[] {
  return permissionFlags(permissions, { ...NEEDS, ...needs });
}

Deno.test("permissionFlags: none is the connection to the master alone", () => {
  assertEquals(flagsFor("none"), [
    "--no-prompt",
    "--allow-net=127.0.0.1:4711",
    ...NO_IMPORT,
  ]);
  assertEquals(flagsFor({ import: false }), flagsFor("none"));
  assertEquals(flagsFor({ import: [] }), flagsFor("none"));
});

Deno.test("permissionFlags: a slave may connect to every address of its master", () => {
  assertEquals(flagsFor("none", { master: ["nodeA:1", "[::1]:1"] }), [
    "--no-prompt",
    "--allow-net=nodeA:1,[::1]:1",
    ...NO_IMPORT,
  ]);
});

Deno.test("permissionFlags: gives each kind that is true in full, and none that is false or missing", () => {
  assertEquals(flagsFor({ read: true, net: true, env: true, run: false, ffi: true }), [
    "--no-prompt",
    "--allow-read",
    "--allow-net",
    "--allow-env",
    "--allow-ffi",
  ]);
});

Deno.test("permissionFlags: gives lists as they are, and adds the master to the net", () => {
  assertEquals(
    flagsFor({ read: ["/data", "/more data"], net: ["example.com"], sys: ["hostname"] }),
    [
      "--no-prompt",
      "--allow-read=/data,/more data",
      "--allow-net=example.com,127.0.0.1:4711",
      "--allow-sys=hostname",
    ],
  );
});

Deno.test("permissionFlags: an empty list gives nothing, where Deno's flag would give all", () => {
  assertEquals(flagsFor({ read: [], write: [], run: [], import: false }), flagsFor("none"));
});

Deno.test("permissionFlags: inherits each kind that the master has in full, and no other", async () => {
  const flags = ["--allow-read", "--allow-net=127.0.0.1", "--allow-env", "--allow-write=/tmp"];
  assertEquals(await inheritedBy(flags), [
    "--no-prompt",
    "--allow-read",
    "--allow-net=127.0.0.1:4711",
    "--allow-env",
  ]);
});

Deno.test("permissionFlags: inherits everything from a master that may do everything", async () => {
  assertEquals(await inheritedBy(["--allow-all"]), [
    "--no-prompt",
    ...["read", "write", "net", "env", "run", "sys", "ffi", "import"].map((kind) =>
      `--allow-${kind}`
    ),
  ]);
});

Deno.test("permissionFlags: does not inherit a kind of which the master is denied a part", async () => {
  assertEquals(await inheritedBy(["--allow-read", "--deny-read=/etc", "--allow-env"]), [
    "--no-prompt",
    "--allow-net=127.0.0.1:4711",
    "--allow-env",
  ]);
});

Deno.test("permissionFlags: inherits writing only with running: Deno denies writing to a program that it may run", async () => {
  const all = await inheritedBy(["--allow-write", "--allow-run"]);
  assertEquals(all.filter((flag) => flag === "--allow-write"), ["--allow-write"]);
  const listed = await inheritedBy(["--allow-write", `--allow-run=${Deno.execPath()}`]);
  assertEquals(listed.filter((flag) => flag === "--allow-write"), []);
});

/** The flags for slaves of a master that runs with certain flags itself. */
async function inheritedBy(flags: readonly string[]): Promise<string[]> {
  await using folder = new TempFolder();
  const script = `import { permissionFlags } from ${JSON.stringify(PERMISSIONS_URL)};
    console.log(JSON.stringify(permissionFlags("inherit", ${JSON.stringify(NEEDS)})));`;
  const { stdout, stderr } = await runScript(folder, script, flags);
  assertEquals(stderr, "");
  return JSON.parse(stdout);
}

Deno.test("permissionFlags: slaves may import from where the program and the tasks come from", () => {
  const flags = flagsFor("none", {
    program: "https://example.com/parallel/slave.ts",
    modules: [
      "http://localhost:8000/tasks.ts",
      "https://example.com/a.ts",
      "file:///b.ts",
      "npm:c",
    ],
  });
  assertEquals(
    flags.find((flag) => flag.startsWith("--allow-import")),
    "--allow-import=example.com:443,localhost:8000,registry.npmjs.org:443",
  );
  assertEquals(flags.includes("--no-npm"), false);
});

Deno.test("permissionFlags: npm packages are imported where their host is given, or nothing is said of imports", () => {
  assertEquals(flagsFor({ import: ["example.com"] }).includes("--no-npm"), true);
  for (
    const permissions of [
      { import: ["registry.npmjs.org"] },
      { import: ["registry.npmjs.org:443"] },
      { import: true },
      { read: true },
      "inherit",
    ] satisfies SlavePermissions[]
  ) assertEquals(flagsFor(permissions).includes("--no-npm"), false, JSON.stringify(permissions));
});

Deno.test("permissionFlags: inherits of Deno's own hosts those that the master has", async () => {
  const flags = await inheritedBy(["--deny-import=jsr.io:443"]);
  assertEquals(
    flags.at(-1),
    `--allow-import=${DEFAULT_IMPORT_HOSTS.replace("jsr.io:443,", "")}`,
  );
  assertEquals(
    (await inheritedBy(["--allow-import=example.com"])).at(-1),
    "--allow-import=nowhere.invalid:443",
  );
});

Deno.test("permissionFlags: such an import does not take away the hosts that Deno allows by itself", () => {
  const modules = ["https://example.com/tasks.ts"];
  assertEquals(flagsFor({ read: true }, { modules }), [
    "--no-prompt",
    "--allow-read",
    "--allow-net=127.0.0.1:4711",
    `--allow-import=example.com:443,${DEFAULT_IMPORT_HOSTS}`,
  ]);
});

Deno.test("permissionFlags: a list of hosts to import from is kept to, but for the modules of tasks", () => {
  const modules = ["https://example.com/tasks.ts"];
  const flags = flagsFor({ read: true, import: ["other.com:443"] }, { modules });
  assertEquals(flags.slice(-2), ["--allow-import=other.com:443,example.com:443", "--no-npm"]);
});

Deno.test("permissionFlags: without permission to read, modules of tasks are made part of the program", () => {
  const modules = ['file:///a "quoted" task#.ts', "npm:c"];
  assertEquals(preloaded(flagsFor("none", { modules })), [
    String.raw`()=>[import("file:///a \"quoted\" task#.ts"),import("npm:c")]`,
  ]);
  assertEquals(preloaded(flagsFor({ read: ["/data"] }, { modules })).length, 1);
  assertEquals(preloaded(flagsFor({ read: true }, { modules })), []);
});

Deno.test("permissionFlags: long lists are several arguments, each of which Linux takes", () => {
  const modules = Array.from(
    { length: 5000 },
    (_, i) => `file:///folder with ümlauts/tasks${i}.ts`,
  );
  const read = Array.from({ length: 50_000 }, (_, i) => `/ümlaut/${i}`);
  const flags = flagsFor({ read }, { modules });
  for (const flag of flags) assert(new TextEncoder().encode(flag).length < 128 * 1024);
  const imported = preloaded(flags).flatMap((text) => [...text.matchAll(/import\("([^"]*)"\)/g)]);
  assertEquals(imported.map(([, module]) => module), modules);
  const allowed = flags.filter((flag) => flag.startsWith("--allow-read="));
  assertEquals(allowed.flatMap((flag) => flag.slice("--allow-read=".length).split(",")), read);
});

Deno.test("permissionFlags: a module that is its own source, and fits into no argument, is loaded without", () => {
  const long = `data:text/javascript,${"x".repeat(200_000)}`;
  assertEquals(preloaded(flagsFor("none", { modules: [long, "file:///a.ts"] })), [
    '()=>[import("file:///a.ts")]',
  ]);
});

/** The sources of the modules that are loaded first. */
function preloaded(flags: readonly string[]): string[] {
  return flags.filter((_, i) => flags[i - 1] === "--preload")
    .map((url) => decodeURIComponent(url.replace(/^data:text\/javascript,/, "")));
}

Deno.test("permissionFlags: a program without permissions loads the modules of tasks when it asks for them, and no other", async () => {
  await using folder = new TempFolder();
  folder.write("dependency.ts", "export const word: string = 'loaded';");
  const module = folder.write(
    "tasks.ts",
    'console.log("executed"); export { word } from "./dependency.ts";',
  );
  const secret = folder.write("secret.ts", "export {};");
  const program = folder.write(
    "slave.ts",
    `console.log("started");
    console.log((await import(Deno.args[0])).word);
    await import(Deno.args[1]).catch(({ message }) => console.log(message));`,
  );
  const flags = permissionFlags("none", { ...NEEDS, program, modules: [module] });
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-config", ...flags, program, module, secret],
    env: { NO_COLOR: "1" },
  }).output();
  const lines = new TextDecoder().decode(stdout).split("\n");
  assertEquals(
    lines.slice(0, 3),
    ["started", "executed", "loaded"],
    new TextDecoder().decode(stderr),
  );
  assertStringIncludes(lines[3], "Requires read access");
});

Deno.test("checkPermissions: takes what its type says", () => {
  for (
    const permissions of [
      "inherit",
      "none",
      {},
      { read: true, write: false, net: [], env: ["HOME", "PATH"], import: ["example.com:443"] },
    ] satisfies SlavePermissions[]
  ) checkPermissions(permissions);
});

const WRONG: Record<string, [unknown, string]> = {
  "another word": ["all", 'must be "inherit", "none" or an object'],
  "nothing": [null, "not null"],
  "true": [true, "not true"],
  "a kind that there is not": [{ hrtime: true }, "has no kind hrtime. There are: read, write, net"],
  "a list": [["read"], 'an object such as { read: ["/data"] }, not [ "read" ]'],
  "a text for a list": [{ read: "/data" }, "permissions.read must be true, false or a list"],
  "undefined": [{ read: undefined }, "permissions.read must be true, false or a list"],
  "an empty text": [{ read: [""] }, "permissions.read must be"],
  "a comma, which would make two entries of one": [{ write: ["/a,/b"] }, "without commas"],
  "a number in a list": [{ net: [80] }, "permissions.net must be"],
};

for (const [name, [permissions, message]] of Object.entries(WRONG)) {
  Deno.test(`checkPermissions: refuses ${name}`, () => {
    assertThrows(() => checkPermissions(permissions as SlavePermissions), TypeError, message);
  });
}
