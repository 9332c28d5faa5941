import { assert, assertEquals } from "@std/assert";
import { Lifelines } from "../support/lifelines.ts";
import { missingPseudoTerminal, PseudoTerminal } from "../support/pseudo_terminal.ts";
import { MODULE_URL } from "../support/script.ts";
import { skipIf } from "../support/skip.ts";
import { TempFolder } from "../support/temp_folder.ts";

const LIFELINE_TASKS = import.meta.resolve("../support/lifeline_tasks.ts");

/** What ctrl-C may end a script with: the signal itself, or the exit code that a shell has for it. */
const INTERRUPTED = [-2, 130];

/** A script whose slaves print whole lines for ever; it says READY when both do. */
function printingScript(port: number, output: string): string {
  return `
    import { LocalSlave, Manager, remote } from "${MODULE_URL}";
    const tasks = remote("${LIFELINE_TASKS}");
    let started = 0;
    const onEvent = ({ type }) => {
      if (type === "task-started" && ++started === 4) console.log("READY");
    };
    await using manager = new Manager({ output: ${JSON.stringify(output)}, onEvent });
    manager.addSlave(new LocalSlave());
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    for (let i = 0; i < 2; i++) context.addTask(tasks.connect, ${port});
    for await (const _ of context.getResults());
    for (let i = 0; i < 2; i++) {
      context.addTask(async () => {
        for (let i = 0; ; i++) {
          console.log("line " + i + " " + "x".repeat(100) + " end");
          if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
        }
      });
    }
    for await (const _ of context.getResults());
  `;
}

for (const output of ["slave%d.output", "inherit"]) {
  Deno.test({
    ...skipIf(
      missingPseudoTerminal,
      `ctrl-C at the terminal ends slaves and script, output ${output}`,
    ),
    fn: async () => {
      await using folder = new TempFolder();
      await using lifelines = new Lifelines();
      folder.write("main.ts", printingScript(lifelines.port, output));
      const run = new PseudoTerminal(
        [Deno.execPath(), "run", "-A", "--quiet", "--no-check", "main.ts"],
        folder.path,
      );
      const slaves = await lifelines.take(2);
      const { printed, code } = await run.ended;
      assert(INTERRUPTED.includes(code), `exit code ${code}`);
      await Promise.all(slaves.map(({ ended }) => ended));
      const files = folder.names().filter((name) => name.endsWith(".output"));
      // One that had not printed yet has no file.
      if (output === "inherit") assertEquals(files, []);
      for (const name of files) assertWhole(Deno.readTextFileSync(folder.file(name)));
      assert(!printed.includes("Uncaught"), printed.slice(-2000));
    },
  });
}

Deno.test({
  ...skipIf(
    missingPseudoTerminal,
    "ctrl-C at the terminal does what a listener of the script's says, and its slave goes on",
  ),
  fn: async () => {
    await using folder = new TempFolder();
    const script = `
      import { LocalSlave, Manager } from "${MODULE_URL}";
      const manager = new Manager({ output: "null", joblog: "run.tsv", onEvent: () => {} });
      manager.addSlave(new LocalSlave());
      const context = manager.getContext();
      const slaves = new Set();
      const square = async (x) => {
        context.addTask((x: number) => [x * x, Deno.pid], x);
        for await (const [result, pid] of context.getResults()) {
          slaves.add(pid);
          return result;
        }
      };
      for (let i = 1; i <= 2; i++) {
        const asked = Promise.withResolvers();
        const listener = () => asked.resolve();
        Deno.addSignalListener("SIGINT", listener);
        console.log("READY", await square(i));
        await asked.promise;
        console.log("asked", await square(10 * i));
        Deno.removeSignalListener("SIGINT", listener);
      }
      console.log("READY", slaves.size, "slave");
      await new Promise(() => {});
    `;
    folder.write("main.ts", script);
    const command = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", "main.ts"];
    const { printed, code } = await new PseudoTerminal(command, folder.path).ended;
    const lines = printed.replaceAll("^C", "").split("\r\n").filter((line) => line !== "");
    assertEquals(lines, ["READY 1", "asked 100", "READY 4", "asked 400", "READY 1 slave"]);
    assertEquals(code, 130);
  },
});

/** Every line is as it was printed, the last one too. */
function assertWhole(text: string): void {
  if (text === "") return;
  assert(text.endsWith(" end\n"), `the last line is cut: ${text.slice(-200)}`);
  const torn = text.trimEnd().split("\n").find((line) => !/^line \d+ x{100} end$/.test(line));
  assertEquals(torn, undefined);
}
