import { Holders } from "../../support/holders.ts";
import { TempFolder } from "../../support/temp_folder.ts";

const LIB = new URL("../../../lib/", import.meta.url).href;

/** When the watch begins, and what is done for that. */
const BEGINNINGS = {
  "it is told to": { launched: "new Promise(() => {})", does: "guard.begin()" },
  "a slave has connected": { launched: "new Promise(() => {})", does: "guard.slaveConnected()" },
  "another process has ended": { launched: "new Promise(() => {})", does: "await endOne()" },
  "all slaves have been started": { launched: "Promise.resolve()", does: "" },
};

for (const [when, { launched, does }] of Object.entries(BEGINNINGS)) {
  Deno.test(`ProcessGuard: a process does not outlive the master, which may be killed as soon as ${when}`, async () => {
    await using folder = new TempFolder();
    await using holders = new Holders();
    folder.write(
      "main.ts",
      `import { spawn } from "${LIB}launch/command.ts";
      import { ProcessGuard } from "${LIB}master/slaves/process_guard.ts";
      const pipes = { stdin: "null", stdout: "null", stderr: "null" };
      const start = (...command) => {
        const { pid, status } = spawn(command, pipes);
        guard.add({ name: "process", pid, ended: status, kill() {} });
        return status;
      };
      const endOne = () => start("/bin/sh", "-c", "exit");
      const guard = new ProcessGuard([Deno.execPath()], () => ${launched}, console.error);
      start("/bin/sh", "-c", 'exec 3> "$0"; echo started >&3; exec sleep 1000', Deno.args[0]);
      // Its end: the process has started.
      await Deno.stdin.read(new Uint8Array(1));
      ${does};
      Deno.kill(Deno.pid, "SIGKILL");`,
    );
    await holders.outlive(folder.file("main.ts"), "-A");
  });
}
