import { Holders } from "../../support/holders.ts";
import { TempFolder } from "../../support/temp_folder.ts";

const LIB = new URL("../../../lib/", import.meta.url).href;

Deno.test("ProcessGuard: once it has begun, a process does not outlive the master, which may be killed at once", async () => {
  await using folder = new TempFolder();
  await using holders = new Holders();
  folder.write(
    "main.ts",
    `import { spawn } from "${LIB}launch/command.ts";
    import { ProcessGuard } from "${LIB}master/slaves/process_guard.ts";
    const hold = 'exec 3> "$0"; echo started >&3; exec sleep 1000';
    const pipes = { stdin: "null", stdout: "null", stderr: "null" };
    const { pid, status } = spawn(["/bin/sh", "-c", hold, Deno.args[0]], pipes);
    const guard = new ProcessGuard([Deno.execPath()], async () => {}, console.error);
    guard.add({ name: "process", pid, ended: status, kill() {} });
    // Its end: the process has started.
    await Deno.stdin.read(new Uint8Array(1));
    guard.begin();
    Deno.kill(Deno.pid, "SIGKILL");`,
  );
  await holders.outlive(folder.file("main.ts"), "-A");
});
