/** What slaves of every kind have to do: the same tests on each kind that there is. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Order } from "./master.ts";
import type { Place } from "./place_tasks.ts";
import {
  cluster,
  GRID_ENGINE_PE_SITE,
  GRID_ENGINE_SITE,
  GridMaster,
  type GridSite,
  LOCAL_SITE,
  missingCluster,
  siteTest,
  until,
} from "../support/grid_cluster.ts";
import { SLURM_SITE, SLURM_STEP_SITE } from "../support/slurm_cluster.ts";
import { SSH_SENT_SITE, SSH_SITE, sshd } from "../support/ssh_far.ts";
import { TempFolder } from "../support/temp_folder.ts";

/** What a kind of slaves cannot do, or be done to: the reason. */
interface Absence {
  readonly absent: string;
}

/** What differs between kinds of slaves, as their users see it. */
interface Ways {
  readonly site: GridSite;
  /** The name of a slave in messages. */
  readonly slaveName: RegExp;
  /** Hosts that nine slaves run on, if that is always so. */
  readonly hosts?: readonly string[];
  /** What is said of a command that starts no Deno where slaves are. */
  readonly noDeno: RegExp;
  /** What becomes of slaves whose agent has gone. */
  readonly agentGone: "slave-lost" | "slave-restarted" | Absence;
  /** Has no packet reach a host, or leave it, and undoes that. */
  readonly cut:
    | { cut(host: string): Promise<unknown>; heal(host: string): Promise<unknown> }
    | Absence;
  /** How long a slave may run. */
  readonly timeLimit: TimeLimitWays | Absence;
  /** Slaves that are jobs of their own, beside the master. */
  readonly jobs: JobWays | Absence;
}

/** Of kinds whose scheduler ends a slave that has run for long. */
interface TimeLimitWays {
  /** Words for the submission of jobs that may run for a short time. */
  readonly words: readonly string[];
  /** The command that has a job come to its limit now, where limits are whole minutes. */
  shortenCommand?(job: string): readonly string[];
  /** What is said of a slave that has come to it. */
  readonly said: RegExp;
}

/** Of kinds whose slaves are jobs. */
interface JobWays {
  /** Words that the scheduler refuses, with what it says then. */
  readonly refused: readonly (readonly [words: readonly string[], said: RegExp])[];
  /** What is said of slaves that wait since their job is held. */
  readonly held: RegExp;
  /** What is said of a job that its user has deleted while it ran. */
  readonly deleted: RegExp;
  /** The same of one that waited. */
  readonly deletedWaiting: RegExp;
  /** The command that tells all that others may know of a job. */
  tellCommand(job: string): string;
}

const CLUSTER_CUT = {
  cut: (host: string) => cluster("cut", host),
  heal: (host: string) => cluster("heal", host),
};
const OWN_JOB: Absence = { absent: "slaves are part of the job that the master itself is" };
const NO_JOB: Absence = { absent: "slaves are no jobs" };
const NO_TIME_LIMIT: Absence = { absent: "nobody limits how long slaves run" };
const OWN_TIME_LIMIT: Absence = { absent: "the limit is that of the master's own job, which ends" };
const ONE_MACHINE: Absence = { absent: "nodes are daemons of this machine, and share its network" };
const CLUSTER_HOSTS = missingCluster === undefined ? ["nodeA", "nodeB", "nodeC"] : undefined;

const ALL: readonly Ways[] = [
  {
    site: LOCAL_SITE,
    slaveName: /^local slave \d$/,
    noDeno: /Cannot start \/nowhere\/deno/,
    agentGone: { absent: "slaves of this machine have no agent" },
    cut: { absent: "slaves of this machine need no network" },
    timeLimit: NO_TIME_LIMIT,
    jobs: NO_JOB,
  },
  {
    site: GRID_ENGINE_SITE,
    slaveName: /^slave \d, job \d+\.\d on \S+$/,
    hosts: CLUSTER_HOSTS,
    noDeno: /\/nowhere\/deno: not found.*Set the option deno of the manager/s,
    agentGone: "slave-lost",
    cut: missingCluster === undefined ? CLUSTER_CUT : { absent: "its hosts are in use" },
    timeLimit: {
      words: ["-l", "h_rt=15"],
      said: /^Grid Engine sent SIGUSR2; .*: it had come to its run time limit, h_rt=15/,
    },
    jobs: {
      refused: [
        [["-q", "nowhere.q"], /unknown queue "nowhere\.q"/],
        [["-l", "no_such=1"], /unknown resource "no_such"/],
        [["-zzz"], /-zzz/],
      ],
      held:
        /^2 of 2 slaves are queued in Grid Engine, job \d+: hqw: it is held: qrls lets it run, unless it waits for another job$/,
      deleted: /SIGUSR2|deleted/,
      deletedWaiting: /deleted/,
      tellCommand: (job) => `qstat -j ${job}`,
    },
  },
  {
    site: GRID_ENGINE_PE_SITE,
    slaveName: /^slave \d(, qrsh to \S+ on \S+)?$/,
    hosts: CLUSTER_HOSTS,
    noDeno: /Cannot start \/nowhere\/deno|\/nowhere\/deno: not found/,
    agentGone: "slave-lost",
    cut: CLUSTER_CUT,
    timeLimit: OWN_TIME_LIMIT,
    jobs: OWN_JOB,
  },
  {
    site: SLURM_SITE,
    slaveName: /^slave \d, job \d+_\d on \S+$/,
    noDeno: /\/nowhere\/deno: not found.*Set the option deno of the manager/s,
    agentGone: "slave-lost",
    cut: ONE_MACHINE,
    timeLimit: {
      words: ["--time=1"],
      // A time that is over when the controller reads it is refused.
      shortenCommand: (job) => ["scontrol", "update", `JobId=${job}`, "EndTime=now+10seconds"],
      said: /^Slurm sent SIGTERM; Slurm ended its job at its time limit.*\(TIMEOUT/,
    },
    jobs: {
      refused: [
        [
          ["-p", "nowhere"],
          /invalid partition specified: nowhere.* -p nowhere\. .*sinfo lists the partitions/s,
        ],
        [["--mem=900T"], /Requested node configuration is not available.*No node has what/s],
        [["--zzz"], /unrecognized option '--zzz'.*sbatch --help lists its words/s],
      ],
      held:
        /^2 of 2 slaves are queued in Slurm, job \d+: JobHeldUser: it is held: scontrol release lets it run$/,
      deleted: /Slurm sent SIGTERM/,
      deletedWaiting: /it has ended or was deleted|was cancelled/,
      tellCommand: (job) => `scontrol show job -dd ${job}`,
    },
  },
  {
    site: SLURM_STEP_SITE,
    slaveName: /^slave \d, srun to n\d on \S+$/,
    noDeno: /\/nowhere\/deno: not found/,
    agentGone: "slave-lost",
    cut: ONE_MACHINE,
    timeLimit: OWN_TIME_LIMIT,
    jobs: OWN_JOB,
  },
  ...[SSH_SITE, SSH_SENT_SITE].map((site): Ways => ({
    site,
    slaveName: /^slave \d, ssh to \S+ on far$/,
    hosts: ["far"],
    // The same Deno finds out here which files are to be sent.
    noDeno: site === SSH_SENT_SITE
      ? /Cannot start \/nowhere\/deno: .* It has to be installed on this machine/
      : /there is no \/nowhere\/deno, .* Install Deno there, or set the option deno/,
    agentGone: "slave-restarted",
    cut: { cut: () => sshd("cut"), heal: () => sshd("heal") },
    timeLimit: NO_TIME_LIMIT,
    jobs: NO_JOB,
  })),
];

/** A run that cannot come to an end by itself. */
const ENDLESS: Order = { tasks: 10, taskMs: 10_000_000, slaves: 3 };
/** A run that comes to nothing. */
const FEW: Order = { tasks: 10, slaves: 2 };
/** In the middle of so many tasks and more, something happens. */
const MANY: Order = { tasks: 200, taskMs: 100, slaves: 6, startsWith: 6 };
/** A silent machine is known soon. */
const HEARTBEATS = { heartbeatIntervalMs: 500, heartbeatTimeoutMs: 3000 };

/** Files of connections that are left in the folder of a run. */
function connections(folder: TempFolder): string[] {
  return folder.names().filter((name) => name.startsWith(".parallel"));
}

for (const ways of ALL) {
  const { site } = ways;
  const test = (what: string, run: (folder: TempFolder) => Promise<void>): void =>
    siteTest(site, what, run);
  const start = ({ path }: Pick<TempFolder, "path">, order: Order): GridMaster =>
    site.isInJob
      ? new GridMaster(path, { ...order, slaves: undefined }, order.slaves, site)
      : new GridMaster(path, order, undefined, site);

  /** A master with many tasks under way, which go on until {@linkcode finish}. */
  const startMany = async (folder: TempFolder, order: Partial<Order> = {}): Promise<GridMaster> => {
    const master = start(folder, { ...MANY, untilFile: folder.file("enough"), ...order });
    await master.until("slave-connected", 6);
    await master.until("result", 60);
    return master;
  };
  const finish = async (folder: TempFolder, master: GridMaster): Promise<void> => {
    folder.write("enough", "");
    await master.complete();
  };

  /** Waits until none of the processes is there that did some tasks. */
  const untilGone = async (
    places: readonly Place[],
    which: ("runner" | "agent")[],
  ): Promise<void> => {
    const pids = new Set(
      places.flatMap((place) => which.map((each) => `${place.host} ${place[each]}`)),
    );
    for (const pid of pids) {
      const [host, id] = pid.split(" ");
      await until(
        `process ${id} of ${host} has ended`,
        async () => !await site.isAlive(host, Number(id)),
      );
    }
  };

  test("slaves run a startup with arguments and 2000 tasks, and leave nothing", async (folder) => {
    const output = folder.file("slave%d.output");
    await using master = start(folder, {
      tasks: 2000,
      taskMs: 2,
      slaves: 9,
      startsWith: 9,
      shift: 100,
      manager: { output },
    });
    await master.complete(2000);
    await master.untilJobGone();
    const places = master.of("result");
    if (ways.hosts !== undefined) {
      assertEquals([...new Set(places.map(({ host }) => host))].sort(), ways.hosts);
    }
    const names = master.of("slave-connected").map(({ name }) => name!);
    assertEquals(new Set(names).size, names.length);
    for (const name of names) assertMatch(name, ways.slaveName);
    assertEquals(connections(folder), []);
    const files = folder.names().filter((name) => name.endsWith(".output"));
    const printed = files.map((name) => folder.lines(name).map((line) => line.split(" ")));
    // One that seemed stuck may have run twice.
    const values = new Set(printed.flat().map(([_host, _process, value]) => Number(value)));
    assertEquals(values, new Set(places.map(({ value }) => value)));
    const writers = printed.map((lines) => new Set(lines.map(([host, pid]) => `${host} ${pid}`)));
    assertEquals(writers.filter(({ size }) => size > 1), [], "each file is of one slave");
    const all = writers.flatMap((each) => [...each]);
    assertEquals(new Set(all).size, all.length, "each slave has one file");
  });

  test("the first result comes, and close() returns when nothing is left: how long that takes is printed", async (folder) => {
    await using master = start(folder, { tasks: 30, slaves: 3, startsWith: 3 });
    await master.complete(30);
    await master.untilJobGone();
    const [{ firstResultMs, closeMs }] = master.of("done");
    const seconds = (ms = NaN): string => `${(ms / 1000).toFixed(2)} s`;
    console.log(`  the first after ${seconds(firstResultMs)}, closed in ${seconds(closeMs)}`);
    await untilGone(master.of("result"), ["runner"]);
  });

  test("tasks tell how far they have come", async (folder) => {
    await using master = start(folder, {
      ...{ tasks: 30, taskMs: 200, slaves: 3, startsWith: 3 },
      tellsProgress: true,
    });
    await master.complete(30);
    const told = master.of("task-progress");
    assert(told.length > 0);
    for (const { done, total, text } of told) {
      assertEquals([done, total], [1, 2]);
      assertMatch(text!, /^value [12]?\d$/);
    }
    assertEquals(new Set(told.map(({ text }) => text)).size, told.length, "none is told twice");
  });

  test("a runner that is killed is started anew", async (folder) => {
    await using master = await startMany(folder);
    const { host, runner } = master.of("result").at(-1)!;
    await site.kill(host, runner, "KILL");
    await master.until("slave-restarted");
    await finish(folder, master);
    assertEquals(master.of("slave-lost"), []);
    assertMatch(master.of("slave-restarted")[0].reason!, /SIGKILL/);
  });

  const { agentGone, cut, timeLimit, jobs } = ways;
  if (typeof agentGone === "string") {
    test("an agent that is killed costs its slaves, and no task", async (folder) => {
      await using master = await startMany(folder);
      const [{ pid }] = master.of("master");
      // In a parallel environment one of the slaves is the master's own process.
      const { host, agent } = master.of("result").findLast(({ agent }) => agent !== pid)!;
      const served = master.of("result").filter((place) =>
        place.host === host && place.agent === agent
      );
      await site.kill(host, agent, "KILL");
      await master.until(agentGone, new Set(served.map(({ runner }) => runner)).size);
      await finish(folder, master);
      const told = master.of(agentGone);
      for (const { name } of told) assertMatch(name!, new RegExp(`on ${host}$`));
      console.log(`  ${told[0].reason}`);
      await untilGone(served, ["runner"]);
    });
  }

  if (!("absent" in cut)) {
    test("a node that is cut off does nothing for long, and its tasks move", async (folder) => {
      await using master = await startMany(folder, { manager: HEARTBEATS });
      const [{ host: own }] = master.of("master");
      const places = master.of("result");
      const { host } = places.findLast(({ host }) => host !== own)!;
      await cut.cut(host);
      try {
        // On a busy machine an agent of another node may be silent for as long.
        const gone = agentGone as "slave-lost";
        await master.untilSuch(gone, ({ name }) => name!.endsWith(` on ${host}`));
        for (const { reason } of master.of(gone)) {
          assertMatch(reason!, /nothing was heard from its agent for \d+ s/);
        }
        await untilGone(places.filter((place) => place.host === host), ["runner", "agent"]);
      } finally {
        await cut.heal(host);
      }
      await finish(folder, master);
      await master.untilJobGone();
    });
  }

  if (!("absent" in timeLimit)) {
    test("a slave that comes to its time limit is replaced while there is work, the limit is named, and no task is charged", async (folder) => {
      const { words, shortenCommand, said } = timeLimit;
      await using master = start(folder, {
        ...{ tasks: 0, untilFile: folder.file("enough"), taskMs: 100, slaves: 2, startsWith: 2 },
        array: { words },
        // A task that is charged fails.
        manager: { maxAttempts: 1 },
      });
      await master.until("slave-connected", 2);
      if (shortenCommand !== undefined) {
        for (const slave of [0, 1]) await master.control(shortenCommand(master.jobOf(slave)));
      }
      await master.until("slave-restarted", 2);
      for (const { reason } of master.of("slave-restarted")) {
        console.log(`  ${reason}`);
        assertMatch(reason!, said);
      }
      await master.until("slave-connected", 4);
      await finish(folder, master);
      assertEquals(master.of("slave-lost"), []);
    });
  }

  test("a master that is killed leaves no process and no job", async (folder) => {
    const master = await startMany(folder);
    const places = master.of("result");
    await master.kill("KILL");
    await master.ended;
    await untilGone(places, ["runner", "agent"]);
    await master.untilJobGone();
  });

  // What these do alike on a master is tested elsewhere; the deletion of jobs takes the longest.
  for (const signal of "absent" in jobs ? ["INT"] : ["INT", "TERM", "HUP"]) {
    test(`SIG${signal} ends the master and leaves no job, no process and no file with the secret`, async (folder) => {
      const untilFile = folder.file("never");
      await using master = start(folder, { ...ENDLESS, taskMs: 100, untilFile });
      await master.until("result", 30);
      await master.kill(signal);
      assert(await master.ended !== 0);
      await until("the job is gone", async () => await master.job() === "", 20_000);
      await untilGone(master.of("result"), ["runner"]);
      assertEquals(connections(folder), []);
    });
  }

  test("a script that throws, in a folder of any name, leaves no job and no file with the secret", async (folder) => {
    const path = folder.file("it's a: 100%j ü");
    Deno.mkdirSync(path);
    await using master = start({ path }, { tasks: 500, taskMs: 20, slaves: 3, throwAfter: 50 });
    await master.ended;
    assertEquals(master.of("error").map(({ message }) => message), ["the script has an error"]);
    await master.untilJobGone();
    const names = Deno.readDirSync(path).toArray().map(({ name }) => name);
    assertEquals(names.filter((name) => name.startsWith(".parallel")), []);
  });

  test("a user who is not the owner finds the secret nowhere", async (folder) => {
    Deno.chmodSync(folder.path, 0o755);
    await using master = start(folder, { ...ENDLESS, tellsSecret: true });
    await master.until("slave-connected", 3);
    const [{ secret }] = master.of("secret");
    assertMatch(secret, /^[0-9a-f]{64}$/);
    await using other = new TempFolder();
    Deno.chmodSync(other.path, 0o755);
    const pattern = `-F -f ${other.file("pattern")}`;
    other.write("pattern", secret);
    const job = /job (\d+)/.exec(master.of("slave-connected")[0].name!)?.[1];
    const look = `
      ${"absent" in jobs ? "true" : jobs.tellCommand(job!)} | grep -q ${pattern} && echo scheduler
      cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -qa ${pattern} && echo processes
      grep -rls ${pattern} ${folder.path} ${site.spool ?? ""}
      true`;
    const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    for (const host of site.hosts) {
      const [program, ...args] = [...site.onHost(host), ...asNobody, "sh", "-c", look];
      const { stdout, success } = await new Deno.Command(program, { args, cwd: folder.path })
        .output();
      assert(success);
      assertEquals(new TextDecoder().decode(stdout), "", host);
    }
    // Jobs have it in a file: where there is one, the owner finds it.
    const [connection] = connections(folder);
    if (connection !== undefined) {
      const file = folder.file(`${connection}/connection.json`);
      const modes = [folder.file(connection), file].map((path) =>
        Deno.statSync(path).mode! & 0o777
      );
      assertEquals(modes, [0o700, 0o600]);
      const { stdout } = await new Deno.Command("sh", { args: ["-c", look] }).output();
      assertEquals(new TextDecoder().decode(stdout), `${file}\n`);
    }
    assertEquals(connection === undefined, "absent" in jobs);
    await master.kill("TERM");
  });

  test("a deno that is not where slaves are is an error that says so", async (folder) => {
    await using master = start(folder, { ...FEW, manager: { deno: "/nowhere/deno" } });
    assertMatch(await master.fail(), ways.noDeno);
  });

  if ("absent" in jobs) continue;

  test("a job that is deleted while it runs is an error that says so", async (folder) => {
    // Grid Engine announces the end, and now and then does not kill what it has told to end: then a slave ends after its task.
    await using master = start(folder, { ...ENDLESS, taskMs: 20_000 });
    await master.until("slave-connected", 3);
    await master.cancel();
    assertMatch(await master.fail(), jobs.deleted);
  });

  test("a job that is deleted while it waits is an error that says so", async (folder) => {
    await using master = start(folder, { ...ENDLESS, array: { words: site.control!.heldWords } });
    await master.until("slave-queued", 3);
    await master.cancel();
    assertMatch(await master.fail(), jobs.deletedWaiting);
  });

  test("one task of an array that is deleted costs one slave, which is not replaced, and no task", async (folder) => {
    const untilFile = folder.file("enough");
    const order: Order = { tasks: 300, untilFile, taskMs: 100, slaves: 3, startsWith: 3 };
    await using master = start(folder, order);
    await master.until("slave-connected", 3);
    await master.cancel(2);
    await master.until("slave-lost");
    // Another in its place would be submitted while the others do these.
    await master.until("result", master.of("result").length + 60);
    await finish(folder, master);
    assertEquals(master.of("slave-lost").map(({ slave }) => slave), [1]);
    assertEquals(master.of("slave-queued").length, 3);
  });

  test("slaves that wait in the queue are reported, and run when they may", async (folder) => {
    const array = { words: site.control!.heldWords };
    await using master = start(folder, { ...FEW, array, manager: { dashboard: true } });
    await master.until("warning");
    const [{ reason }] = master.of("warning");
    console.log(`  ${reason}`);
    assertMatch(reason!, jobs.held);
    const [, why] = /: (\w+: .*)$/.exec(reason!)!;
    assertStringIncludes(await master.page(), `2 slaves are queued by the scheduler: ${why}.`);
    await master.release();
    await master.complete(10);
  });

  test("a manager that is closed while its slaves wait leaves no job", async (folder) => {
    const array = { words: site.control!.heldWords };
    await using master = start(folder, { ...FEW, array, closeWhenQueued: true });
    assertEquals(await master.ended, 1);
    assertEquals(await master.job(), "");
    assertEquals(connections(folder), []);
  });

  test("a manager that is closed while a job is in its setup does not wait for it", async (folder) => {
    const array = { setup: `touch ${folder.path}/setup; sleep 10000` };
    await using master = start(folder, { ...FEW, array });
    await until("the job runs", () => folder.names().includes("setup"));
    await master.kill("TERM");
    await master.ended;
    await until("the job is gone", async () => await master.job() === "", 20_000);
  });

  test("words that the scheduler refuses are an error with what it says and the command", async (folder) => {
    for (const [words, said] of jobs.refused) {
      await using master = start(folder, { ...FEW, array: { words } });
      const message = await master.fail();
      assertMatch(message, said);
      assertMatch(message, new RegExp(`${site.name} refused the job \\(exit code \\d+\\)`));
      assertMatch(message, /The command was .* Correct the options of S/);
    }
  });

  test("a setup line that fails is an error with the line and what it printed", async (folder) => {
    const array = { setup: ["true", "module load 'deno 3'"] };
    await using master = start(folder, { ...FEW, array });
    const message = await master.fail();
    assertStringIncludes(
      message,
      `The setup line "module load 'deno 3'" failed with exit code 127`,
    );
    assertStringIncludes(message, "module: not found");
    assertStringIncludes(message, "Correct the option setup of S");
  });
}
