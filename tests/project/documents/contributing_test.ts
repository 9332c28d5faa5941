import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Document } from "../../support/document.ts";

const ROOT = new URL("../../../", import.meta.url);
const CONTRIBUTING = new Document("CONTRIBUTING.md");
const TASKS = CONTRIBUTING.block("sh", "deno task mutants");
const BENCH = CONTRIBUTING.block("sh", "deno task bench");
const GRID = CONTRIBUTING.block("sh", "tests/grid/cluster.sh");
const SLURM = CONTRIBUTING.block("sh", "tests/grid/slurm.sh");
const CHROMIUM = CONTRIBUTING.block("sh", "tests/grid/chromium.sh");
const SSHD = CONTRIBUTING.block("sh", "tests/grid/sshd.sh");

const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));

Deno.test("CONTRIBUTING.md: there are the tasks and the files that it names", () => {
  // To run them would be to run this test again.
  const { tasks } = JSON.parse(read("deno.json"));
  const named = [...CONTRIBUTING.text.matchAll(/deno task (\w+)/g)].map(([, name]) => name);
  assert(named.length > 0);
  for (const name of named) assert(name in tasks, name);
  for (const [name, { description }] of Object.entries<{ description?: string }>(tasks)) {
    assert(description !== undefined, `The task ${name} of deno.json has no description`);
  }
  for (const line of `${TASKS}${BENCH}`.trim().split("\n")) assertMatch(line, /^deno task \w+ .*#/);
  for (
    const [, path] of CONTRIBUTING.text.matchAll(/`((?:lib|tests|bench|docs)\/[\w/.]*|\w+\.ts)`/g)
  ) {
    Deno.statSync(new URL(path, ROOT));
  }
});

Deno.test("CONTRIBUTING.md: the names in its list of what a release changes are there", () => {
  const { version } = JSON.parse(read("deno.json"));
  assertStringIncludes(read("lib/wire/handshake.ts"), `export const VERSION = "${version}";`);
  assertMatch(read("lib/wire/handshake.ts"), /^export const PROTOCOL_VERSION = \d+;$/m);
  assertMatch(read("lib/master/journal/journal_file.ts"), /^const VERSION = \d+;$/m);
  assertMatch(read("CHANGELOG.md"), /^## Unreleased$/m);
});

for (
  const [what, commands, name, filter, files] of [
    ["Grid Engine", GRID, "cluster", "cluster", ["support/grid_cluster.ts"]],
    ["Slurm", SLURM, "slurm", "Slurm", ["support/slurm_cluster.ts"]],
    ["sshd", SSHD, "sshd", "sshd", ["support/ssh_far.ts"]],
    ["Chromium", CHROMIUM, "chromium", "browser", ["support/browser.ts", "system/browser_test.ts"]],
  ] as const
) {
  Deno.test(`CONTRIBUTING.md: the commands for a real ${what} are those that there are`, () => {
    const script = read(`tests/grid/${name}.sh`);
    const source = files.map((path) => read(`tests/${path}`)).join("");
    const variable = `PARALLEL_TEST_${name.toUpperCase()}`;
    for (const line of commands.trim().split("\n")) {
      // They need root, and take minutes.
      const [, command] = new RegExp(`^tests/grid/${name}\\.sh (\\w+)$`).exec(line) ?? [];
      if (command === undefined) {
        assertEquals(line, `${variable}=1 deno task test ${filter}`);
        assertStringIncludes(source, `"${variable}"`);
        assertMatch(source, new RegExp(`\`${filter}: \\$\\{\\w+\\}\`|name: "${filter}",`));
      } else assertMatch(script, new RegExp(`^#   ${name}\\.sh ${command} `, "m"));
    }
  });
}

CONTRIBUTING.testThatEachBlockIsRun();
