import { assert, assertEquals } from "@std/assert";
import { Lifelines } from "../support/lifelines.ts";
import { MODULE_URL } from "../support/script.ts";
import { skipIf } from "../support/skip.ts";
import { TempFolder } from "../support/temp_folder.ts";

const LIFELINE_TASKS = import.meta.resolve("../support/lifeline_tasks.ts");
const TERMINAL = new URL("../support/terminal.py", import.meta.url).pathname;

/** What ctrl-C may end a script with: the signal itself, or the exit code that a shell has for it. */
const INTERRUPTED = [-2, 130];

async function missingPython(): Promise<string | undefined> {
  try {
    const { success } = await new Deno.Command("python3", { args: ["-c", "import pty"] }).output();
    return success ? undefined : "python3 has no terminals here";
  } catch {
    return "there is no python3";
  }
}

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

const missing = await missingPython();

for (const output of ["slave%d.output", "inherit"]) {
  Deno.test({
    ...skipIf(missing, `ctrl-C at the terminal ends slaves and script, output ${output}`),
    fn: async () => {
      await using folder = new TempFolder();
      await using lifelines = new Lifelines();
      folder.write("main.ts", printingScript(lifelines.port, output));
      const run = new Deno.Command("python3", {
        args: [TERMINAL, Deno.execPath(), "run", "-A", "--quiet", "--no-check", "main.ts"],
        cwd: folder.path,
        env: { NO_COLOR: "1" },
      }).output();
      const slaves = await lifelines.take(2);
      const { printed, code } = JSON.parse(new TextDecoder().decode((await run).stdout));
      assert(INTERRUPTED.includes(code), `exit code ${code}`);
      await Promise.all(slaves.map(({ ended }) => ended));
      const files = folder.names().filter((name) => name.endsWith(".output"));
      assertEquals(files.length, output === "inherit" ? 0 : 2);
      for (const name of files) assertWhole(Deno.readTextFileSync(folder.file(name)));
      assert(!printed.includes("Uncaught"), printed.slice(-2000));
    },
  });
}

/** Every line is as it was printed, the last one too. */
function assertWhole(text: string): void {
  if (text === "") return;
  assert(text.endsWith(" end\n"), `the last line is cut: ${text.slice(-200)}`);
  const torn = text.trimEnd().split("\n").find((line) => !/^line \d+ x{100} end$/.test(line));
  assertEquals(torn, undefined);
}
