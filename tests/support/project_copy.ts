import { TempFolder } from "./temp_folder.ts";

/**
 * Copies what users of the project have of it, so that files which scripts write do not come to lie among the sources.
 * The folder `bin` there has a `deno`, for commands that ask for it by name.
 *
 * @param more What else is copied, files or folders.
 */
export async function copyOfTheProject(...more: readonly string[]): Promise<TempFolder> {
  const folder = new TempFolder();
  const names = [
    "deno.json",
    "deno.lock",
    "import_map.json",
    "mod.ts",
    "slave.ts",
    "report.ts",
    "random.ts",
    "cli.ts",
    "progress.ts",
    "lib",
    "examples",
  ];
  for (const name of [...names, ...more]) {
    await copy(new URL(`../../${name}`, import.meta.url), folder.file(name));
  }
  await Deno.mkdir(folder.file("bin"));
  await Deno.symlink(Deno.execPath(), folder.file("bin/deno"));
  return folder;
}

async function copy(source: URL, target: string): Promise<void> {
  if ((await Deno.stat(source)).isFile) return await Deno.copyFile(source, target);
  await Deno.mkdir(target);
  for await (const { name } of Deno.readDir(source)) {
    await copy(new URL(`${source.href}/${name}`), `${target}/${name}`);
  }
}

/** Runs lines of a shell in the copy, as a user who reads them does. */
export async function runInCopy(
  folder: TempFolder,
  lines: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-e", "-c", lines],
    cwd: folder.path,
    env: { NO_COLOR: "1", PATH: `${folder.file("bin")}:${Deno.env.get("PATH")}` },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
