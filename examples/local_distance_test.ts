import { assert, assertEquals } from "@std/assert";
import { copyOfTheProject } from "../tests/support/project_copy.ts";

Deno.test("the task demo: prints ten distances and their scores, and nothing else", async () => {
  await using folder = await copyOfTheProject();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "demo"],
    cwd: folder.path,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [head, ...rows] = new TextDecoder().decode(stdout).trimEnd().split("\n");
  const expected = Array.from({ length: 10 }, (_, d) => {
    const score = 0.5 * 0.1 * (d - 1) ** 2;
    return `${d.toFixed(1).padStart(8)} ${score.toFixed(2).padStart(8)}`;
  });
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals([head, ...rows.sort()], ["distance    score", ...expected]);
  assertEquals(code, 0);
});

Deno.test("the task demo: fetches no package, which it would not use", async () => {
  await using folder = await copyOfTheProject();
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "demo"],
    cwd: folder.path,
    env: { NO_COLOR: "1", DENO_DIR: folder.file("cache") },
    stdin: "null",
    stdout: "null",
  }).output();
  assertEquals([new TextDecoder().decode(stderr), code], ["", 0]);
  assert(folder.names("cache").includes("gen"));
  assertEquals(folder.names("cache/npm"), []);
});
