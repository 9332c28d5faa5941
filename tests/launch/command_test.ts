import {
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { existsSync } from "node:fs";
import { LocalSlave, Manager } from "../../mod.ts";
import { runProgram, type SlaveProcess, spawnSlave } from "../../lib/launch/command.ts";
import { openOutputSink, OutputSink, type OutputStream } from "../../lib/launch/output_sink.ts";
import { Gates } from "../support/gates.ts";
import { TestClock } from "../support/test_clock.ts";
import { HOLD, Holders } from "../support/holders.ts";
import { KeepAlive } from "../support/keep_alive.ts";
import { Listeners } from "../support/listeners.ts";
import { runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const COMMAND_URL = new URL("../../lib/launch/command.ts", import.meta.url).href;
const GATE_TASKS = import.meta.resolve("../support/gate_tasks.ts");
const OUTPUT_GRACE_MS = 300;

/** Starts Deno with a program given as text. */
function spawnProgram(
  output: OutputSink,
  program: string,
  connection = "{}\n",
  clock?: TestClock,
): SlaveProcess {
  const command = [Deno.execPath(), "eval", program];
  return spawnSlave({ command, connection, output }, command, clock);
}

Deno.test("spawnSlave: gives the process its connection on standard input, and then the end of it", async () => {
  using _alive = new KeepAlive();
  await using output = openOutputSink("null", 0);
  const process = spawnProgram(
    output,
    "console.log(await new Response(Deno.stdin.readable).text(), Deno.pid, Deno.args.length)",
    "where the master is",
  );
  assertEquals(await process.ended, { code: 0, signal: null });
  assertEquals(output.tail, `where the master is ${process.pid} 0`);
  assertEquals(process.name, `process ${process.pid}`);
});

Deno.test("spawnSlave: takes standard output and error, all of it before the end is told", async () => {
  using _alive = new KeepAlive();
  await using folder = new TempFolder();
  await using output = openOutputSink(folder.file("output"), 0);
  const { ended } = spawnProgram(
    output,
    `for (let i = 0; i < 20_000; i++) console.log("out");
    for (let i = 0; i < 20_000; i++) console.error("err");`,
    "{}\n",
    new TestClock(),
  );
  await ended;
  const lines = folder.lines("output");
  assertEquals(lines.filter((line) => line === "out").length, 20_000);
  assertEquals(lines.filter((line) => line === "err").length, 20_000);
});

Deno.test("spawnSlave: tells the sink which stream it is", async () => {
  using _alive = new KeepAlive();
  const texts = { stdout: "", stderr: "" };
  class Texts extends OutputSink {
    override readonly target = "texts";
    protected override take(bytes: Uint8Array, stream: OutputStream): Promise<void> {
      texts[stream] += new TextDecoder().decode(bytes);
      return Promise.resolve();
    }
    override [Symbol.asyncDispose](): Promise<void> {
      return Promise.resolve();
    }
  }
  await using output = new Texts();
  await spawnProgram(output, `console.log("out"); console.error("err");`).ended;
  assertEquals(texts, { stdout: "out\n", stderr: "err\n" });
});

Deno.test("spawnSlave: tells the exit code, or the signal", async () => {
  using _alive = new KeepAlive();
  await using output = openOutputSink("null", 0);
  assertEquals(await spawnProgram(output, "Deno.exit(5)").ended, { code: 5, signal: null });
  const killed = spawnProgram(output, "setInterval(() => {}, 1000)");
  killed.kill();
  assertEquals(await killed.ended, { code: 137, signal: "SIGKILL" });
});

Deno.test("spawnSlave: killing a process that has ended does nothing", async () => {
  using _alive = new KeepAlive();
  await using output = openOutputSink("null", 0);
  const process = spawnProgram(output, "");
  await process.ended;
  process.kill();
});

Deno.test("spawnSlave: does not mind a process that ends without reading its input", async () => {
  using _alive = new KeepAlive();
  await using output = openOutputSink("null", 0);
  const { ended } = spawnProgram(output, "Deno.exit(1)", "x".repeat(10_000_000));
  assertEquals((await ended).code, 1);
});

/** Takes what a process prints when the test says so. */
class HeldSink extends OutputSink {
  override readonly target = "held";
  text = "";
  readonly #came = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();

  /** Resolves when something has been printed. */
  get came(): Promise<void> {
    return this.#came.promise;
  }

  /** Takes all, from now on at once. */
  open(): void {
    this.#opened.resolve();
  }

  protected override async take(bytes: Uint8Array): Promise<void> {
    this.text += new TextDecoder().decode(bytes);
    this.#came.resolve();
    await this.#opened.promise;
  }

  override async [Symbol.asyncDispose](): Promise<void> {}
}

Deno.test("spawnSlave: takes all of what was printed, however long that takes after the end of the process", async () => {
  using _alive = new KeepAlive();
  await using gates = new Gates();
  await using output = new HeldSink();
  const clock = new TestClock();
  const process = spawnProgram(
    output,
    `const { wait } = await import("${GATE_TASKS}");
    console.log("first");
    await wait("printed", ${gates.port});
    console.log("last");`,
    "{}\n",
    clock,
  );
  const gate = await gates.next();
  await output.came;
  await gate.open();
  await process.exited;
  clock.pass(OUTPUT_GRACE_MS);
  output.open();
  await process.ended;
  assertEquals(output.text, "first\nlast\n");
});

/** Starts a program that leaves its group and holds the output, and ends; its id is printed. */
const LEAVE = (program: string) =>
  `const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", ${JSON.stringify(program)}], stdin: "null", detached: true,
  }).spawn();
  console.log(child.pid);
  Deno.exit(0);`;

Deno.test("spawnSlave: does not wait for ever for a grandchild that keeps the output open", async () => {
  using _alive = new KeepAlive();
  const clock = new TestClock();
  await using output = new HeldSink();
  output.open();
  const { ended } = spawnProgram(output, LEAVE("setInterval(() => {}, 1000)"), "{}\n", clock);
  await output.came;
  let hasEnded = false;
  ended.then(() => hasEnded = true);
  while (!hasEnded) await Promise.race([ended, clock.fire()]);
  assertEquals(clock.timers, 0);
  Deno.kill(Number(output.text), "SIGKILL");
});

Deno.test("spawnSlave: does not wait for ever for a grandchild that prints on and on", async () => {
  using _alive = new KeepAlive();
  await using output = new HeldSink();
  output.open();
  const program = `Deno.stderr.close(); for (;;) Deno.stdout.writeSync(new Uint8Array(9));`;
  const { ended } = spawnProgram(output, LEAVE(program), "{}\n", new TestClock());
  // It ends when nobody takes what it prints.
  await ended;
});

for (const isThrown of [false, true]) {
  const how = isThrown ? "throws" : "rejects";
  Deno.test(`spawnSlave: a process whose output ${how} when it is written goes on to its end`, async () => {
    using _alive = new KeepAlive();
    /** A disk that is full. */
    class FullSink extends OutputSink {
      override readonly target = "full.output";
      protected override take(): Promise<void> {
        const error = new Error("No space left on device");
        if (isThrown) throw error;
        return Promise.reject(error);
      }
      override async [Symbol.asyncDispose](): Promise<void> {}
    }
    const program = `for (let i = 0; i < 50_000; i++) console.log("out"); Deno.exit(4)`;
    assertEquals((await spawnProgram(new FullSink(), program).ended).code, 4);
  });
}

Deno.test("spawnSlave: a process whose output cannot be read goes on to its end", async () => {
  using _alive = new KeepAlive();
  await using output = openOutputSink("null", 0);
  const reader = ReadableStreamDefaultReader.prototype;
  const { read } = reader;
  reader.read = () => Promise.reject(new Error("Input/output error"));
  try {
    assertEquals((await spawnProgram(output, "Deno.exit(4)").ended).code, 4);
  } finally {
    reader.read = read;
  }
});

/** How a script may start programs, with what comes into a session of its own. */
const MAY_START: Record<string, { flags: string[]; program: string }> = {
  "by its path, all permissions": { flags: ["--allow-all"], program: "/bin/sh" },
  "by its name, all permissions": { flags: ["--allow-all"], program: "sh" },
  "a script that may run all and see nothing": {
    flags: ["--allow-import", "--allow-run"],
    program: "/bin/sh",
  },
  "a script that may run it alone": {
    flags: ["--allow-import", "--allow-run=/bin/sh"],
    program: "/bin/sh",
  },
};

for (const [what, { flags, program }] of Object.entries(MAY_START)) {
  Deno.test(`spawn: a program leads a session and process group of its own: ${what}`, async () => {
    await using folder = new TempFolder();
    // On a terminal Deno would ask for a permission that is missing: nothing of the kind may be done without it.
    const script = `
      const { statSync } = Deno;
      Deno.statSync = (path) => {
        const { state } = Deno.permissions.querySync({ name: "read", path });
        if (state !== "granted") console.log("Deno would ask for", path);
        return statSync(path);
      };
      const { runProgram } = await import("${COMMAND_URL}");
      const command = ["${program}", "-c", "read pid name state parent group session rest </proc/$$/stat; echo $$ $group $session"];
      console.log((await runProgram(command, 60_000)).stdout);`;
    const { stdout, stderr } = await runScript(folder, script, flags);
    const [pid, ...ids] = stdout.trim().split(/\s+/);
    assertEquals(ids, [pid, pid], stderr);
  });
}

Deno.test("spawn: a program that is denied is not started", async () => {
  await using folder = new TempFolder();
  const script = `
    const { runProgram } = await import("${COMMAND_URL}");
    for (const program of ["/bin/sh", "sh"]) {
      const error = await runProgram([program, "-c", "echo ran"], 60_000).catch((error) => error);
      console.log(error.message ?? error);
    }`;
  const flags = ["--allow-all", "--deny-run=/bin/sh,sh"];
  const { stdout } = await runScript(folder, script, flags);
  assertMatch(stdout, /^(Cannot start (\/bin\/)?sh: Requires run access to .*\n){2}$/);
});

Deno.test("spawnSlave: what is there and cannot be executed tells what to do", async () => {
  using _alive = new KeepAlive();
  await using folder = new TempFolder();
  folder.write("deno", "#!/no/such/interpreter\n");
  Deno.chmodSync(folder.file("deno"), 0o755);
  await using manager = new Manager({
    deno: folder.file("deno"),
    output: "null",
    onEvent: () => {},
  });
  manager.addSlave(new LocalSlave());
  const result = manager.getContext().run(() => 1, []);
  await assertRejects(
    () => result,
    Error,
    "et the option deno of the manager to a command that starts Deno",
  );
});

/** Where the kernel tells how often this process touched memory that it did not have; see proc_pid_stat(5). */
const STAT_FILE = "/proc/self/stat";

Deno.test({
  name: "spawn: this process goes on with its memory, of which the program has no copy",
  ignore: !existsSync("/usr/bin/setsid"),
  async fn(): Promise<void> {
    using _alive = new KeepAlive();
    await using output = openOutputSink("null", 0);
    const pageBytes = 4096;
    const memory = new Uint8Array(2 ** 26).fill(1);
    const process = spawnProgram(output, "");
    const faultsBefore = pageFaults();
    for (let i = 0; i < memory.length; i += pageBytes) memory[i]++;
    const faults = pageFaults() - faultsBefore;
    await process.ended;
    assertLess(faults, memory.length / pageBytes / 4);
  },
});

function pageFaults(): number {
  const [, ...fields] = Deno.readTextFileSync(STAT_FILE).split(/\) /);
  return Number(fields.join().split(" ")[7]);
}

Deno.test("spawnSlave: throws if the program cannot be started, naming it and what to do", async () => {
  await using output = openOutputSink("null", 0);
  const error = assertThrows(
    () => spawnSlave({ command: ["/no/such/deno", "run"], connection: "", output }),
    Error,
  );
  assertMatch(
    error.message,
    /^Cannot start \/no\/such\/deno: .*\. Set the option deno of the manager to a command that starts Deno$/,
  );
  assertEquals(error.cause instanceof Deno.errors.NotFound, true);
});

Deno.test("runProgram: gives the exit code and what was printed, without blanks around it", async () => {
  const program = `const input = await new Response(Deno.stdin.readable).text();
    console.log("\\n", input, "out", "\\n"); console.error("err"); Deno.exit(3);`;
  assertEquals(await runProgram([Deno.execPath(), "eval", program], 60_000, { input: "in" }), {
    code: 3,
    stdout: "in out",
    stderr: "err",
  });
});

Deno.test("runProgram: kills a program that does not end in time", async () => {
  const clock = new TestClock();
  const program = [Deno.execPath(), "eval", "setInterval(() => {}, 1000)"];
  const running = runProgram(program, 60_000, { clock });
  const rejected = assertRejects(() => running, Error, "did not end within 60 s, and was killed");
  await clock.fire();
  await rejected;
  assertEquals(clock.timers, 0);
});

Deno.test("runProgram: kills a script that does not end in time, with whatever it has started", async () => {
  const clock = new TestClock();
  await using holders = new Holders();
  // Holds what the script prints to as well.
  const script = ["/bin/sh", "-c", HOLD, holders.path];
  const running = runProgram(script, 60_000, { clock });
  await holders.said("started");
  const rejected = assertRejects(() => running, Error, "did not end within 60 s, and was killed");
  await clock.fire();
  await rejected;
  await holders.ended();
});

Deno.test("runProgram: has the output of a script that has ended, though what it has started holds that open, and lives on", async () => {
  await using holders = new Holders();
  const script = 'sleep 1000 3>"$0" & echo "$!"; echo "started $!" >"$0"; exit 3';
  const output = await runProgram(["/bin/sh", "-c", script, holders.path], 60_000);
  const [, pid] = (await holders.said("started")).split(" ");
  assertEquals(output, { code: 3, stdout: pid, stderr: "" });
  // It is there to be ended.
  Deno.kill(Number(pid), "SIGKILL");
  await holders.ended();
});

Deno.test("runProgram: kills a script that nobody wants any more, with whatever it has started", async () => {
  const clock = new TestClock();
  const unwanted = new AbortController();
  const { signal } = unwanted;
  await using holders = new Holders();
  const script = ["/bin/sh", "-c", HOLD, holders.path];
  const running = runProgram(script, 60_000, { clock, signal });
  await holders.said("started");
  const rejected = assertRejects(() => running, Error, "nobody wants it");
  unwanted.abort(new Error("nobody wants it"));
  await rejected;
  await holders.ended();
  assertEquals(clock.timers, 0);
});

Deno.test("runProgram: starts nothing that nobody wants any more", async () => {
  const signal = AbortSignal.abort(new Error("nobody wants it"));
  const running = () => runProgram(["/no/such/program"], 60_000, { signal });
  await assertRejects(running, Error, "nobody wants it");
});

Deno.test("runProgram: leaves nothing with its signal", async () => {
  const { signal } = new AbortController();
  using listeners = new Listeners(signal);
  assertEquals((await runProgram(["true"], 60_000, { signal })).code, 0);
  assertEquals(listeners.count, 0);
});

Deno.test("runProgram: throws if the program cannot be started", async () => {
  await assertRejects(
    () => runProgram(["/no/such/qsub"], 1000),
    Error,
    "Cannot start /no/such/qsub",
  );
});

const SPAWN_SCRIPT = `import { spawn } from ${JSON.stringify(COMMAND_URL)};
  try {
    const child = spawn([Deno.args[0] ?? Deno.execPath(), "eval", "console.log(Deno.env.get('LD_NONSENSE'), Deno.env.get('OTHER'))"], { stdout: "piped" });
    console.log(new TextDecoder().decode((await child.output()).stdout).trim());
  } catch (error) {
    console.log(error.message);
  }`;

Deno.test("spawn: names the flag that the master needs to start a program", async () => {
  await using folder = new TempFolder();
  const { stdout, stderr } = await runScript(folder, SPAWN_SCRIPT, []);
  assertStringIncludes(stdout, `Run the master with --allow-run=${Deno.execPath()}`, stderr);
});

Deno.test("spawn: starts a program with the linker's variables empty, where Deno refuses them", async () => {
  const env = { LD_NONSENSE: "set", LD_LIBRARY_PATH: "/opt/lib", OTHER: "kept" };
  // Neither needs the environment be read.
  for (const flags of [[], ["--allow-env"], ["--allow-env=LD_LIBRARY_PATH"]]) {
    await using folder = new TempFolder();
    const run = [`--allow-run=${Deno.execPath()}`, ...flags];
    const { stdout, stderr } = await runScript(folder, SPAWN_SCRIPT, run, env);
    assertEquals([stdout.trim(), stderr], ["kept", ""], flags.join());
  }
});
