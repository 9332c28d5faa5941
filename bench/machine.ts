import { cpus } from "node:os";
import { type Peer, versionOf, versionOfPeer } from "./peers.ts";

/** What the figures were measured on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly system: string;
  /** By name: of Deno, node, python3, and the peers. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Looks up what this machine is. */
export async function thisMachine(peers: readonly Peer[]): Promise<Machine> {
  const versions: Record<string, string> = { deno: Deno.version.deno };
  for (const program of ["node", "python3"]) {
    versions[program] = await versionOf(program) ?? "none";
  }
  for (const { name, language } of peers) {
    if (language === "node") versions[name] = await versionOfPeer(name);
  }
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: navigator.hardwareConcurrency,
    memoryGigabytes: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    system: `${Deno.build.os} ${Deno.osRelease()} ${Deno.build.arch}`,
    versions,
  };
}

/** One line for the head of a table. */
export function describeMachine(machine: Machine): string {
  const { processor, cores, memoryGigabytes, system, versions } = machine;
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${processor}, ${cores} cores, ${memoryGigabytes} GB, ${system}; ${programs.join(", ")}`;
}
