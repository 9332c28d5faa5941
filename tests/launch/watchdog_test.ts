import { assertEquals } from "@std/assert";
import { Watchdog } from "../../lib/launch/watchdog.ts";
import { KeepAlive } from "../support/keep_alive.ts";
import { runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

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

/** Ends a process that must still be there. */
async function endSleeper(sleeper: Deno.ChildProcess): Promise<void> {
  sleeper.kill("SIGTERM");
  assertEquals((await sleeper.status).signal, "SIGTERM", "It was killed by the watchdog");
}

Deno.test("Watchdog: kills those that were added and not removed, when it ends", async () => {
  using _alive = new KeepAlive();
  const left = [startSleeper(), startSleeper()];
  const removed = [startSleeper(), startSleeper()];
  {
    await using watchdog = new Watchdog([Deno.execPath()]);
    watchdog.add(removed[0].pid);
    watchdog.add(left[0].pid);
    watchdog.add(removed[1].pid);
    watchdog.add(left[1].pid);
    for (const { pid } of removed) watchdog.remove(pid);
  }
  for (const sleeper of left) assertEquals((await sleeper.status).signal, "SIGKILL");
  for (const sleeper of removed) await endSleeper(sleeper);
});

Deno.test("Watchdog: tells a process from one whose number is part of its own", async () => {
  using _alive = new KeepAlive();
  const sleeper = startSleeper();
  {
    await using watchdog = new Watchdog([Deno.execPath()]);
    const digits = String(sleeper.pid);
    const others = [`1${digits}`, `${digits}1`, digits.slice(1), digits.slice(0, -1)].map(Number);
    for (const pid of [sleeper.pid, ...others]) watchdog.add(pid);
    for (const pid of others) watchdog.remove(pid);
  }
  assertEquals((await sleeper.status).signal, "SIGKILL");
});

Deno.test("Watchdog: ends without anything to watch", async () => {
  using _alive = new KeepAlive();
  await using _watchdog = new Watchdog([Deno.execPath()]);
});

Deno.test("Watchdog: works by Deno where no shell may be started", async () => {
  using _alive = new KeepAlive();
  await using folder = new TempFolder();
  const script = `import { Watchdog } from ${JSON.stringify(WATCHDOG_URL)};
    const sleepers = [1, 2].map(() => new Deno.Command(Deno.execPath(), {
      args: ["eval", "setInterval(() => {}, 1000)"], stdin: "null",
    }).spawn());
    const watchdog = new Watchdog([Deno.execPath()]);
    for (const { pid } of sleepers) watchdog.add(pid);
    watchdog.remove(sleepers[1].pid);
    await watchdog[Symbol.asyncDispose]();
    console.log((await sleepers[0].status).signal);
    sleepers[1].kill("SIGTERM");
    console.log((await sleepers[1].status).signal);`;
  const { stdout, stderr } = await runScript(folder, script, [`--allow-run=${Deno.execPath()}`]);
  assertEquals(stdout, "SIGKILL\nSIGTERM\n", stderr);
});
