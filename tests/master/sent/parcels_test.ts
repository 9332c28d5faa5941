import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type ParcelOptions, Parcels } from "../../../lib/master/sent/parcels.ts";
import { Digests, type Parcel } from "../../../lib/master/sent/parcel.ts";
import { HOLD, Holders } from "../../support/holders.ts";
import { LaidParcel } from "../../support/laid_parcel.ts";
import { ModuleServer } from "../../support/module_server.ts";
import { OPTIONED_PROJECTS, OptionedProject } from "../../support/optioned_project.ts";
import { TempFolder } from "../../support/temp_folder.ts";

const PROGRAM = new URL("../../../slave.ts", import.meta.url).href;

/** Makes parcels as a manager whose configuration is in a folder. */
function parcelsOf(
  folder: TempFolder,
  config: string | undefined,
  options: Partial<ParcelOptions> = {},
) {
  return new Parcels({
    cwd: Deno.cwd(),
    deno: [Deno.execPath()],
    config: config === undefined ? undefined : folder.file(config),
    permissions: { import: true },
    program: PROGRAM,
    closing: new AbortController().signal,
    warn: () => {},
    ...options,
  });
}

/** The files of a folder that are in a parcel. */
function filesFrom({ files }: Parcel, folder: TempFolder): string[] {
  const start = `files${folder.path}/`;
  return files.map(({ place }) => place).filter((place) => place.startsWith(start))
    .map((place) => place.slice(start.length)).sort();
}

const TASKS = `
  import { relative, Kind } from "./é b/relative.ts";
  import { mapped } from "lib/mapped.ts";
  import data from "./data.json" with { type: "json" };
  import { integer } from "fast-check";
  import type { Unneeded } from "./unneeded.ts";
  export const all = () => [relative, Kind.Other, mapped, data.number, typeof integer];
  export const later = async (name: string) => (await import("./later.ts")).later;
  export const byName = async (name: string) =>
    [(await import("lib/" + name)).other, import.meta.resolve("lib/text.txt")];
  export const read = () => Deno.readTextFileSync(new URL("é b/text.txt", import.meta.url));
  export const url = import.meta.url;
`;

function makeProject(): TempFolder {
  const folder = new TempFolder();
  Deno.mkdirSync(folder.file("é b"));
  Deno.mkdirSync(folder.file("mapped"));
  folder.write(
    "deno.jsonc",
    `{
      // Names of modules.
      "imports": { "lib/": "./mapped/", "fast-check": "npm:fast-check@4.10.2", "tasks": "./tasks.ts", },
      "compilerOptions": { "experimentalDecorators": true, /* of "old" */ },
    }`,
  );
  folder.write("tasks.ts", TASKS);
  folder.write("unneeded.ts", "export type Unneeded = string;");
  folder.write("later.ts", 'export const later = "later";');
  folder.write("data.json", '{ "number": 5 }');
  folder.write("é b/relative.ts", "export enum Kind { Some, Other } export const relative = 1;");
  folder.write("é b/text.txt", "a text");
  folder.write("mapped/other.ts", 'export const other = "other";');
  folder.write("mapped/mapped.ts", "export const mapped = 'by its name';");
  return folder;
}

Deno.test("Parcels: tasks run from what was laid elsewhere, without a network: files, JSON, names of the import map, packages, texts", async () => {
  await using project = makeProject();
  const parcels = parcelsOf(project, "deno.jsonc");
  const tasks = `file://${project.file("tasks.ts")}`;
  const parcel = await parcels.of([tasks, "tasks"], [project.file("é b/text.txt")]);
  assertEquals(filesFrom(parcel, project), [
    "data.json",
    "later.ts",
    "mapped/mapped.ts",
    "tasks.ts",
    "é b/relative.ts",
    "é b/text.txt",
  ]);
  await using laid = new LaidParcel(parcel);
  const moved = project.path + "-moved";
  await Deno.rename(project.path, moved);
  try {
    const script = `const tasks = await import(${JSON.stringify(tasks)});
      console.log(JSON.stringify(tasks.all()), await tasks.later(), tasks.url);
      console.log(tasks.read());`;
    assertEquals(
      await laid.run(script, "--allow-read"),
      `[1,1,"by its name",5,"function"] later file://${laid.path}/files${project.path}/tasks.ts\na text\n`,
    );
    const unread = await laid.run(
      script,
      "--preload",
      `data:text/javascript,()=>[import("${tasks}")]`,
    );
    assertMatch(unread, /^\[1,1,"by its name",5,"function"\] later file:/);
    assertMatch(unread, /NotCapable: Requires read access to ".*text\.txt"/);
  } finally {
    await Deno.rename(moved, project.path);
  }
});

Deno.test("Parcels: an unchanged parcel is made once, and a file that changes changes itself alone", async () => {
  await using project = makeProject();
  const parcels = parcelsOf(project, "deno.jsonc");
  const make = () => parcels.of([`file://${project.file("tasks.ts")}`], []);
  const first = await make();
  assertEquals(await make() === first, true);
  project.write("later.ts", 'export const later = "much later";');
  const second = await make();
  const before = new Map(first.files.map(({ place, hash }) => [place, hash]));
  const changed = second.files.filter(({ place, hash }) => before.get(place) !== hash);
  assertEquals(changed.map(({ place }) => place), [`files${project.path}/later.ts`]);
});

Deno.test("Parcels: a program for agents that could not be made is made again the next time, and one that was made is kept", async () => {
  await using folder = new TempFolder();
  const script = `echo called >>"$0.calls"; [ -e "$0.ready" ] || exit 3; exec "$@"`;
  const deno = ["/bin/sh", "-c", script, folder.file("deno"), Deno.execPath()];
  const parcels = parcelsOf(folder, undefined, { deno });
  await assertRejects(() => parcels.agentProgram([]), Error, "ended with exit code 3");
  folder.write("deno.ready", "");
  const program = await parcels.agentProgram([]);
  assertEquals(await parcels.agentProgram([]), program);
  assertEquals(folder.lines("deno.calls"), ["called", "called"]);
});

Deno.test("Parcels: what is being made is given up when the manager closes, with the programs that it waits for", async () => {
  await using folder = new TempFolder();
  await using ofAgent = new Holders();
  await using ofParcel = new Holders();
  const script =
    `case "$*" in *tasks.ts*) set "$1";; *) set "$0";; esac; exec /bin/sh -c '${HOLD}' "$1"`;
  const closing = new AbortController();
  const parcels = parcelsOf(folder, undefined, {
    deno: ["/bin/sh", "-c", script, ofAgent.path, ofParcel.path],
    closing: closing.signal,
  });
  const made = [parcels.agentProgram([]), parcels.of([folder.write("tasks.ts", "")], [])];
  const rejected = made.map((each) => assertRejects(() => each, Error, "has closed"));
  await Promise.all([ofAgent.said("started"), ofParcel.said("started")]);
  closing.abort(new Error("the manager has closed"));
  await parcels[Symbol.asyncDispose]();
  await Promise.all([...rejected, ofAgent.ended(), ofParcel.ended()]);
});

Deno.test("Digests: a large file is not read to its end when the manager closes", async () => {
  await using folder = new TempFolder();
  folder.write("large", "");
  await Deno.truncate(folder.file("large"), 2 ** 30);
  const closing = new AbortController();
  const digests = new Digests(closing.signal);
  const digest = digests.ofFile(folder.file("large"), undefined);
  closing.abort(new Error("the manager has closed"));
  await assertRejects(() => digest, Error, "the manager has closed");
});

Deno.test("Parcels: what is included is named where it is missing, with where it was looked for", async () => {
  await using project = makeProject();
  const parcels = parcelsOf(project, undefined);
  const error = await assertRejects(() => parcels.of([], ["no/such.txt"]), Error);
  assertMatch(
    error.message,
    /^Cannot send .*\/no\/such\.txt, which the option include names: No such file.*relative to the folder in which the manager is made/,
  );
});

Deno.test("Parcels: of a folder that is included all files are taken, and of a module what that imports", async () => {
  await using project = makeProject();
  const parcels = parcelsOf(project, "deno.jsonc");
  const folder = new URL(`file://${encodeURI(project.file("é b"))}/`);
  const parcel = await parcels.of([], [folder, project.file("tasks.ts")]);
  assertEquals(filesFrom(parcel, project).includes("mapped/mapped.ts"), true);
  assertEquals(filesFrom(parcel, project).includes("é b/text.txt"), true);
});

Deno.test("Parcels: more modules may be included than one argument of a command can name, and what goes wrong is told in few words", async () => {
  await using project = new TempFolder();
  const folder = "scripts".repeat(30);
  Deno.mkdirSync(project.file(folder));
  const count = 600;
  for (let i = 0; i < count; i++) {
    project.write(`${folder}/${i}.ts`, `import "../shared/${i % 7}.ts";`);
  }
  Deno.mkdirSync(project.file("shared"));
  for (let i = 0; i < 7; i++) project.write(`shared/${i}.ts`, "export {};");
  const parcel = await parcelsOf(project, undefined).of([], [project.file(folder)]);
  const sent = filesFrom(parcel, project);
  assertEquals([sent.length, sent.filter((file) => file.startsWith("shared"))], [
    count + 7,
    [0, 1, 2, 3, 4, 5, 6].map((i) => `shared/${i}.ts`),
  ]);
  project.write("deno.json", "{ no JSON");
  const { message } = await assertRejects(
    () => parcelsOf(project, "deno.json").of([], [project.file(folder)]),
    Error,
  );
  assertMatch(
    message,
    /^Cannot find out which files belong to \S+\/slave\.ts, \S+(?:, \S+){8} and 591 more: .*deno\.json/s,
  );
  assert(message.length < 5000, message);
});

Deno.test("Parcels: of a folder that is included, pipes and links that lead nowhere are left out; a pipe that is named is refused", async () => {
  await using folder = new TempFolder();
  Deno.mkdirSync(folder.file("data"));
  folder.write("data/one.txt", "1");
  Deno.symlinkSync("nowhere", folder.file("data/link"));
  Deno.symlinkSync("loop", folder.file("data/loop"));
  Deno.symlinkSync("one.txt/below", folder.file("data/below"));
  Deno.symlinkSync("one.txt", folder.file("data/two.txt"));
  const pipe = folder.file("data/pipe");
  assertEquals((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success, true);
  const parcels = parcelsOf(folder, undefined);
  const parcel = await parcels.of([], [folder.file("data")]);
  assertEquals(filesFrom(parcel, folder), ["data/one.txt", "data/two.txt"]);
  await assertRejects(() => parcels.of([], [pipe]), Error, "it is neither a file nor a folder");
});

Deno.test("Parcels: a name of the import map means the same where it is put together when the code runs", async () => {
  await using project = makeProject();
  project.write("mapped/mapped.ts", "export const mapped = 1;");
  const tasks = `file://${project.file("tasks.ts")}`;
  const include = [project.file("mapped/other.ts")];
  await using laid = new LaidParcel(await parcelsOf(project, "deno.jsonc").of([tasks], include));
  const printed = await laid.run(
    `console.log((await (await import("${tasks}")).byName("other.ts")).join());`,
    "-R",
  );
  assertEquals(printed, `other,file://${laid.path}/files${project.path}/mapped/text.txt\n`);
});

Deno.test("Parcels: files and folders may have any names", async () => {
  await using project = new TempFolder();
  const folder = "we [ir]d%20 #?\\ é&'+;,\"$^|{}~\n";
  Deno.mkdirSync(project.file(folder));
  project.write(
    `${folder}/tasks.ts`,
    `import b from "./b%5C%23.ts";
    import data from "./d.json" with { type: "json" };
    export const all = () =>
      [b, data, Deno.readTextFileSync(new URL("e%5C%3F.txt", import.meta.url))];`,
  );
  project.write(`${folder}/b\\#.ts`, "export default 1;");
  project.write(`${folder}/d.json`, "2");
  project.write(`${folder}/e\\?.txt`, "3");
  const tasks = `file://${project.path}/${encodeURIComponent(folder)}/tasks.ts`;
  const include = [project.file(`${folder}/e\\?.txt`)];
  await using laid = new LaidParcel(await parcelsOf(project, undefined).of([tasks], include));
  const script = `console.log((await import(${JSON.stringify(tasks)})).all().join());`;
  assertEquals(await laid.run(script, "-R"), "1,2,3\n");
});

for (const [place, files] of Object.entries(OPTIONED_PROJECTS)) {
  Deno.test(`Parcels: modules run by the compiler options that stand in ${place}`, async () => {
    await using project = new OptionedProject(files);
    const { config } = project;
    const parcel = await parcelsOf(project, undefined, { config }).of([project.tasks], []);
    await using laid = new LaidParcel(parcel);
    const script = `console.log((await import("${project.tasks}")).all());`;
    assertEquals(await laid.run(script, "-R"), "3\n");
  });
}

Deno.test("Parcels: what the deno.json of a workspace switches on, and its names, hold for a member's modules", async () => {
  await using project = new TempFolder();
  Deno.mkdirSync(project.file("member"));
  const imports = { name: "./root.ts", "root-only": "./root.ts" };
  project.write(
    "deno.json",
    JSON.stringify({ workspace: ["./member"], unstable: ["kv"], imports }),
  );
  const named = { name: "./member.ts" };
  project.write("member/deno.json", JSON.stringify({ imports: named }));
  project.write("root.ts", 'export const from = "root";');
  project.write("member/member.ts", 'export const from = "member";');
  const tasks = project.write(
    "member/tasks.ts",
    `export const all = async (...names: string[]) => {
      const modules = await Promise.all(names.map((name) => import(name)));
      return [typeof (Deno as any).openKv, ...modules.map(({ from }) => from)].join(" ");
    };`,
  );
  const include = [project.file("root.ts"), project.file("member/member.ts")];
  const parcel = await parcelsOf(project, "member/deno.json").of([tasks], include);
  await using laid = new LaidParcel(parcel);
  const script = `console.log(await (await import("${tasks}")).all("name", "root-only"));`;
  assertEquals(await laid.run(script, "-R"), "function member root\n");
});

for (const config of ["package.json", "deno.json"]) {
  Deno.test(`Parcels: modules of a project whose package.json has the type commonjs are CommonJS, for a script that has a ${config}`, async () => {
    await using project = new TempFolder();
    project.write("package.json", '{ "type": "commonjs" }');
    project.write("deno.json", '{ "unstable": ["kv"] }');
    project.write("more.js", "exports.more = 1;");
    const tasks = project.write(
      "tasks.js",
      `const { more } = require("./more.js");
      exports.all = () => [typeof require("node:path").sep, more].join();`,
    );
    await using laid = new LaidParcel(await parcelsOf(project, config).of([tasks], []));
    const script = `console.log((await import("${tasks}")).all());`;
    assertEquals(await laid.run(script, "-R"), "string,1\n");
  });
}

for (const text of ["", "// Nothing yet.\n/* Nothing */"]) {
  Deno.test(`Parcels: a deno.json may ${text === "" ? "be empty" : "have comments alone"}`, async () => {
    await using project = new TempFolder();
    project.write("deno.json", text);
    const tasks = project.write("tasks.ts", "export const all = () => 1;");
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const parcel = await parcelsOf(project, "deno.json", { warn }).of([tasks], []);
    assertEquals([filesFrom(parcel, project), warnings], [["tasks.ts"], []]);
  });
}

Deno.test("Parcels: a deno.json that Deno takes though it is no JSON is told once, and what modules import is sent all the same", async () => {
  await using project = new TempFolder();
  project.write("deno.json", `{ imports: { 'named': './named.ts' } }`);
  project.write("named.ts", "export const named = 1;");
  const tasks = project.write(
    "tasks.ts",
    'import { named } from "named"; export const all = () => named;',
  );
  const warnings: string[] = [];
  const parcels = parcelsOf(project, "deno.json", { warn: (message) => warnings.push(message) });
  await using laid = new LaidParcel(await parcels.of([tasks], []));
  await parcels.of([tasks], [project.file("named.ts")]);
  const script = `console.log((await import("${tasks}")).all());`;
  assertEquals(await laid.run(script, "-R"), "1\n");
  assertEquals(warnings.length, 1);
  assert(warnings[0].startsWith(`Cannot read ${project.file("deno.json")} as JSON`), warnings[0]);
});

for (
  const [isOwnFile, above] of [[false, ""], [true, ""], [false, "we [ir]d^|/"]] as const
) {
  const where = `${isOwnFile ? " in a file of its own" : ""}${above && ` in a folder ${above}`}`;
  Deno.test(`Parcels: scopes of an import map${where} hold where a name is put together when the code runs`, async () => {
    await using project = new TempFolder();
    Deno.mkdirSync(project.file(`${above}sub`), { recursive: true });
    const map = {
      imports: { x: "./x1.ts", "./other.ts": "./x2.ts" },
      scopes: { "./sub/": { x: "./x2.ts" } },
    };
    project.write(`${above}deno.json`, JSON.stringify(isOwnFile ? { importMap: "map.json" } : map));
    if (isOwnFile) project.write("map.json", JSON.stringify(map));
    for (const number of [1, 2]) {
      project.write(`${above}x${number}.ts`, `export const x = ${number};`);
    }
    const load = 'async (name: string) => (await import(name + ""))["x"]';
    project.write(`${above}sub/inner.ts`, `export const inner = ${load};`);
    project.write(
      `${above}tasks.ts`,
      `export { inner } from "./sub/inner.ts"; export const outer = ${load};`,
    );
    const tasks = new URL(`${above}tasks.ts`, `file://${project.path}/`).href;
    const include = [project.file(`${above}x1.ts`), project.file(`${above}x2.ts`)];
    const parcels = parcelsOf(project, `${above}deno.json`);
    await using laid = new LaidParcel(await parcels.of([tasks], include));
    const script = `const { inner, outer } = await import("${tasks}");
      console.log(await outer("x"), await inner("x"), await outer("./other.ts"));`;
    assertEquals(await laid.run(script, "-R"), "1 2 2\n");
  });
}

Deno.test("Parcels: files that are imported as texts or bytes are taken, and nothing that a text imports", async () => {
  await using project = new TempFolder();
  project.write("deno.json", '{ "unstable": ["raw-imports"] }');
  project.write("text.txt", "a text");
  project.write("source.ts", 'import "./missing.ts";');
  project.write("bytes.bin", "bytes");
  const tasks = project.write(
    "tasks.ts",
    `import text from "./text.txt" with { type: "text" };
    import source from "./source.ts" with { type: "text" };
    import bytes from "./bytes.bin" with { type: "bytes" };
    export const all = () => [text, source, bytes.length];`,
  );
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  const parcel = await parcelsOf(project, "deno.json", { warn }).of([tasks], []);
  await using laid = new LaidParcel(parcel);
  assertEquals(
    await laid.run(`console.log((await import("${tasks}")).all().join());`, "-R"),
    'a text,import "./missing.ts";,5\n',
  );
  assertEquals(warnings, []);
});

Deno.test("Parcels: modules of a server, and where it redirects to, are laid in Deno's cache, under their own URLs", async () => {
  await using project = new TempFolder();
  await using server = new ModuleServer({
    "/a.ts": 'export { b } from "/b/b.ts"; export const url: string = import.meta.url;',
    "/c.ts": "export const c = 3;",
    "/b/b.ts": 'import { c } from "c"; export const b: number = c;',
  });
  const { origin } = server;
  project.write("deno.json", JSON.stringify({ imports: { c: `${origin}/c.ts?new=1` } }));
  const tasks = project.write(
    "tasks.ts",
    `import { b, url } from "${origin}/to/a.ts"; export const all = () => [b, url];`,
  );
  const parcel = await parcelsOf(project, "deno.json").of([tasks], []);
  await using laid = new LaidParcel(parcel);
  await server[Symbol.asyncDispose]();
  assertEquals(
    await laid.run(`console.log((await import("${tasks}")).all());`, "-R", "--allow-import"),
    `[ 3, "${origin}/a.ts" ]\n`,
  );
});

Deno.test("Parcels: modules of a server that the project has in its folder vendor are taken as they stand there", async () => {
  await using project = new TempFolder();
  await using server = new ModuleServer({
    "/a.ts": 'export { b } from "/to/b/b.ts"; export const url: string = import.meta.url;',
    "/b/b.ts": 'import { c } from "c"; export const b: number = c;',
  });
  const { origin } = server;
  project.write("deno.json", '{ "vendor": true, "imports": { "c": "./c.ts" } }');
  project.write("c.ts", "export const c = 3;");
  const tasks = project.write(
    "tasks.ts",
    `import { b, url } from "${origin}/a.ts"; export const all = () => [b, url];`,
  );
  const warnings: string[] = [];
  const parcels = parcelsOf(project, "deno.json", { warn: (message) => warnings.push(message) });
  await parcels.of([tasks], []);
  await server[Symbol.asyncDispose]();
  const vendored = `vendor/http_${server.host.replace(":", "_")}/b/b.ts`;
  project.write(vendored, 'import { c } from "c"; export const b: number = 2 * c;');
  await using laid = new LaidParcel(await parcels.of([tasks], []));
  assertEquals(
    await laid.run(`console.log((await import("${tasks}")).all());`, "-R", "--allow-import"),
    `[ 6, "${origin}/a.ts" ]\n`,
  );
  assertEquals(warnings, []);
});

for (const config of ["package.json", "deno.json"]) {
  Deno.test(`Parcels: packages that are installed in node_modules are taken, with those that they need, for a script that has a ${config}`, async () => {
    await using project = new TempFolder();
    const install = (name: string, manifest: object, source: string, inside = "") => {
      const folder = `${inside}node_modules/${name}`;
      Deno.mkdirSync(project.file(folder), { recursive: true });
      project.write(
        `${folder}/package.json`,
        JSON.stringify({ name, version: "1.0.0", ...manifest }),
      );
      project.write(`${folder}/index.js`, source);
    };
    install(
      "outer",
      { dependencies: { inner: "1" } },
      'module.exports = "outer of " + require("inner");',
    );
    install("inner", {}, 'module.exports = "inner";', "node_modules/outer/");
    install("other", {}, 'module.exports = "not needed";');
    project.write("package.json", '{ "dependencies": { "outer": "1" } }');
    project.write("deno.json", '{ "nodeModulesDir": "manual" }');
    const tasks = project.write(
      "tasks.ts",
      'import outer from "outer"; export const all = () => outer;',
    );
    const parcel = await parcelsOf(project, config).of([tasks], []);
    assertEquals(filesFrom(parcel, project), [
      "node_modules/outer/index.js",
      "node_modules/outer/node_modules/inner/index.js",
      "node_modules/outer/node_modules/inner/package.json",
      "node_modules/outer/package.json",
      "package.json",
      "tasks.ts",
    ]);
    await using laid = new LaidParcel(parcel);
    const script = `console.log((await import("${tasks}")).all());`;
    assertEquals(await laid.run(script, "-R"), "outer of inner\n");
  });
}

for (const store of [".deno", ".pnpm"]) {
  Deno.test(`Parcels: packages that node_modules has links to, in ${store}, are taken, each with the versions that it needs`, async () => {
    await using project = new TempFolder();
    const install = (name: string, version: number, dependencies: string[], source: string) => {
      const folder = `node_modules/${store}/${name}@${version}/node_modules`;
      Deno.mkdirSync(project.file(`${folder}/${name}`), { recursive: true });
      const needed = dependencies.map((id) => id.split("@"));
      const manifest = {
        name,
        version: `${version}.0.0`,
        dependencies: Object.fromEntries(needed),
      };
      project.write(`${folder}/${name}/package.json`, JSON.stringify(manifest));
      project.write(`${folder}/${name}/index.js`, source);
      for (const [dependency, version] of needed) {
        const target = `../../${dependency}@${version}/node_modules/${dependency}`;
        Deno.symlinkSync(target, project.file(`${folder}/${dependency}`));
      }
    };
    install("outer", 1, ["inner@1"], 'module.exports = "outer of " + require("inner");');
    install("inner", 1, ["deep@2"], 'module.exports = "inner of " + require("deep");');
    // They need each other.
    install("deep", 2, ["other@1"], 'require("other"); module.exports = "deep 2";');
    install("other", 1, ["deep@2"], 'require("deep");');
    install("deep", 1, [], 'module.exports = "deep 1";');
    Deno.mkdirSync(project.file(`node_modules/${store}/node_modules`));
    const links = [["deep", 1, `${store}/node_modules/`, "../"], ["outer", 1, "", `${store}/`]];
    for (const [name, version, folder, to] of links) {
      const target = `${to}${name}@${version}/node_modules/${name}`;
      Deno.symlinkSync(target, project.file(`node_modules/${folder}${name}`));
    }
    project.write("package.json", '{ "dependencies": { "outer": "1" } }');
    const tasks = project.write(
      "tasks.ts",
      'import outer from "outer"; export const all = () => outer;',
    );
    await using laid = new LaidParcel(await parcelsOf(project, "package.json").of([tasks], []));
    const script = `console.log((await import("${tasks}")).all());`;
    assertEquals(await laid.run(script, "-R"), "outer of inner of deep 2\n");
  });
}

Deno.test("Parcels: what cannot be read of the modules is told once, and of a missing one the task that imports it", async () => {
  await using project = new TempFolder();
  const warnings: string[] = [];
  const parcels = parcelsOf(project, undefined, {
    permissions: "none",
    warn: (message) => warnings.push(message),
  });
  const tasks = project.write(
    "tasks.ts",
    'import "http://nowhere.invalid/x.ts"; import "./missing.ts"; export const f = () => 1;',
  );
  await parcels.of([tasks], []);
  await parcels.of([tasks, "file:///also.ts"], []);
  assertEquals(warnings.length, 1);
  assertMatch(
    warnings[0],
    /^Cannot send http:\/\/nowhere\.invalid\/x\.ts to slaves: .*import access/,
  );
});
