import process from "node:process";
import { assertEquals } from "@std/assert";
import { spawn } from "../../lib/launch/command.ts";
import { Watchdog } from "../../lib/launch/watchdog.ts";
import { Holders } from "../support/holders.ts";
import { KeepAlive } from "../support/keep_alive.ts";
import { runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const COMMAND_URL = new URL("../../lib/launch/command.ts", import.meta.url).href;
const WATCHDOG_URL = new URL("../../lib/launch/watchdog.ts", import.meta.url).href;

/** A process that runs until it is killed. */
function startSleeper(): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "setInterval(() => {}, 1000)"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** Has a process watched that is said to have ended, or not to. */
function watch(watchdog: Watchdog, pid: number, hasEnded = false): void {
  const ended = hasEnded
    ? Promise.resolve({ code: 0, signal: null })
    : Promise.withResolvers<never>().promise;
  watchdog.watch({ pid, ended });
}

/** Ends a process that must still be there. */
async function endSleeper(sleeper: Deno.ChildProcess): Promise<void> {
  sleeper.kill("SIGTERM");
  assertEquals((await sleeper.status).signal, "SIGTERM", "It was killed by the watchdog");
}

/** Whether there is a process group of this number. */
function isGroup(pid: number): boolean {
  try {
    return process.kill(-pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

Deno.test("Watchdog: kills those that have not ended, when it ends itself", async () => {
  using _alive = new KeepAlive();
  const left = [startSleeper(), startSleeper()];
  const removed = [startSleeper(), startSleeper()];
  {
    await using watchdog = new Watchdog([Deno.execPath()]);
    watch(watchdog, removed[0].pid, true);
    watch(watchdog, left[0].pid);
    watch(watchdog, removed[1].pid, true);
    watch(watchdog, left[1].pid);
    await undefined;
  }
  for (const sleeper of left) assertEquals((await sleeper.status).signal, "SIGKILL");
  for (const sleeper of removed) await endSleeper(sleeper);
});

Deno.test("Watchdog: tells a process from one whose number is part of its own", async () => {
  using _alive = new KeepAlive();
  // What is said to have ended is killed with its group: none of these may be anybody's.
  for (;;) {
    const sleeper = startSleeper();
    const digits = String(sleeper.pid);
    const others = [`1${digits}`, `${digits}1`, digits.slice(1), digits.slice(0, -1)].map(Number);
    if (others.some(isGroup)) {
      await endSleeper(sleeper);
      continue;
    }
    {
      await using watchdog = new Watchdog([Deno.execPath()]);
      watch(watchdog, sleeper.pid);
      for (const pid of others) watch(watchdog, pid, true);
      await undefined;
    }
    assertEquals((await sleeper.status).signal, "SIGKILL");
    return;
  }
});

Deno.test("Watchdog: ends without anything to watch", async () => {
  using _alive = new KeepAlive();
  await using _watchdog = new Watchdog([Deno.execPath()]);
});

/** A process that ends by SIGKILL alone, as do its child and its grandchild. */
const FAMILY = `exec 3> "$0"
  trap "" HUP INT TERM
  sleep 1000 3>&3 &
  sh -c 'trap "" TERM; sleep 1000 & echo started >&3; wait' &
  wait`;

for (const hasEnded of [true, false]) {
  const what = hasEnded ? "one that has ended" : "one that has not, when it ends itself";
  Deno.test(`Watchdog: kills the whole group of ${what}`, async () => {
    using _alive = new KeepAlive();
    await using holders = new Holders();
    const pipes = { stdin: "null", stdout: "null", stderr: "null" } as const;
    const child = spawn(["/bin/sh", "-c", FAMILY, holders.path], pipes);
    {
      await using watchdog = new Watchdog([Deno.execPath()]);
      const ended = child.status.then(({ code, signal }) => ({ code, signal }));
      watchdog.watch({ pid: child.pid, ended });
      await holders.said("started");
      if (hasEnded) {
        child.kill("SIGKILL");
        await holders.ended();
      }
    }
    await holders.ended();
    await child.status;
  });
}

/** Starts a program that holds a pipe, and has it watched; says `watched` when the watchdog knows. */
const WATCHING_SCRIPT = `import { Watchdog } from ${JSON.stringify(WATCHDOG_URL)};
  import { spawn } from ${JSON.stringify(COMMAND_URL)};
  const pipes = { stdin: "null", stdout: "null", stderr: "null" };
  const hold = 'exec 3> "$0"; echo started >&3; exec sleep 1000';
  const child = spawn(["/bin/sh", "-c", hold, Deno.args[0]], pipes);
  const canary = spawn(["/bin/sh", "-c", "echo; exec sleep 1000"], { ...pipes, stdout: "piped" });
  // It has a group, which can be killed.
  await canary.stdout.getReader().read();
  const watchdog = new Watchdog([Deno.execPath()]);
  watchdog.watch({ pid: child.pid, ended: child.status });
  watchdog.watch({ pid: canary.pid, ended: Promise.resolve() });
  await canary.status;
  await Deno.writeTextFile(Deno.args[0], "watched\\n", { append: true, create: false });
  await child.status;`;

Deno.test("Watchdog: lives on when the group of its master is killed", async () => {
  await using folder = new TempFolder();
  await using holders = new Holders();
  folder.write("main.ts", WATCHING_SCRIPT);
  const master = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", folder.file("main.ts"), holders.path],
    detached: true,
  }).spawn();
  await holders.said("watched");
  Deno.kill(-master.pid, "SIGKILL");
  await master.status;
  await holders.ended();
});

Deno.test("Watchdog: is not told of an id that means more than one process", async () => {
  await using folder = new TempFolder();
  // In the place of Deno, and of the watchdog: "-1" would be everything that there is.
  folder.write("deno", `#!/bin/sh\ncat > "$0.lines"`);
  Deno.chmodSync(folder.file("deno"), 0o755);
  const script = `import { Watchdog } from ${JSON.stringify(WATCHDOG_URL)};
    await using watchdog = new Watchdog([${JSON.stringify(folder.file("deno"))}]);
    for (const pid of [1, 0, -1, 4711]) watchdog.watch({ pid, ended: Promise.resolve() });
    await undefined;`;
  const { stderr } = await runScript(folder, script, [`--allow-run=${folder.file("deno")}`]);
  assertEquals([folder.lines("deno.lines"), stderr], [["+ 4711", "- 4711"], ""]);
});

Deno.test("Watchdog: works by Deno where no shell may be started", async () => {
  using _alive = new KeepAlive();
  await using folder = new TempFolder();
  await using holders = new Holders();
  const script = `import { Watchdog } from ${JSON.stringify(WATCHDOG_URL)};
    import { spawn } from ${JSON.stringify(COMMAND_URL)};
    const pipes = { stdin: "null", stdout: "null", stderr: "null" };
    const family = ["/usr/bin/env", "sh", "-c", ${JSON.stringify(FAMILY)}, Deno.args[0]];
    const parent = spawn(family, pipes);
    const sleeper = { args: ["eval", "setInterval(() => {}, 1000)"], stdin: "null" };
    const [left, ended] = [1, 2].map(() => new Deno.Command(Deno.execPath(), sleeper).spawn());
    {
      await using watchdog = new Watchdog([Deno.execPath()]);
      watchdog.watch({ pid: parent.pid, ended: parent.status });
      watchdog.watch({ pid: left.pid, ended: left.status });
      watchdog.watch({ pid: ended.pid, ended: Promise.resolve() });
      // Its end: the family has started.
      await Deno.stdin.read(new Uint8Array(1));
      parent.kill("SIGKILL");
      await parent.status;
    }
    console.log((await left.status).signal);
    ended.kill("SIGTERM");
    console.log((await ended.status).signal);`;
  folder.write("main.ts", script);
  const allowRun = `--allow-run=${Deno.execPath()},/usr/bin/env`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", allowRun, folder.file("main.ts"), holders.path],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await holders.said("started");
  await child.stdin.close();
  const { stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  assertEquals(decoder.decode(stdout), "SIGKILL\nSIGTERM\n", decoder.decode(stderr));
  await holders.ended();
});

for (
  const [by, programs] of [["a shell", ""], ["Deno", `=${Deno.execPath()},/usr/bin/env`]] as const
) {
  Deno.test(`Watchdog: by ${by}, it has its first processes also if the master is killed at once`, async () => {
    await using folder = new TempFolder();
    await using holders = new Holders();
    const hold = 'exec 3> "$0"; echo started >&3; exec sleep 1000';
    folder.write(
      "main.ts",
      `import { Watchdog } from ${JSON.stringify(WATCHDOG_URL)};
      import { spawn } from ${JSON.stringify(COMMAND_URL)};
      const command = ["/usr/bin/env", "sh", "-c", ${JSON.stringify(hold)}, Deno.args[0]];
      const child = spawn(command, { stdin: "null", stdout: "null", stderr: "null" });
      // Its end: the other has started.
      await Deno.stdin.read(new Uint8Array(1));
      new Watchdog([Deno.execPath()], [{ pid: child.pid, ended: child.status }]);
      Deno.kill(Deno.pid, "SIGKILL");`,
    );
    await holders.outlive(folder.file("main.ts"), "--no-prompt", `--allow-run${programs}`);
  });
}
