/**
 * Output that cannot be written costs the output, and nothing else: full disks, limits of a file's size, readers that have gone.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ManagerEvent, ManagerOptions } from "../../mod.ts";
import { MAX_TIMER_MS } from "../../lib/clock.ts";
import { MODULE_URL, type ScriptEnd } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const FAR_SLAVE_URL = new URL("../support/far_slave.ts", import.meta.url).href;
const TEST_CLOCK_URL = new URL("../support/test_clock.ts", import.meta.url).href;

/** Has a slave die once, and all print: there is much to be told. */
const PRINTING = `
  const context = manager.getContext();
  const print = (x) => {
    console.log(("x".repeat(1023) + "\\n").repeat(1024));
    console.error("task", x);
    return x;
  };
  const dieOnce = (path) => {
    try {
      Deno.mkdirSync(path);
    } catch {
      return "survived";
    }
    console.log("the end");
    Deno.exit(1);
  };
  for (let i = 0; i < 20; i++) context.addTask(print, i);
  context.addTask(dieOnce, Deno.cwd() + "/died");
  const results = await Array.fromAsync(context.getResults(READING));
  const limitFiles = (bytes) => {
    const args = ["--pid", String(Deno.pid), "--fsize=" + bytes + ":"];
    new Deno.Command("prlimit", { args }).outputSync();
  };
  if (IS_LIMITED) {
    // Deno writes to its caches, also when the manager is closed.
    Deno.addSignalListener("SIGXFSZ", () => {});
    // All processes have been started. There is something to be recorded yet.
    limitFiles(100);
    context.addTask(print, 20);
    await Array.fromAsync(context.getResults());
  }
  await manager.close();
  if (IS_LIMITED) {
    limitFiles("unlimited");
    // A signal that Deno has not handed over yet ends a program that ends. They are handed over in the order of their numbers.
    const handedOver = Promise.withResolvers();
    Deno.addSignalListener("SIGWINCH", handedOver.resolve);
    Deno.kill(Deno.pid, "SIGWINCH");
    const timer = setInterval(() => {}, 1000);
    await handedOver.promise;
    clearInterval(timer);
  }
  console.log(results.join(), events.map((event) => JSON.stringify(event)).join("\\n"));
`;

const RESULTS = Array.from({ length: 20 }, (_, i) => i).join() + ",survived";

/** The largest file, where there is a limit: the caches of Deno are smaller, and what the slaves print is larger. */
const LIMIT_BYTES = 8 * 1024 * 1024;
const LIMIT_BLOCKS = LIMIT_BYTES / 512;

/** What a run with a fault is like. */
interface Run {
  /** What the shell does with the script, \`"$@"\`. */
  readonly shell: string;
  readonly options?: ManagerOptions;
  /** Whether the slaves have agents. */
  readonly isFar?: boolean;
  /** Whether events are told to the script. By default they are printed to standard error. */
  readonly isListening?: boolean;
  /** Whether files may have no more than 100 bytes while the manager is closed. */
  readonly isLimited?: boolean;
}

/** Runs a script whose slaves print and die. Returns the events that it was told, and what it printed to standard error. */
async function run(
  folder: TempFolder,
  { shell, options = {}, isFar = false, isListening = false, isLimited = false }: Run,
): Promise<{ events: ManagerEvent[]; stderr: string }> {
  folder.write(
    "main.ts",
    `import { LocalSlave, Manager } from "${MODULE_URL}";
    import { FarSlave } from "${FAR_SLAVE_URL}";
    import { StandingClock } from "${TEST_CLOCK_URL}";
    const events = [];
    const options = ${JSON.stringify({ host: "127.0.0.1", tls: false, ...options })};
    if (${isListening}) options.onEvent = (event) => events.push(event);
    // By a clock that stands, agents have as long as it takes to pass on what was printed. They hear nothing of the manager then.
    if (${isFar}) options.heartbeatTimeoutMs = ${MAX_TIMER_MS};
    const manager = new Manager(options, ${isFar ? "new StandingClock()" : "undefined"});
    for (let i = 0; i < 2; i++) manager.addSlave(${isFar ? "new FarSlave" : "new LocalSlave"}());
    ${
      PRINTING.replace("READING", isListening ? "" : "{ progress: true }")
        .replaceAll("IS_LIMITED", String(isLimited))
    }`,
  );
  const { code, stdout, stderr } = await inShell(folder, shell);
  assertEquals(code, 0, stdout + stderr);
  assert(stdout.startsWith(RESULTS), stdout + stderr);
  const lines = stdout.slice(RESULTS.length).split("\n").filter((line) => line.trim() !== "");
  return { events: lines.map((line) => JSON.parse(line)), stderr };
}

/** Runs `main.ts` of a folder. */
async function inShell(folder: TempFolder, shell: string): Promise<ScriptEnd> {
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", shell, "sh", Deno.execPath(), "run", "-A", "--no-check", "--quiet", "main.ts"],
    cwd: folder.path,
    // The caches of Deno may be larger than a limit.
    env: { NO_COLOR: "1", DENO_DIR: folder.file("deno") },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

function warningsOf(events: readonly ManagerEvent[]): string[] {
  return events.flatMap((event) => event.type === "warning" ? [event.message] : []);
}

for (const isFar of [false, true]) {
  const kind = isFar ? "far slaves" : "local slaves";

  Deno.test(`full disk: standard error of the master is on it, ${kind}, whatever is told there`, async () => {
    await using folder = new TempFolder();
    await run(folder, { shell: `exec "$@" 2>/dev/full`, isFar });
    // One slave may have done it all.
    const files = folder.names().filter((name) => name.endsWith(".output"));
    const printed = files.map((file) => Deno.readTextFileSync(folder.file(file))).join();
    // On a busy machine a task may run on both.
    assertEquals(new Set(printed.match(/task \d+/g)).size, 20);
  });

  Deno.test(`full disk: output of ${kind} goes to standard error, which is on it; that is told once`, async () => {
    await using folder = new TempFolder();
    const { events } = await run(folder, {
      shell: `exec "$@" 2>/dev/full`,
      options: { output: "inherit" },
      isFar,
      isListening: true,
    });
    const [warning, ...others] = warningsOf(events);
    assertMatch(
      warning,
      /^Cannot write what (local|far) slave \d.* prints to standard error: No space left on device \(os error 28\)\. Tasks go on; /,
    );
    assertEquals(others, []);
  });

  Deno.test(`full disk: files of output of ${kind} are on it; that is told once, and no file is named`, async () => {
    await using folder = new TempFolder();
    const { events } = await run(folder, {
      shell: `exec "$@"`,
      options: { output: "/dev/full" },
      isFar,
      isListening: true,
    });
    const [warning, ...others] = warningsOf(events);
    assertMatch(
      warning,
      /^Cannot write what (local|far) slave \d.* prints to \/dev\/full: No space left on device/,
    );
    assertEquals(others, []);
    assertEquals(events.filter(({ type }) => type === "slave-printed"), []);
    const [restart] = events.filter((event) => event.type === "slave-restarted");
    // It is known all the same.
    assertMatch(restart.reason, /exit code 1; it printed last: .*the end/s);
    assert(!restart.reason.includes("output in"), restart.reason);
  });

  Deno.test(`ulimit -f: ${kind} whose output would be larger go on, and so does their master; that is told once`, async () => {
    await using folder = new TempFolder();
    const { events } = await run(folder, {
      shell: `ulimit -f ${LIMIT_BLOCKS}; exec "$@"`,
      isFar,
      isListening: true,
    });
    const [warning, ...others] = warningsOf(events);
    assertMatch(warning, /^Cannot write what .* prints to .*slave[01]\.output: File too large /);
    assertEquals(others, []);
    const printed = events.filter((event) => event.type === "slave-printed");
    for (const { file } of printed) {
      assert(
        Deno.statSync(`${file.startsWith("/") ? "" : `${folder.path}/`}${file}`).size <=
          LIMIT_BYTES,
      );
    }
  });
}

Deno.test("full disk: nobody reads standard error any more", async () => {
  for (const output of ["slave%d.output", "inherit"]) {
    await using folder = new TempFolder();
    await run(folder, { shell: `exec 3>&1; "$@" 2>&1 >&3 | :`, options: { output } });
  }
});

for (const option of ["joblog", "trace"]) {
  Deno.test(`ulimit -f: the file of the option ${option} would be larger, which is told once`, async () => {
    await using folder = new TempFolder();
    const { events } = await run(folder, {
      shell: `exec "$@"`,
      options: { output: "null", [option]: "record" },
      isListening: true,
      isLimited: true,
    });
    assertEquals(warningsOf(events), [
      `The file of the option ${option} is not complete: File too large (os error 27)`,
    ]);
  });
}

Deno.test("ulimit -f: a journal that would be larger is an error, again and again, and the master lives to tell it", async () => {
  await using folder = new TempFolder();
  folder.write(
    "main.ts",
    `import { LocalSlave, Manager } from "${MODULE_URL}";
    try {
      await using manager = new Manager({ output: "null" });
      manager.addSlave(new LocalSlave());
      const context = manager.getContext(undefined, { journal: "run.jsonl" });
      for (let i = 0; i < 20; i++) context.addTask((i) => i + "x".repeat(1024 * 1024), i);
      await Array.fromAsync(context.getResults());
    } catch (error) {
      console.log(error.name, error.message);
    }`,
  );
  for (let i = 0; i < 2; i++) {
    const { code, stdout, stderr } = await inShell(
      folder,
      `ulimit -f ${LIMIT_BLOCKS}; exec "$@"`,
    );
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /^JournalError Cannot write the journal run\.jsonl.*File too large/);
    // Until it is as large as it may be.
    using journal = Deno.openSync(folder.file("run.jsonl"), { append: true });
    journal.truncateSync(LIMIT_BYTES);
  }
});

Deno.test("ulimit -f: a task that writes a larger file fails, and its slave lives on", async () => {
  await using folder = new TempFolder();
  folder.write(
    "main.ts",
    `import { LocalSlave, Manager } from "${MODULE_URL}";
    await using manager = new Manager({ output: "null" });
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    context.addTask((size) => Deno.writeFileSync("large", new Uint8Array(size)), ${
      LIMIT_BYTES + 1
    });
    context.addTask(() => "the next");
    for await (const { reason, value } of context.getOutcomesUnordered()) {
      console.log(value ?? reason.message);
    }`,
  );
  const { code, stdout, stderr } = await inShell(folder, `ulimit -f ${LIMIT_BLOCKS}; exec "$@"`);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /failed on .*File too large.*\nthe next\n$/);
});
