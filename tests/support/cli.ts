import type { ScriptEnd } from "./script.ts";
import type { TempFolder } from "./temp_folder.ts";

const CLI = new URL("../../cli.ts", import.meta.url).href;

/** How the command line is started. */
export interface CliOptions {
  /** Standard input; none by default. */
  readonly stdin?: string | Uint8Array<ArrayBuffer>;
  /** Permissions; all by default. */
  readonly flags?: readonly string[];
  /** Variables that its environment has beside this one's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts `cli.ts` in a folder, with standard input and output as pipes. */
export function startCli(
  folder: TempFolder,
  words: readonly string[],
  { flags = ["-A"], env = {} }: CliOptions = {},
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-check", ...flags, CLI, ...words],
    cwd: folder.path,
    env: { NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs `cli.ts` in a folder. */
export async function runCli(
  folder: TempFolder,
  words: readonly string[],
  options: CliOptions = {},
): Promise<ScriptEnd> {
  const child = startCli(folder, words, options);
  const input = new Blob([options.stdin ?? ""]).stream();
  // It may end before it has read everything.
  const given = input.pipeTo(child.stdin).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await given;
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
