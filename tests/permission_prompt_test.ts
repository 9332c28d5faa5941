import { assert, assertStringIncludes } from "@std/assert";
import { MODULE_URL } from "./support/script.ts";
import { skipIf } from "./support/skip.ts";
import { TempFolder } from "./support/temp_folder.ts";

const missingTerminal = hasScript() ? undefined : "there is no script(1) to make a terminal with";

function hasScript(): boolean {
  try {
    return new Deno.Command("script", { args: ["--version"] }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs a script of the folder on a terminal, whose user hangs up when asked; returns what the terminal shows. */
async function onTerminal(folder: TempFolder, source: string, flags: string): Promise<string> {
  folder.write("main.ts", source);
  const command = `"$DENO" run --no-check ${flags} main.ts`;
  const child = new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", command, "/dev/null"],
    cwd: folder.path,
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

const READS = `await Deno.readTextFile("/etc/hostname")`;

Deno.test({
  ...skipIf(
    missingTerminal,
    "permissions: on a terminal Deno asks a master, so the next test is one",
  ),
  fn: async () => {
    await using folder = new TempFolder();
    assertStringIncludes(await onTerminal(folder, READS, ""), "Allow?");
  },
});

Deno.test({
  ...skipIf(
    missingTerminal,
    "permissions: on a terminal neither the master with the smallest permissions nor a slave ever asks",
  ),
  fn: async () => {
    await using folder = new TempFolder();
    for (const permissions of [`"none"`, `"inherit"`, "{ read: [] }"]) {
      const shown = await onTerminal(
        folder,
        `import { LocalSlave, Manager } from "${MODULE_URL}";
         await using manager = new Manager({ output: "null", permissions: ${permissions} });
         manager.addSlave(new LocalSlave());
         const context = manager.getContext();
         context.addTask(async () => ${READS});
         context.addTask(async () => (await Deno.permissions.request({ name: "read" })).state);
         for await (const outcome of context.getOutcomesUnordered()) {
           console.log(outcome.status, outcome.value ?? outcome.reason.cause.name);
         }`,
        // All that the master itself needs: neither is it asked for a configuration that it may not look for.
        `--allow-net=127.0.0.1 --allow-run="$DENO"`,
      );
      assertStringIncludes(shown, "rejected NotCapable");
      assertStringIncludes(shown, "fulfilled denied");
      assert(!shown.includes("Allow?"), shown);
    }
  },
});
