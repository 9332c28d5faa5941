/**
 * Programs that would be started in place of Deno, each slave being the program again.
 *
 * What `deno compile` makes takes a download to make. A script stands for such a program here: it runs `main.ts` whatever its
 * arguments are, and tells of itself what Deno 2.8 and newer tell in a compiled program.
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { localManager } from "../support/local_manager.ts";
import { copyOfTheProject } from "../support/project_copy.ts";
import { MODULE_URL } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const IS_COMPILED = `
  Object.defineProperty(Deno, "build", { value: { ...Deno.build, standalone: true } });
  Deno.execPath = () => Deno.cwd() + "/program";
`;

/** The program, or another that is no Deno either. */
function programSource({ isCompiled }: { isCompiled: boolean }): string {
  const preload = isCompiled
    ? `--preload 'data:text/javascript,${encodeURIComponent(IS_COMPILED)}'`
    : "";
  return `#!/bin/sh\nexec ${Deno.execPath()} run -A --quiet --no-check --no-config ${preload} main.ts "$@"\n`;
}

function mainSource(options: string, moduleUrl = MODULE_URL): string {
  return `
    import { LocalSlave, Manager } from "${moduleUrl}";
    Deno.writeTextFileSync("runs", "run\\n", { append: true });
    if (Deno.readTextFileSync("runs").length > 4 * 12) Deno.exit(9);
    await using manager = new Manager(${options});
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    context.addTask((x) => 2 * x, 21);
    for await (const result of context.getResults()) console.log(result);
  `;
}

async function runProgram(
  main: string,
  { isCompiled = true }: { isCompiled?: boolean } = {},
): Promise<{ code: number; stdout: string; stderr: string; runs: number }> {
  await using folder = new TempFolder();
  folder.write("main.ts", main);
  for (
    const [name, source] of [["program", { isCompiled }], ["other", { isCompiled: false }]] as const
  ) {
    folder.write(name, programSource(source));
    Deno.chmodSync(folder.file(name), 0o755);
  }
  Deno.symlinkSync(folder.file("program"), folder.file("link"));
  const { code, stdout, stderr } = await new Deno.Command(folder.file("program"), {
    cwd: folder.path,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr).replaceAll(folder.path, "DIR"),
    runs: folder.lines("runs").length,
  };
}

const ITSELF: Readonly<Record<string, string>> = {
  "by default": `{ output: "null" }`,
  "as its option deno says": `{ output: "null", deno: Deno.execPath() }`,
  "through another program": `{ output: "null", deno: ["/usr/bin/env", Deno.execPath()] }`,
};

for (const [how, options] of Object.entries(ITSELF)) {
  Deno.test(`denoCommand: a compiled program is refused at once to start itself ${how}`, async () => {
    const { code, stdout, stderr, runs } = await runProgram(mainSource(options));
    assertEquals([code, stdout, runs], [1, "", 1], stderr);
    assertStringIncludes(
      stderr,
      "Cannot start slaves with DIR/program: it is this program, which was compiled",
    );
    assertStringIncludes(stderr, "Set the option deno of the manager to a Deno");
  });
}

Deno.test("denoCommand: a compiled program works with the Deno that its option deno names", async () => {
  const deno = JSON.stringify(Deno.execPath());
  const { code, stdout, stderr, runs } = await runProgram(
    mainSource(`{ output: "null", deno: ${deno} }`),
  );
  assertEquals([code, stdout, stderr, runs], [0, "42\n", "", 1]);
});

for (const isCompiled of [true, false]) {
  for (const deno of ["./link", "./other"]) {
    const what = isCompiled ? "a compiled program" : "a script";
    Deno.test(`denoCommand: ${what} that is started by ${deno} in place of Deno is refused slaves of its own`, async () => {
      const { code, stdout, stderr, runs } = await runProgram(
        mainSource(`{ output: "null", deno: "${deno}" }`),
        { isCompiled },
      );
      assertEquals([code, stdout], [1, ""], stderr);
      // What ends before it has connected is not started again.
      assertEquals(runs, 2);
      assertStringIncludes(
        stderr,
        "a manager has started this program to be its slave, in place of Deno",
      );
      assertStringIncludes(stderr, "Set the option deno of the manager to a Deno");
    });
  }
}

Deno.test("denoCommand: a script that runs the slave's program itself is a slave whose tasks may make managers", async () => {
  await using folder = new TempFolder();
  const slaveUrl = new URL("../../lib/slave/main.ts", import.meta.url).href;
  folder.write("own_slave.ts", `import { runSlave } from "${slaveUrl}"; await runSlave([]);`);
  await using manager = localManager(1, {
    deno: [Deno.execPath(), "run", "-A", "--no-check", folder.file("own_slave.ts")],
  });
  const context = manager.getContext();
  context.addTask(async (url: string) => {
    const { LocalSlave, Manager }: typeof import("../../mod.ts") = await import(url);
    await using manager = new Manager();
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    context.addTask(() => 42);
    return (await Array.fromAsync(context.getResults()))[0];
  }, MODULE_URL);
  assertEquals(await Array.fromAsync(context.getResults()), [42]);
});

Deno.test("denoCommand: a compiled program that has parallel's own files inside is told to import them by https:", async () => {
  await using copy = await copyOfTheProject();
  await Deno.remove(copy.file("slave.ts"));
  const deno = JSON.stringify(Deno.execPath());
  const { code, stderr } = await runProgram(
    mainSource(`{ output: "null", deno: ${deno} }`, `file://${copy.file("mod.ts")}`),
  );
  assertEquals(code, 1);
  assertStringIncludes(stderr, "parallel's own files are inside this compiled program");
  assertStringIncludes(stderr, "import mod.ts by an https: URL");
});

Deno.test("findConfig: a compiled program gives its slaves no configuration file that is inside of it", async () => {
  const deno = JSON.stringify(Deno.execPath());
  const { code, stderr } = await runProgram(`
    Deno.writeTextFileSync("deno.json", "{ this is not JSON");
    ${mainSource(`{ output: "null", deno: ${deno} }`)}
  `);
  assertEquals(code, 0, stderr);
});
