import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const PAGE = Deno.readTextFileSync(new URL("docs/architecture.md", ROOT));
/** Rooms that the picture leaves out, as it says. */
const ALONE = ["lib/report/", "lib/random/", "lib/cli/", "lib/files/"];
/** More would be a hall. */
const MAX_FILES = 15;

interface Source {
  readonly path: string;
  readonly text: string;
}

/** Folders of `tests/` for what is more than one file of the project. */
const WHOLE = [
  "tests/system/",
  "tests/grid/",
  "tests/project/",
  "tests/mutants/",
  "tests/support/",
];

/** All TypeScript files of a folder, and of those in it. */
function sourcesOf(folder: string): Source[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}${name}`;
    if (isDirectory) return sourcesOf(`${path}/`);
    return path.endsWith(".ts") ? [{ path, text: Deno.readTextFileSync(new URL(path, ROOT)) }] : [];
  });
}

const SOURCES = sourcesOf("lib/");
/** The rooms of the picture, by their names there. */
const ROOMS = new Map(
  [...PAGE.matchAll(/(\w+)\["(lib\/[\w/]+\/)<br>/g)].map(([, name, folder]) => [name, folder]),
);

/** The room that a file is in: the innermost. */
function roomOf(path: string): string | undefined {
  const rooms = [...ROOMS].filter(([, folder]) => path.startsWith(folder));
  return rooms.toSorted(([, a], [, b]) => b.length - a.length)[0]?.[0];
}

Deno.test("docs/architecture.md: its arrows are the imports between the rooms", () => {
  const drawn = [...PAGE.matchAll(/^ {2}(\w+)(?:\[".*?"\])? --> (\w+)/gm)]
    .map(([, from, to]) => `${from} --> ${to}`);
  const real = new Set<string>();
  for (const { path, text } of SOURCES) {
    const from = roomOf(path);
    for (const [, a, b] of text.matchAll(/(?:from|import) "(\.[^"]+)"|import\(\s*"(\.[^"]+)"/g)) {
      const target = new URL(a ?? b, new URL(path, ROOT)).href.slice(ROOT.href.length);
      const to = roomOf(target);
      // What the master has for all of its rooms is left out.
      if (from === undefined || to === undefined || from === to || to === "master") continue;
      real.add(`${from} --> ${to}`);
    }
  }
  assertEquals(drawn.sort(), [...real].sort());
});

Deno.test("docs/architecture.md: has every folder of lib/", () => {
  const folders = new Set(SOURCES.map(({ path }) => path.slice(0, path.lastIndexOf("/") + 1)));
  const rooms = [...ROOMS.values(), ...ALONE];
  for (const folder of folders) {
    assert(
      folder === "lib/" || rooms.some((room) => folder.startsWith(room)),
      `${folder} is no room of docs/architecture.md: draw it there, or name it in ALONE of this test`,
    );
    // Also those within a room: one has to find out somewhere what they are for.
    assert(
      rooms.includes(folder) || PAGE.includes(`\`${folder}\``),
      `docs/architecture.md does not say what ${folder} is for`,
    );
  }
});

Deno.test("docs/architecture.md: the files and names that it names exist", () => {
  const texts = SOURCES.map(({ text }) => text).join("\n");
  const words = [...PAGE.replace(/```.*?```/gs, "").matchAll(/`([^`]+)`/g)].map(([, word]) => word);
  assert(words.length > 40);
  for (const word of words) {
    const missing = `docs/architecture.md names ${word}, which is not there`;
    if (/^[\w/]+(\/|\.ts)$/.test(word)) {
      assert(Deno.statSync(new URL(word, ROOT)) !== undefined, missing);
    } else if (/^[A-Z]\w+\.\w+\(\)$/.test(word)) {
      const [, owner, method] = /^(\w+)\.(\w+)\(\)$/.exec(word)!;
      const source = SOURCES.find(({ text }) =>
        new RegExp(`^export (?:abstract )?class ${owner}\\b`, "m").test(text)
      );
      assert(source !== undefined, missing);
      assert(new RegExp(`^ {2}(?:async )?${method}[(<]`, "m").test(source.text), missing);
    } else if (/^[A-Z]\w+$/.test(word)) {
      assert(
        new RegExp(`^export (?:(?:abstract )?class|interface|type) ${word}\\b`, "m").test(texts),
        missing,
      );
    } else if (/^\w+\(\)$/.test(word)) {
      assert(
        new RegExp(`^export (?:async )?function ${word.slice(0, -2)}\\b`, "m").test(texts),
        missing,
      );
    } else {
      assert(["maxAttempts", "deno task mutants"].includes(word), missing);
    }
  }
});

Deno.test("lib/: no folder has more than 15 files", () => {
  const counts = Map.groupBy(SOURCES, ({ path }) => path.slice(0, path.lastIndexOf("/") + 1));
  for (const [folder, { length }] of counts) {
    assert(
      length <= MAX_FILES,
      `${folder} has ${length} files, of ${MAX_FILES} at most: put files that belong together into a folder of their own`,
    );
  }
});

Deno.test("tests/: stand in folders as those of lib/, and begin with the name of the file there that they test", () => {
  const programs = [...Deno.readDirSync(ROOT)].map(({ name }) => name);
  for (const { path } of sourcesOf("tests/")) {
    const [, folder, name] = /^tests\/(.*?)([^/]+)_test\.ts$/.exec(path) ?? [];
    if (name === undefined || WHOLE.some((whole) => path.startsWith(whole))) continue;
    const files = SOURCES.map((source) => source.path)
      .filter((file) => file.startsWith(`lib/${folder}`))
      .map((file) => file.slice(`lib/${folder}`.length));
    const isOfFile = [...files, ...programs]
      .map((file) => file.replace(/\.ts$/, ""))
      .some((file) => name === file || name.startsWith(`${file}_`));
    assert(isOfFile, `${path} begins with the name of no file in lib/${folder}`);
  }
});
