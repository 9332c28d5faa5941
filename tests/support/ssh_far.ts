import type { SSHOptions } from "../../mod.ts";
import { type GridSite, isAliveHere, killHere, WITHOUT_JOBS } from "./grid_cluster.ts";
import { skipIf } from "./skip.ts";

const SCRIPT = new URL("../grid/sshd.sh", import.meta.url).pathname;

/** This machine, as the host knows it. */
export const MASTER_ADDRESS = "10.79.0.1";

/** Where `tests/grid/sshd.sh` keeps its files. */
export const SSHD_FOLDER = "/tmp/parallel-sshd";

/** Why tests that need the host cannot run; undefined if they can. */
const missingHost: string | undefined = findHost();

function findHost(): string | undefined {
  if (Deno.env.get("PARALLEL_TEST_SSHD") === undefined) {
    return "needs a host to log in to: as root on Debian, run tests/grid/sshd.sh up and set PARALLEL_TEST_SSHD=1";
  }
  const { success } = new Deno.Command(SCRIPT, { args: ["run", "true"] }).outputSync();
  if (!success) {
    throw new Error(
      "PARALLEL_TEST_SSHD is set, but there is no host: as root, run tests/grid/sshd.sh up",
    );
  }
  return undefined;
}

/** A test that needs the host that `tests/grid/sshd.sh` makes; no process of a slave is left there. */
export function sshdTest(name: string, run: () => Promise<void>): void {
  Deno.test({
    ...skipIf(missingHost, `sshd: ${name}`),
    fn: async () => {
      await run();
      await untilNothingRuns();
    },
  });
}

/** Runs a command of `sshd.sh`; returns what it printed. */
export async function sshd(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(SCRIPT, { args, stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout);
  if (!success) throw new Error(`sshd.sh ${args.join(" ")} failed: ${decoder.decode(stderr)}`);
  return output;
}

/** The command that logs in, with changed options if there are any: ssh takes the first that it is given. */
export function sshCommand(...options: string[]): string[] {
  const { stdout } = new Deno.Command(SCRIPT, { args: ["ssh"] }).outputSync();
  const [program, ...words] = new TextDecoder().decode(stdout).trim().split(" ");
  return [program, ...options.flatMap((option) => ["-o", option]), ...words];
}

/** Names for the host, as if they were many. */
export function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `10.79.0.${11 + i}`);
}

/** Slaves that ssh brings to the host, which sees the folders of this machine. */
export const SSH_SITE: GridSite = sshSite("ssh, shared files", { files: "shared" });

/** The same where the host is sent what they need. */
export const SSH_SENT_SITE: GridSite = sshSite("ssh, sent files", { files: "sent" });

/** Slaves that ssh brings to the host, by some options of an array. */
function sshSite(name: string, options: SSHOptions): GridSite {
  return {
    name,
    by: "ssh",
    order: {
      ssh: { hosts: addresses(3), options: { ...options, ssh: sshCommand() } },
      manager: { host: MASTER_ADDRESS },
    },
    missing: missingHost,
    submitHost: [],
    ...WITHOUT_JOBS,
    hosts: ["here", "far"],
    onHost: (host) => host === "far" ? [SCRIPT, "run"] : [],
    spool: SSHD_FOLDER,
    async kill(host, pid, signal) {
      if (host === "far") await sshd("run", "kill", `-${signal}`, String(pid));
      else await killHere(host, pid, signal);
    },
    async isAlive(host, pid) {
      if (host !== "far") return await isAliveHere(host, pid);
      return await sshd("run", "sh", "-c", `test -d /proc/${pid} && echo yes || true`) !== "";
    },
  };
}

/** How many processes of agents and slaves run at the host. */
export async function countProcesses(): Promise<number> {
  const lines = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | tr -s '\\n'";
  const text = await sshd("run", "sh", "-c", lines);
  return text.split(/\/(?:slave\.ts|agent\.js)\b/).length - 1;
}

/**
 * Waits until no process of a slave runs at the host.
 *
 * @param timeoutMs When to fail.
 */
export async function untilNothingRuns(timeoutMs = 60_000): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (await countProcesses() > 0) {
    if (performance.now() > endMs) {
      throw new Error(`Slaves still run at the host after ${timeoutMs / 1000} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
