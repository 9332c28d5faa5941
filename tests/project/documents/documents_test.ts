import { assert, assertEquals } from "@std/assert";
import { Document, isCode, ownFolder } from "../../support/document.ts";
import { runInCopy } from "../../support/project_copy.ts";

const ROOT = new URL("../../../", import.meta.url);

/** All documents of the project. */
const DOCUMENTS = [...namesIn(""), ...namesIn("docs/"), "examples/data/README.md"]
  .filter((path) => path.endsWith(".md"))
  .map((path) => new Document(path));

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].map(({ name }) => `${folder}${name}`);
}

/** What a link to a heading ends with. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
}

function anchorsOf({ text }: Document): string[] {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, "");
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading));
}

Deno.test("documents: each that has blocks of code has a test that runs them", () => {
  const folder = new URL("./", import.meta.url);
  const tests = [...Deno.readDirSync(folder)]
    .map(({ name }) => Deno.readTextFileSync(new URL(name, folder)));
  for (const { path, blocks } of DOCUMENTS) {
    if (!blocks.some(isCode)) continue;
    const isTested = tests.some((text) => {
      const [, name] =
        new RegExp(`^const (\\w+) = new Document\\("${path}"\\);$`, "m").exec(text) ??
          [];
      return name !== undefined && text.includes(`${name}.testThatEachBlockIsRun();`);
    });
    assert(isTested, `No test here runs the blocks of ${path}`);
  }
});

Deno.test("documents: all scripts in them are correct TypeScript", async () => {
  await using folder = await ownFolder({});
  const tasks = new Document("docs/guide.md").script("tasks.ts");
  for (const [number, { blocks }] of DOCUMENTS.entries()) {
    // Two documents may have scripts of one name. Those that have no tasks use the guide's.
    Deno.mkdirSync(folder.file(`${number}`));
    folder.write(`${number}/tasks.ts`, tasks);
    for (const { language, text } of blocks) {
      const [, name] = /^\/\/ (\S+\.ts)$/m.exec(text) ?? [];
      if (language === "ts") folder.write(`${number}/${name}`, text);
    }
  }
  const { code, stderr } = await runInCopy(folder, "deno check");
  assertEquals(code, 0, stderr);
});

Deno.test("documents: what they link to is there, headings too", () => {
  for (const { path, text } of DOCUMENTS) {
    for (const [link, target] of text.matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)) {
      const [file, anchor] = target.split("#");
      const url = new URL(file === "" ? path : file, new URL(path, ROOT));
      const isFile = file === "" ? ROOT.href + path : url.href;
      Deno.statSync(new URL(isFile));
      if (anchor === undefined) continue;
      const linked = new Document(isFile.slice(ROOT.href.length));
      assert(anchorsOf(linked).includes(anchor), `${path}: ${link}`);
    }
  }
});
