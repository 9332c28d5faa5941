import { assertEquals } from "@std/assert";
import { TempFolder } from "./support/temp_folder.ts";

/** Copies what the example needs, so that its output files do not come to lie among the sources. */
async function copyOfTheProject(): Promise<TempFolder> {
  const folder = new TempFolder();
  for (const name of ["deno.json", "deno.lock", "mod.ts", "slave.ts", "lib", "examples"]) {
    await copy(new URL(`../${name}`, import.meta.url), folder.file(name));
  }
  return folder;
}

async function copy(source: URL, target: string): Promise<void> {
  if ((await Deno.stat(source)).isFile) return await Deno.copyFile(source, target);
  await Deno.mkdir(target);
  for await (const { name } of Deno.readDir(source)) {
    await copy(new URL(`${source.href}/${name}`), `${target}/${name}`);
  }
}

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
