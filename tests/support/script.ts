import type { TempFolder } from "./temp_folder.ts";

/** URL of the module, for scripts elsewhere. */
export const MODULE_URL = new URL("../../mod.ts", import.meta.url).href;

/** How a script ended. */
export interface ScriptEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a script in a process of its own.
 *
 * @param folder Gets the script as `main.ts`; the process runs in it.
 * @param flags Permissions and other options of `deno run`.
 * @param env Variables that its environment has beside this one's.
 */
export async function runScript(
  folder: TempFolder,
  source: string,
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ScriptEnd> {
  const { code, stdout, stderr } = await scriptCommand(folder, source, flags, { env }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/**
 * Has a script that is to end by SIGHUP take itself for one of a terminal. Where a busy machine starts it late, what was ignored at its
 * start cannot be read any more: without a terminal it would be taken for one that `nohup` has started.
 *
 * It is the script's first import, because imports are run before all statements.
 */
export const IN_TERMINAL = `import "data:text/javascript,${
  encodeURIComponent("Deno.stdin.isTerminal = () => true;")
}";\n`;

/** Starts a script as {@linkcode runScript} does; what it prints is dropped. */
export function startScript(
  folder: TempFolder,
  source: string,
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Deno.ChildProcess {
  return scriptCommand(folder, source, flags, { output: "null", env }).spawn();
}

function scriptCommand(
  folder: TempFolder,
  source: string,
  flags: readonly string[],
  { output = "piped", env = {} }: {
    output?: "piped" | "null";
    env?: Readonly<Record<string, string>>;
  },
): Deno.Command {
  folder.write("main.ts", source);
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...flags, "main.ts"],
    cwd: folder.path,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: output,
    stderr: output,
  });
}
