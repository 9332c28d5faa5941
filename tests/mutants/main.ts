/**
 * Puts each mistake of `mutants.ts` into a copy of the project, and runs the test that is to see it: `deno task mutants`, or
 * `deno task mutants WORDS` for those whose names contain the words.
 *
 * @module
 */

import { copyOfTheProject } from "../support/project_copy.ts";
import type { TempFolder } from "../support/temp_folder.ts";
import { type Mutant, MUTANTS } from "./mutants.ts";

async function main(words: string): Promise<void> {
  const mutants = MUTANTS.filter(({ name }) => name.includes(words));
  if (mutants.length === 0) {
    throw new Error(`No mistake of tests/mutants/mutants.ts has "${words}" in its name`);
  }
  await using copy = await copyOfTheProject("tests", "docs", ".ci", "README.md", "CONTRIBUTING.md");
  const width = Math.max(...mutants.map(({ name }) => name.length));
  // A test that fails anyway would catch everything.
  for (const test of new Set(mutants.map(({ test }) => test))) {
    if (!await passes(test, copy)) throw new Error(`Without any mistake ${test} fails`);
  }
  let caught = 0;
  for (const mutant of mutants) {
    const startMs = performance.now();
    const isCaught = await fails(mutant, copy);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1).padStart(5);
    console.log(`${mutant.name.padEnd(width)}  ${seconds} s  ${isCaught ? "caught" : "MISSED"}`);
    if (isCaught) caught++;
  }
  console.log(`\n${caught} of ${mutants.length} caught`);
  Deno.exitCode = caught === mutants.length ? 0 : 1;
}

/** Whether a mutant's test fails. */
async function fails(
  { name, file, right, wrong, test }: Mutant,
  copy: TempFolder,
): Promise<boolean> {
  const path = copy.file(file);
  const text = await Deno.readTextFile(path);
  if (text.split(right).length !== 2) {
    throw new Error(`Cannot make the mutant "${name}": ${file} does not have once: ${right}`);
  }
  await Deno.writeTextFile(path, text.replace(right, () => wrong));
  try {
    return !await passes(test, copy);
  } finally {
    await Deno.writeTextFile(path, text);
  }
}

async function passes(test: string, copy: TempFolder): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    // Other tests may wait for ever for what a mistake keeps from happening.
    args: ["test", "--allow-all", "--no-check", "--quiet", "--fail-fast", test],
    cwd: copy.path,
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}

await main(Deno.args.join(" "));
