/** Why no terminal can be made here; `undefined` if one can. */
export const missingTerminal: string | undefined = hasScript()
  ? undefined
  : "there is no script(1) to make a terminal with";

function hasScript(): boolean {
  try {
    return new Deno.Command("script", { args: ["--version"] }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Runs Deno on a terminal, whose user types nothing, and hangs up when asked for a permission.
 *
 * @param words What follows `deno`, as words of a shell; `"$DENO"` is Deno's path there.
 * @param folder The folder that it runs in.
 * @returns What the terminal shows.
 */
export async function onTerminal(words: string, folder: string): Promise<string> {
  const child = new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", `"$DENO" ${words}`, "/dev/null"],
    cwd: folder,
    env: { DENO: Deno.execPath(), NO_COLOR: "1", SHELL: "/bin/sh" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const decoder = new TextDecoder();
  let shown = "";
  for await (const bytes of child.stdout) {
    shown += decoder.decode(bytes, { stream: true });
    if (!shown.includes("Allow?")) continue;
    child.kill("SIGTERM");
    break;
  }
  // The end of the input would be the end of the terminal, so it stays open as long as the script runs.
  await child.stdin.close().catch(() => {}); // Nobody reads it any more.
  await child.status;
  return shown;
}
