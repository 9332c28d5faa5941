import type { Contestant } from "./contestant.ts";
import type { Work } from "./work.ts";

const NODE_FOLDER = new URL("peers/node/", import.meta.url);
const PYTHON_PROGRAM = new URL("peers/python/peer.py", import.meta.url).pathname;

/** A library of others that does the same work. */
export interface Peer {
  readonly name: string;
  readonly language: "node" | "python";
}

const PEERS: readonly Peer[] = [
  { name: "piscina", language: "node" },
  { name: "tinypool", language: "node" },
  { name: "poolifier", language: "node" },
  { name: "workerpool", language: "node" },
  { name: "multiprocessing.Pool", language: "python" },
  { name: "ProcessPoolExecutor", language: "python" },
];

/** Makes a contestant of a peer. */
export function peerContestant({ name, language }: Peer, work: Work, who = name): Contestant {
  const program = language === "node"
    ? ["node", new URL("peer.js", NODE_FOLDER).pathname]
    : ["python3", PYTHON_PROGRAM];
  return { who, command: [...program, name], work, isPeer: true };
}

/** Sorts the peers into those that are installed and those that are not, with what is missing. */
export async function findPeers(): Promise<{ installed: Peer[]; missing: string[] }> {
  const versions = {
    node: await versionOf("node"),
    python: await versionOf("python3"),
  };
  const installed: Peer[] = [];
  const missing: string[] = [];
  for (const peer of PEERS) {
    const reason = versions[peer.language] === undefined
      ? `${peer.language} is not on PATH`
      : peer.language === "node" && !await isInstalled(peer.name)
      ? "deno task bench --install installs it"
      : undefined;
    if (reason === undefined) installed.push(peer);
    else missing.push(`${peer.name} (${reason})`);
  }
  return { installed, missing };
}

/** Installs the peers that run under Node, with npm, into an ignored folder. */
export async function installPeers(): Promise<void> {
  const { success } = await new Deno.Command("npm", {
    args: ["ci", "--no-audit", "--no-fund"],
    cwd: NODE_FOLDER,
    stdin: "null",
  }).spawn().status;
  if (!success) throw new Error("Cannot install the peers: npm ci failed, see above");
}

/** The version of an installed peer that runs under Node. */
export async function versionOfPeer(name: string): Promise<string> {
  const description = new URL(`node_modules/${name}/package.json`, NODE_FOLDER);
  return JSON.parse(await Deno.readTextFile(description)).version;
}

/** What a program says its version is; nothing if it is not on the PATH. */
export async function versionOf(program: string): Promise<string | undefined> {
  try {
    const command = new Deno.Command(program, { args: ["--version"], stdin: "null" });
    const { stdout } = await command.output();
    return new TextDecoder().decode(stdout).trim().replace(/^\D*/, "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function isInstalled(name: string): Promise<boolean> {
  try {
    await Deno.stat(new URL(`node_modules/${name}`, NODE_FOLDER));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
