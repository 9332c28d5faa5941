/**
 * The text that says where the page is.
 *
 * @module
 */

import { quote } from "../../../shell.ts";

/** Where the page can be reached. */
export interface PageAddress {
  readonly host: string;
  readonly port: number;
  readonly token: string;
}

/** What is known about the machine and about how the script was started. */
export interface Whereabouts {
  /** Name of this machine; missing if it may not be asked. */
  readonly hostname: string | undefined;
  /** A variable of the environment; nothing if it is missing or may not be read. */
  variable(name: string): string | undefined;
}

/** These variables name the submit host in jobs of Grid Engine, Slurm and PBS. */
const SUBMIT_HOSTS = ["SGE_O_HOST", "SLURM_SUBMIT_HOST", "PBS_O_HOST"];
/** These variables exist in such jobs. Those of Grid Engine are the id of the job, and the folder of its spool. */
const JOB_VARIABLES = [["JOB_ID", "SGE_JOB_SPOOL_DIR"], ["SLURM_JOB_ID"], ["PBS_JOBID"]];

/** The lines to print. */
export function addressLines(address: PageAddress, around: Whereabouts): string[] {
  const { host, port } = address;
  const lines = [`parallel: the page of this run is ${pageUrl(address, around.hostname)}`];
  if (isLoopback(host)) {
    const tunnel = tunnelCommand(port, host, around);
    if (tunnel !== undefined) {
      lines.push(`parallel: from your own machine first: ${tunnel}`);
    }
  } else {
    lines.push(
      `parallel: the page is plain HTTP on ${host}: whoever can listen in on that network reads it, and its token. ` +
        "Without the host it is for this machine alone, and ssh -L brings it to yours",
    );
  }
  return lines;
}

/** The address of the page. */
function pageUrl({ host, port, token }: PageAddress, hostname: string | undefined): string {
  const isAny = host === "0.0.0.0" || host === "::";
  const name = isAny ? hostname ?? "127.0.0.1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}/?token=${token}`;
}

/** Whether no other machine can connect to it. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

/** The command that makes the page available on the machine from which the user logged in here; nothing if there was no login. */
function tunnelCommand(
  port: number,
  host: string,
  { hostname, variable }: Whereabouts,
): string | undefined {
  const user = variable("USER") ?? variable("LOGNAME");
  const at = (machine: string) => user === undefined ? machine : `${user}@${machine}`;
  const forward = `ssh -N -L ${port}:${host.includes(":") ? `[${host}]` : host}:${port}`;
  const isJob = JOB_VARIABLES.some((all) => all.every((name) => variable(name) !== undefined));
  if (isJob) {
    const node = hostname ?? variable("SLURMD_NODENAME") ?? "NODE";
    const submit = SUBMIT_HOSTS.map(variable).find((name) => name !== undefined);
    const jump = submit === undefined || submit === node ? "" : ` -J ${quote(at(submit))}`;
    return `${forward}${jump} ${quote(at(node))}`;
  }
  const [, , server] = variable("SSH_CONNECTION")?.split(" ") ?? [];
  if (server === undefined) return undefined;
  return `${forward} ${quote(at(hostname ?? server))}`;
}

/** What this process may know without asking for a permission. */
export function systemWhereabouts(): Whereabouts {
  const isGranted = (descriptor: Deno.PermissionDescriptor) =>
    Deno.permissions.querySync(descriptor).state === "granted";
  return {
    hostname: isGranted({ name: "sys", kind: "hostname" }) ? Deno.hostname() : undefined,
    variable: (name) => isGranted({ name: "env", variable: name }) ? Deno.env.get(name) : undefined,
  };
}
