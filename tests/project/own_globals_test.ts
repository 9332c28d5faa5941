import { assertEquals } from "@std/assert";

const LIB = new URL("../../lib/", import.meta.url);
/** Clocks and timers, which tests of users replace, and how they are used. */
const USES: Record<string, RegExp> = {
  performance: /\bperformance\.now\(/,
  setTimeout: /(?<![.\w])setTimeout\(/,
  clearTimeout: /(?<![.\w])clearTimeout\(/,
  setInterval: /(?<![.\w])setInterval\(/,
  clearInterval: /(?<![.\w])clearInterval\(/,
  queueMicrotask: /(?<![.\w])queueMicrotask\(/,
};
Deno.test("lib: beside code of users, clocks and timers are those of own_globals.ts, which nobody can replace", () => {
  const missing: string[] = [];
  for (const path of filesIn("")) {
    if (path === "own_globals.ts") continue;
    const code = Deno.readTextFileSync(new URL(path, LIB)).replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "");
    const imported = /import \{([^}]*)\} from "[./]*own_globals\.ts"/.exec(code)?.[1] ?? "";
    for (const [name, use] of Object.entries(USES)) {
      if (use.test(code) && !imported.includes(name)) {
        missing.push(`${path} does not import ${name}`);
      }
    }
  }
  assertEquals(missing, []);
});

function* filesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, LIB))) {
    if (isDirectory) yield* filesIn(`${folder}${name}/`);
    else yield folder + name;
  }
}
