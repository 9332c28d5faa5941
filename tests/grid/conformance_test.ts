/** What slaves in a cluster have to do, whatever the scheduler: the same tests on each that there is. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Order } from "./master.ts";
import {
  GRID_ENGINE_SITE,
  GridMaster,
  type GridSite,
  missingCluster,
  siteTest,
  until,
} from "../support/grid_cluster.ts";
import { SLURM_SITE } from "../support/slurm_cluster.ts";
import type { TempFolder } from "../support/temp_folder.ts";

/** What differs between schedulers, as their users see it. */
interface Ways {
  readonly site: GridSite;
  /** Words that it refuses, with what it says then. */
  readonly refused: readonly (readonly [words: readonly string[], said: RegExp])[];
  /** What is said of slaves that wait since their job is held. */
  readonly held: RegExp;
  /** What is said of a job that its user has deleted while it ran. */
  readonly deleted: RegExp;
  /** The same of one that waited. */
  readonly deletedWaiting: RegExp;
  /** The name of a slave in messages. */
  readonly slaveName: RegExp;
  /** Hosts of the nodes, if there are several. */
  readonly hosts?: readonly string[];
}

const ALL: readonly Ways[] = [
  {
    site: GRID_ENGINE_SITE,
    refused: [
      [["-q", "nowhere.q"], /unknown queue "nowhere\.q"/],
      [["-l", "no_such=1"], /unknown resource "no_such"/],
      [["-zzz"], /-zzz/],
    ],
    held: /^2 of 2 slaves are queued in Grid Engine, job (\d+): qstat -j \1 says why$/,
    deleted: /SIGUSR2|deleted/,
    deletedWaiting: /deleted/,
    slaveName: /^slave \d, job \d+\.\d on \S+$/,
    hosts: missingCluster === undefined ? ["nodeA", "nodeB", "nodeC"] : undefined,
  },
  {
    site: SLURM_SITE,
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
    slaveName: /^slave \d, job \d+_\d on \S+$/,
  },
];

/** A run that cannot come to an end by itself. */
const ENDLESS: Order = { tasks: 10, taskMs: 10_000_000, slaves: 3 };
/** A run that comes to nothing. */
const FEW: Order = { tasks: 10, slaves: 2 };
/** In the middle of so many tasks, something happens. */
const MANY: Order = { tasks: 300, taskMs: 100, slaves: 6, startsWith: 6 };

/** Files of connections that are left in the folder of a run. */
function connections(folder: TempFolder): string[] {
  return folder.names().filter((name) => name.startsWith(".parallel"));
}

for (const ways of ALL) {
  const { site } = ways;
  const test = (what: string, run: (folder: TempFolder) => Promise<void>): void =>
    siteTest(site, `${site.scheduler}: ${what}`, run);
  const start = (folder: TempFolder, order: Order): GridMaster =>
    new GridMaster(folder.path, order, undefined, site);

  /** A master with many tasks under way. */
  const startMany = async (folder: TempFolder): Promise<GridMaster> => {
    const master = start(folder, MANY);
    await master.until("slave-connected", 6);
    await master.until("result", 60);
    return master;
  };

  test("an array runs a startup with arguments and 2000 tasks, and leaves nothing", async (folder) => {
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
    assertEquals(await master.job(), "", "the job is gone when the master has ended");
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

  test("a runner that is killed is started anew", async (folder) => {
    await using master = await startMany(folder);
    const { host, runner } = master.of("result").at(-1)!;
    await site.kill(host, runner, "KILL");
    await master.complete(300);
    assertEquals(master.of("slave-lost"), []);
    assertMatch(master.of("slave-restarted")[0].reason!, /SIGKILL/);
  });

  test("an agent that is killed costs its slave, and no task", async (folder) => {
    await using master = await startMany(folder);
    const { host, runner, agent } = master.of("result").at(-1)!;
    await site.kill(host, agent, "KILL");
    await master.complete(300);
    assertEquals(master.of("slave-lost").length, 1);
    console.log(`  ${master.of("slave-lost")[0].reason}`);
    assert(!await site.isAlive(host, runner));
  });

  test("a master that is killed leaves no process and no job", async (folder) => {
    const master = await startMany(folder);
    const places = master.of("result").slice(-20);
    await master.kill("KILL");
    await master.ended;
    for (const pid of ["runner", "agent"] as const) {
      for (const place of places) {
        const { host } = place;
        const isGone = async () => !await site.isAlive(host, place[pid]);
        await until(`${pid} ${place[pid]} of ${host} has ended`, isGone);
      }
    }
    await until("the job is gone", async () => await master.job() === "");
  });

  for (const signal of ["INT", "TERM", "HUP"]) {
    test(`SIG${signal} ends the master and leaves no job, no process and no file with the secret`, async (folder) => {
      await using master = start(folder, { ...ENDLESS, tasks: 400, taskMs: 100 });
      await master.until("result", 30);
      const { host, runner } = master.of("result").at(-1)!;
      await master.kill(signal);
      assert(await master.ended !== 0);
      await until("the job is gone", async () => await master.job() === "", 20_000);
      assert(!await site.isAlive(host, runner));
      assertEquals(connections(folder), []);
    });
  }

  test("a script that throws leaves no job and no file with the secret", async (folder) => {
    await using master = start(folder, { tasks: 500, taskMs: 20, slaves: 3, throwAfter: 50 });
    await master.ended;
    assertEquals(master.of("error").map(({ message }) => message), ["the script has an error"]);
    assertEquals(await master.job(), "");
    assertEquals(connections(folder), []);
  });

  test("a job that is deleted while it runs is an error that says so", async (folder) => {
    // Grid Engine announces the end, and now and then does not kill what it has told to end: then a slave ends after its task.
    await using master = start(folder, { ...ENDLESS, taskMs: 20_000 });
    await master.until("slave-connected", 3);
    await master.cancel();
    assertMatch(await master.fail(), ways.deleted);
  });

  test("a job that is deleted while it waits is an error that says so", async (folder) => {
    await using master = start(folder, { ...ENDLESS, array: { words: site.heldWords } });
    await master.until("slave-queued", 3);
    await master.cancel();
    assertMatch(await master.fail(), ways.deletedWaiting);
  });

  test("one task of an array that is deleted costs one slave, and no task", async (folder) => {
    await using master = start(folder, { tasks: 300, taskMs: 100, slaves: 3, startsWith: 3 });
    await master.until("slave-connected", 3);
    await master.cancel(2);
    await master.complete(300);
    assertEquals(master.of("slave-lost").map(({ slave }) => slave), [1]);
  });

  test("slaves that wait in the queue are reported, and run when they may", async (folder) => {
    await using master = start(folder, { ...FEW, array: { words: site.heldWords } });
    await master.until("warning");
    const [{ reason }] = master.of("warning");
    console.log(`  ${reason}`);
    assertMatch(reason!, ways.held);
    await master.release();
    await master.complete(10);
  });

  test("a manager that is closed while its slaves wait leaves no job", async (folder) => {
    const array = { words: site.heldWords };
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
    for (const [words, said] of ways.refused) {
      await using master = start(folder, { ...FEW, array: { words } });
      const message = await master.fail();
      assertMatch(message, said);
      assertMatch(message, new RegExp(`${site.scheduler} refused the job \\(exit code \\d+\\)`));
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

  test("a deno that is not on the nodes is an error that names the option", async (folder) => {
    await using master = start(folder, { ...FEW, manager: { deno: "/nowhere/deno" } });
    const message = await master.fail();
    assertStringIncludes(message, "/nowhere/deno: not found");
    assertStringIncludes(message, "Set the option deno of the manager");
  });
}
