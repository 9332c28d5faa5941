import { assert, assertStringIncludes } from "@std/assert";
import { MODULE_URL } from "../support/script.ts";
import { skipIf } from "../support/skip.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { missingTerminal, onTerminal } from "../support/terminal.ts";

/** Runs a script of the folder on a terminal; returns what that shows. */
async function scriptOnTerminal(
  folder: TempFolder,
  source: string,
  flags: string,
): Promise<string> {
  folder.write("main.ts", source);
  return await onTerminal(`run --no-check ${flags} main.ts`, folder.path);
}

const READS = `await Deno.readTextFile("/etc/hostname")`;

Deno.test({
  ...skipIf(
    missingTerminal,
    "permissions: on a terminal Deno asks a master, so the next test is one",
  ),
  fn: async () => {
    await using folder = new TempFolder();
    assertStringIncludes(await scriptOnTerminal(folder, READS, ""), "Allow?");
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
      const shown = await scriptOnTerminal(
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

Deno.test({
  ...skipIf(missingTerminal, "terminal: a task that asks there is told at once that it has none"),
  fn: async () => {
    await using folder = new TempFolder();
    const shown = await scriptOnTerminal(
      folder,
      `import { LocalSlave, Manager } from "${MODULE_URL}";
       await using manager = new Manager({ output: "null" });
       manager.addSlave(new LocalSlave());
       const context = manager.getContext();
       context.addTask(() => [prompt("Name?"), confirm("Sure?")]);
       context.addTask(async () => {
         const args = ["-c", "read answer < /dev/tty"];
         return (await new Deno.Command("sh", { args, stderr: "null" }).output()).success;
       });
       for await (const value of context.getResults()) console.log("result", value);`,
      "-A",
    );
    assertStringIncludes(shown, "result [ null, false ]");
    assertStringIncludes(shown, "result false");
    assert(!/Name|Sure/.test(shown), shown);
  },
});
