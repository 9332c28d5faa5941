import { assertEquals } from "@std/assert";
import { TempFolder } from "./temp_folder.ts";

const ROOT = new URL("../../", import.meta.url);
/** What a terminal or a diagram shows is no code. */
const NOT_CODE = ["text", "mermaid"];

interface Block {
  readonly language: string;
  readonly text: string;
}

/**
 * A document of the project, whose blocks of code are run by tests: scripts and their commands as they stand there. Where something
 * has to differ, the test says what, and why.
 */
export class Document {
  /** Its path in the project. */
  readonly path: string;
  /** All of it. */
  readonly text: string;
  /** Its blocks of code. */
  readonly blocks: readonly Block[];
  readonly #used = new Set<Block>();

  /** @param path Its path in the project, such as `docs/guide.md`. */
  constructor(path: string) {
    this.path = path;
    this.text = Deno.readTextFileSync(new URL(path, ROOT));
    this.blocks = [...this.text.matchAll(/^ *```(.*)\n([^]*?)^ *```$/gm)]
      .map(([, language, text]) => ({ language, text }));
  }

  /** The block that has some text in it, for a test to run. */
  block(language: string, part: string): string {
    const found = this.blocks.filter(({ language: its, text }) =>
      its === language && text.includes(part)
    );
    assertEquals(found.length, 1, `blocks of ${language} with ${part} in ${this.path}`);
    this.#used.add(found[0]);
    return atHome(found[0].text);
  }

  /** The script of some name, which it says in its first line. */
  script(name: string): string {
    return this.block("ts", `// ${name}\n`);
  }

  /** Defines the last test of the document: no block has been left out by the others. */
  testThatEachBlockIsRun(): void {
    Deno.test(`${this.path}: has no block that is not run`, () => {
      const left = this.blocks.filter((block) => isCode(block) && !this.#used.has(block));
      assertEquals(left, []);
    });
  }
}

/** Whether something is to be run. */
export function isCode({ language }: Block): boolean {
  return !NOT_CODE.includes(language);
}

/** Puts the folder that the project really is in for the one that it has in the documents. */
function atHome(text: string): string {
  return text.replaceAll("/home/me/parallel/", decodeURIComponent(ROOT.pathname));
}

/**
 * A user's own folder, with the `deno.json` of the README. A `deno` is in its `bin`, for `runInCopy()`.
 *
 * @param files What else is in it, by name.
 */
export async function ownFolder(files: Readonly<Record<string, string>>): Promise<TempFolder> {
  const folder = new TempFolder();
  folder.write("deno.json", new Document("README.md").block("json", "imports"));
  for (const [name, text] of Object.entries(files)) folder.write(name, text);
  await Deno.mkdir(folder.file("bin"));
  await Deno.symlink(Deno.execPath(), folder.file("bin/deno"));
  return folder;
}
