import { assertEquals, assertMatch } from "@std/assert";
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

/** Why tests that need some Grid Engine cannot run; undefined if they can. */
export const missingGrid: string | undefined = findGrid();

function findCluster(): string | undefined {
  if (Deno.env.get("PARALLEL_TEST_CLUSTER") === undefined) {
    return "needs a cluster: as root on Debian, run tests/grid/cluster.sh up and set PARALLEL_TEST_CLUSTER=1";
  }
  const { success } = new Deno.Command(CLUSTER_SCRIPT, {
    args: ["run", "master", "qstat"],
    stdout: "null",
  }).outputSync();
  if (!success) {
    throw new Error(
      "PARALLEL_TEST_CLUSTER is set, but there is no cluster: as root, run tests/grid/cluster.sh up",
    );
  }
  return undefined;
}

function findGrid(): string | undefined {
  if (missingCluster === undefined) return undefined;
  try {
    const { success } = new Deno.Command("qstat", { stdout: "null", stderr: "null" }).outputSync();
    return success ? undefined : `qstat does not work here; otherwise it ${missingCluster}`;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return `there is no Grid Engine here; otherwise it ${missingCluster}`;
  }
}

/** Where this Deno keeps packages. A job has its user's real home folder, whatever `HOME` is here, and may have no network. */
function denoFolder(): string {
  const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

/** What brings the slaves of masters of tests, and what tests do to those. */
export interface GridSite {
  /** What it is called in the names of tests. */
  readonly name: string;
  readonly by: NonNullable<Order["by"]>;
  /** What the order of a master has besides. */
  readonly order?: Pick<Order, "ssh" | "manager">;
  /** Whether slaves fill the slots of the job that the master itself is. */
  readonly isInJob?: boolean;
  /** Why tests that need it cannot run; undefined if they can. */
  readonly missing: string | undefined;
  /** A command that runs another where masters are started: on a host of the cluster, or here. */
  readonly submitHost: readonly string[];
  /** A command that runs another in a job of so many slots; the other's last word is JSON. */
  jobCommand?(jobName: string, slots: number, command: readonly string[]): string[];
  /** What a job of slaves is known by: the name that it was given, or the id that the scheduler has given it. */
  jobOf(jobName: string, jobIds: readonly string[]): string;
  /** The command that asks for what is known of a job, and whether its answer means that the job is gone. */
  askCommand(job: string): readonly string[];
  isGone(answer: CommandEnd): boolean;
  /** How jobs of slaves are controlled; missing if these have none of their own. */
  readonly control?: JobControl;
  /** Hosts that something of a run may be seen at, and a command that runs another there. */
  readonly hosts: readonly string[];
  onHost(host: string): readonly string[];
  /** Where it keeps files of its own, if it does. */
  readonly spool?: string;
  /** Sends a signal to a process of a host. */
  kill(host: string, pid: number, signal: string): Promise<void>;
  /** Whether a process of a host is there. */
  isAlive(host: string, pid: number): Promise<boolean>;
}

/** How users control jobs of theirs. */
export interface JobControl {
  /** The command that deletes a job, or one task of it. */
  cancelCommand(job: string, task?: number): readonly string[];
  /** Words for a submission that has the job wait, and the command that lets it run. */
  readonly heldWords: readonly string[];
  releaseCommand(job: string): readonly string[];
}

/** What a command has said. */
export interface CommandEnd {
  readonly success: boolean;
  /** What it printed, standard error last. */
  readonly output: string;
}

/** The cluster, or else the Grid Engine of this machine. */
export const GRID_ENGINE_SITE: GridSite = {
  name: "Grid Engine",
  by: "Grid Engine",
  missing: missingGrid,
  submitHost: missingCluster === undefined ? [CLUSTER_SCRIPT, "run", "master"] : [],
  // qrsh has its words parsed again by a shell.
  jobCommand: (jobName, slots, command) => [
    ...["qrsh", "-now", "n", "-cwd", "-N", jobName, "-pe", "rr", String(slots)],
    ...["-v", `DENO_DIR=${denoFolder()}`],
    ...command.slice(0, -1),
    `'${command.at(-1)}'`,
  ],
  jobOf: (jobName) => jobName,
  askCommand: (job) => ["qstat", "-j", job],
  isGone: ({ success, output }) => !success && /do not exist/.test(output),
  control: {
    cancelCommand: (job, task) => ["qdel", job, ...task === undefined ? [] : ["-t", String(task)]],
    heldWords: ["-h"],
    releaseCommand: (job) => ["qrls", job],
  },
  hosts: missingCluster === undefined ? ["master", "nodeA", "nodeB", "nodeC"] : ["here"],
  onHost: (host) => missingCluster === undefined ? [CLUSTER_SCRIPT, "run", host] : [],
  spool: missingCluster === undefined ? "/tmp/parallel-cluster" : undefined,
  async kill(host, pid, signal) {
    if (missingCluster === undefined) await killOn(host as ClusterHost, pid, signal);
    else await killHere(host, pid, signal);
  },
  async isAlive(host, pid) {
    return missingCluster === undefined
      ? await isAliveOn(host as ClusterHost, pid)
      : await isAliveHere(host, pid);
  },
};

/** Slots of the master's own job in a parallel environment of the cluster. */
export const GRID_ENGINE_PE_SITE: GridSite = {
  ...GRID_ENGINE_SITE,
  name: "Grid Engine PE",
  isInJob: true,
  missing: missingCluster,
  control: undefined,
};

/** Where slaves are no jobs. */
export const WITHOUT_JOBS: Pick<GridSite, "jobOf" | "askCommand" | "isGone"> = {
  jobOf: () => "",
  askCommand: () => ["true"],
  isGone: () => true,
};

/** Slaves of this machine. */
export const LOCAL_SITE: GridSite = {
  name: "local",
  by: "this machine",
  missing: undefined,
  submitHost: [],
  ...WITHOUT_JOBS,
  hosts: ["here"],
  onHost: () => [],
  kill: killHere,
  isAlive: isAliveHere,
};

/** Sends a signal to a process of this machine. */
export function killHere(_host: string, pid: number, signal: string): Promise<void> {
  Deno.kill(pid, `SIG${signal}` as Deno.Signal);
  return Promise.resolve();
}

/** Whether a process of this machine is there. */
export async function isAliveHere(_host: string, pid: number): Promise<boolean> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  // One that has ended, and that nobody has asked for, is a zombie.
  return stat !== "" && !/\) [ZX] /.test(stat);
}

/** Runs a command where jobs can be submitted. */
export async function onSubmitHost(
  { submitHost }: GridSite,
  ...command: readonly string[]
): Promise<CommandEnd> {
  const [program, ...args] = [...submitHost, ...command];
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const decoder = new TextDecoder();
  return { success, output: decoder.decode(stdout) + decoder.decode(stderr) };
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

/** Jobs that the cluster knows of, as `qstat` prints them. */
async function queue(): Promise<string> {
  return await cluster("run", "master", "qstat");
}

/** Waits until the cluster knows of no job. */
export async function untilQueueIsEmpty(): Promise<void> {
  await until("no job is left in qstat", async () => await queue() === "");
}

/** An occurrence of one type. */
type OccurrenceOf<Type extends Occurrence["type"]> = Extract<Occurrence, { type: Type }>;

/** A master that runs where jobs can be submitted, or as a job itself. */
export class GridMaster implements AsyncDisposable {
  /** Name of the job of its slaves, which no other has. */
  readonly jobName: string = `p${crypto.randomUUID().slice(0, 8)}`;
  readonly occurrences: Occurrence[] = [];
  /** What it printed that is no occurrence. */
  readonly printed: string[] = [];
  /** Its exit code; resolves when all that it printed has been read. */
  readonly ended: Promise<number>;
  readonly #site: GridSite;
  readonly #child: Deno.ChildProcess;
  #hasEnded = false;
  #waiting: (() => void)[] = [];

  /**
   * Starts a master.
   *
   * @param folder Absolute path of the folder to run in.
   * @param slots Runs it as a job with so many slots.
   * @param site Where; the Grid Engine by default.
   */
  constructor(folder: string, order: Order, slots?: number, site: GridSite = GRID_ENGINE_SITE) {
    this.#site = site;
    const { by } = site;
    const array = { jobName: this.jobName, ...order.array };
    const manager = { ...site.order?.manager, ...order.manager };
    const text = JSON.stringify({ ...site.order, ...order, by, array, manager });
    const run = ["run", "--quiet", "--no-check", "--allow-all", MASTER_SCRIPT];
    const master = [Deno.execPath(), ...run, text];
    const command = slots === undefined ? master : site.jobCommand!(this.jobName, slots, master);
    const [program, ...args] = [...site.submitHost, ...command];
    this.#child = new Deno.Command(program, {
      args,
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
    while (this.of(type).length < count) {
      if (this.#hasEnded) {
        throw new Error(`The master ended without ${count} ${type}: ${this.describe()}`);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Waits until there are as many occurrences of a type that are such ones; returns these. */
  async untilSuch<Type extends Occurrence["type"]>(
    type: Type,
    isSuch: (occurrence: OccurrenceOf<Type>) => boolean,
    count = 1,
  ): Promise<OccurrenceOf<Type>[]> {
    for (;;) {
      const all = this.of(type);
      const such = all.filter(isSuch);
      if (such.length >= count) return such;
      await this.until(type, all.length + 1);
    }
  }

  /** Ends it, or tells it something. */
  async kill(signal: string): Promise<void> {
    await this.until("master");
    const [{ host, pid }] = this.of("master");
    await this.#site.kill(host, pid, signal);
  }

  /** Deletes the job of its slaves, or one task of it, as its user does. */
  async cancel(task?: number): Promise<void> {
    await this.control(this.#site.control!.cancelCommand(this.#job, task));
  }

  /** Lets the job of its slaves run, which was to wait. */
  async release(): Promise<void> {
    await this.control(this.#site.control!.releaseCommand(this.#job));
  }

  /** What messages call the present job of a slave, such as `4711.3`. */
  jobOf(slave: number): string {
    const { name } = this.of("slave-queued").findLast((queued) => queued.slave === slave)!;
    return /job (\S+)/.exec(name!)![1];
  }

  /** Runs a command of the scheduler, which must succeed. */
  async control(command: readonly string[]): Promise<void> {
    const { success, output } = await onSubmitHost(this.#site, ...command);
    if (!success) throw new Error(`${command.join(" ")} failed: ${output}`);
  }

  /** What the scheduler knows of the job of its slaves; nothing if it is gone. */
  async job(): Promise<string> {
    const answer = await onSubmitHost(this.#site, ...this.#site.askCommand(this.#job));
    if (this.#site.isGone(answer)) return "";
    if (!answer.success) throw new Error(`The job cannot be asked for: ${answer.output}`);
    return answer.output;
  }

  /** What the page of its run shows, as HTML; it has been made with the option `dashboard`. */
  async page(): Promise<string> {
    const url = this.printed.map((line) => /http:\S+/.exec(line)?.[0]).find((found) => found);
    const state = JSON.stringify(new URL(`state${new URL(url!).search}`, url).href);
    const code = `console.log(await (await fetch(${state})).text())`;
    const { success, output } = await onSubmitHost(this.#site, Deno.execPath(), "eval", code);
    if (!success) throw new Error(`The page cannot be asked for: ${output}`);
    return Object.values<string>(JSON.parse(output).sections).join("\n");
  }

  /** Waits until the job of its slaves is gone, which nobody but itself deletes: a scheduler may take a while to end it. */
  async untilJobGone(): Promise<void> {
    await until("the job is gone", async () => await this.job() === "");
  }

  /** What the job of its slaves is known by. */
  get #job(): string {
    if (this.#site.isInJob) return this.jobName;
    const names = this.of("slave-queued").map(({ name }) => /job (\d+)/.exec(name!)?.[1]);
    return this.#site.jobOf(this.jobName, [...new Set(names.filter((id) => id !== undefined))]);
  }

  /**
   * Waits for its end; it must have told each result once.
   *
   * @param tasks How many; where its order leaves that open, as many as it says.
   */
  async complete(tasks?: number): Promise<void> {
    const code = await this.ended;
    const values = this.of("result").map(({ value }) => value).toSorted((a, b) => a - b);
    assertEquals(code, 0, this.describe());
    const length = tasks ?? this.of("done")[0].tasks;
    assertEquals(values, Array.from({ length }, (_, i) => i), this.describe());
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
    const usual = [
      "result",
      "slave-queued",
      "slave-job-started",
      "slave-started",
      "slave-connected",
      "slave-ended",
      "task-progress",
    ];
    const told = this.occurrences.filter(({ type }) => !usual.includes(type));
    return [...told.map((each) => JSON.stringify(each)), ...this.printed].join("\n");
  }

  /** Ends it, if the test has failed, and waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded && this.of("master").length > 0) await this.kill("KILL").catch(() => {}); // It has ended.
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
    this.#hasEnded = true;
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
    for (const look of this.#waiting.splice(0)) look();
  }
}

/** How a test on the cluster leaves it. */
export interface ClusterTestOptions {
  /** Grid Engine itself is slow to see that the jobs have ended: it is enough that their deletion has been ordered. */
  readonly isSlowToEnd?: boolean;
}

/** A test that needs the cluster: has a folder of its own, and leaves no job. */
export function clusterTest(
  name: string,
  run: (folder: TempFolder) => Promise<void>,
  { isSlowToEnd = false }: ClusterTestOptions = {},
): void {
  Deno.test({
    ...skipIf(missingCluster, `cluster: ${name}`),
    fn: async () => {
      await using folder = new TempFolder();
      try {
        await run(folder);
        if (!isSlowToEnd) await untilQueueIsEmpty();
        for (const [, state] of (await queue()).matchAll(/^ +\d+ \S+ \S+ +\S+ +(\S+)/gm)) {
          assertMatch(state, /d/, "the job has not been deleted");
        }
      } finally {
        // Not to disturb the other tests. Jobs do without a node that is not heard of, as after the qmaster has started again.
        // They may end meanwhile, of which qdel would complain.
        if (await queue() !== "") {
          await cluster("run", "master", "sh", "-c", "qdel -f -u '*' || true");
        }
        await untilQueueIsEmpty();
        for (const node of ["nodeA", "nodeB", "nodeC"]) await cluster("boot", node);
      }
    },
  });
}

/** A test that needs a site: has a folder that all hosts of the site see, and the site's name before its own. */
export function siteTest(
  site: GridSite,
  what: string,
  run: (folder: TempFolder) => Promise<void>,
): void {
  Deno.test({
    ...skipIf(site.missing, `${site.name}: ${what}`),
    fn: async () => {
      // The project itself is likely to be in a folder that all machines of somebody's Grid Engine share.
      const isElsewhere = site.by === "Grid Engine" && site.submitHost.length === 0;
      const dir = isElsewhere ? new URL("../..", import.meta.url).pathname : undefined;
      await using folder = new TempFolder(dir);
      await run(folder);
    },
  });
}
