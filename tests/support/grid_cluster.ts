import { assertEquals } from "@std/assert";
import type { Occurrence, Order } from "../grid/master.ts";
import { skipIf } from "./skip.ts";
import { TempFolder } from "./temp_folder.ts";

/** Hosts of the cluster that `tests/grid/cluster.sh` makes. */
export type ClusterHost = "master" | "nodeA" | "nodeB" | "nodeC";

/** A host that runs slaves. */
export type ClusterNode = Exclude<ClusterHost, "master">;

const CLUSTER_SCRIPT = new URL("../grid/cluster.sh", import.meta.url).pathname;
const MASTER_SCRIPT = new URL("../grid/master.ts", import.meta.url).pathname;

/** Why tests that need the cluster cannot run; undefined if they can. */
export const missingCluster: string | undefined = findCluster();

function findCluster(): string | undefined {
  if (Deno.env.get("PARALLEL_TEST_CLUSTER") === undefined) {
    return "needs a cluster: as root on Debian, run tests/grid/cluster.sh up and set PARALLEL_TEST_CLUSTER=1";
  }
  const { success } = new Deno.Command(CLUSTER_SCRIPT, {
    args: ["run", "master", "qstat"],
    stdout: "null",
  }).outputSync();
  if (!success) throw new Error("PARALLEL_TEST_CLUSTER is set, but there is no cluster");
  return undefined;
}

/** Runs a command of `cluster.sh`; returns what it printed. */
export async function cluster(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(CLUSTER_SCRIPT, { args }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  if (!success) throw new Error(`cluster.sh ${args.join(" ")} failed: ${output}`);
  return output;
}

/** Ends a process of a host. */
export async function killOn(host: ClusterHost, pid: number, signal = "KILL"): Promise<void> {
  await cluster("run", host, "kill", `-${signal}`, String(pid));
}

/** Whether a process of a host is there. */
export async function isAliveOn(host: ClusterHost, pid: number): Promise<boolean> {
  return (await cluster("run", host, "sh", "-c", `test -d /proc/${pid} && echo yes || true`)) !==
    "";
}

/** Waits until something is so; fails when it takes too long. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!await isSo()) {
    if (performance.now() > end) throw new Error(`Waited ${timeoutMs / 1000} s until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Jobs that Grid Engine knows of, as `qstat` prints them. */
export async function queue(): Promise<string> {
  return await cluster("run", "master", "qstat");
}

/** Waits until Grid Engine knows of no job. */
export async function untilQueueIsEmpty(): Promise<void> {
  await until("no job is left in qstat", async () => await queue() === "");
}

/** An occurrence of one type. */
type OccurrenceOf<Type extends Occurrence["type"]> = Extract<Occurrence, { type: Type }>;

/** A master that runs on a host of the cluster. */
export class ClusterMaster implements AsyncDisposable {
  readonly occurrences: Occurrence[] = [];
  /** What it printed that is no occurrence. */
  readonly printed: string[] = [];
  /** Its exit code; resolves when all that it printed has been read. */
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;
  #waiting: (() => void)[] = [];

  /**
   * Starts a master.
   *
   * @param folder Absolute path of the folder to run in.
   * @param slots Runs it in a parallel environment with so many slots; otherwise on the host of that name.
   */
  constructor(folder: string, order: Order, slots?: number) {
    const deno = [Deno.execPath(), "run", "--quiet", "--no-check", "--allow-all", MASTER_SCRIPT];
    const text = JSON.stringify(order);
    // qrsh has its words parsed again by a shell.
    const command = slots === undefined
      ? [...deno, text]
      : ["qrsh", "-now", "n", "-cwd", "-pe", "rr", String(slots), ...deno, `'${text}'`];
    this.#child = new Deno.Command(CLUSTER_SCRIPT, {
      args: ["run", "master", ...command],
      cwd: folder,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.ended = this.#run();
  }

  /** Occurrences of a type so far. */
  of<Type extends Occurrence["type"]>(type: Type): OccurrenceOf<Type>[] {
    return this.occurrences.filter((each): each is OccurrenceOf<Type> => each.type === type);
  }

  /** Waits until there are as many occurrences of a type. */
  async until(type: Occurrence["type"], count = 1): Promise<void> {
    let hasEnded = false;
    this.ended.then(() => hasEnded = true);
    while (this.of(type).length < count) {
      if (hasEnded) {
        throw new Error(`The master ended without ${count} ${type}: ${this.describe()}`);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Ends it, or tells it something. */
  async kill(signal: string): Promise<void> {
    await this.until("master");
    const [{ host, pid }] = this.of("master");
    await killOn(host as ClusterHost, pid, signal);
  }

  /** Waits for its end; it must have told each result once. */
  async complete(tasks: number): Promise<void> {
    const code = await this.ended;
    const values = this.of("result").map(({ value }) => value).toSorted((a, b) => a - b);
    assertEquals(code, 0, this.describe());
    assertEquals(values, Array.from({ length: tasks }, (_, i) => i), this.describe());
  }

  /** Waits for its end by an error; prints and returns its message. */
  async fail(): Promise<string> {
    await this.ended;
    const [error] = this.of("error");
    if (error === undefined) throw new Error(`The master did not fail: ${this.describe()}`);
    console.log(`  ${error.name}: ${error.message}`);
    return error.message;
  }

  /** All but results and the usual events. */
  describe(): string {
    const usual = ["result", "slave-queued", "slave-started", "slave-connected", "slave-ended"];
    const told = this.occurrences.filter(({ type }) => !usual.includes(type));
    return [...told.map((each) => JSON.stringify(each)), ...this.printed].join("\n");
  }

  /** Ends it, if the test has failed, and waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    let hasEnded = false;
    this.ended.then(() => hasEnded = true);
    await Promise.resolve();
    if (!hasEnded && this.of("master").length > 0) await this.kill("KILL").catch(() => {}); // It has ended.
    await this.ended;
  }

  async #run(): Promise<number> {
    await Promise.all([
      this.#read(this.#child.stdout, (line) => {
        if (line.startsWith("{")) this.occurrences.push(JSON.parse(line));
        else this.printed.push(line);
      }),
      this.#read(this.#child.stderr, (line) => this.printed.push(line)),
    ]);
    const { code } = await this.#child.status;
    this.#wake();
    return code;
  }

  async #read(
    source: ReadableStream<Uint8Array<ArrayBuffer>>,
    take: (line: string) => void,
  ): Promise<void> {
    let rest = "";
    for await (const text of source.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) take(line);
      this.#wake();
    }
    if (rest !== "") take(rest);
  }

  #wake(): void {
    // After whoever waits for the end has been told.
    setTimeout(() => {
      for (const look of this.#waiting.splice(0)) look();
    });
  }
}

/** A test on the cluster: has a folder of its own, and leaves no job. */
export function clusterTest(name: string, run: (folder: TempFolder) => Promise<void>): void {
  Deno.test({
    ...skipIf(missingCluster, `cluster: ${name}`),
    fn: async () => {
      await using folder = new TempFolder();
      try {
        await run(folder);
        await untilQueueIsEmpty();
      } finally {
        // Not to disturb the other tests.
        if (await queue() !== "") await cluster("run", "master", "qdel", "-f", "-u", "*");
      }
    },
  });
}
