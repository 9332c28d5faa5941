/** Jobs that their scheduler suspends, or ends to run them again. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Order } from "./master.ts";
import {
  GRID_ENGINE_SITE,
  GridMaster,
  type GridSite,
  onSubmitHost,
  siteTest,
} from "../support/grid_cluster.ts";
import { SLURM_SITE } from "../support/slurm_cluster.ts";
import type { TempFolder } from "../support/temp_folder.ts";

/** What is done to a job; tasks of a job are named as messages name them. */
interface Ways {
  readonly site: GridSite;
  suspend(task: string): readonly string[];
  resume(task: string): readonly string[];
  /** Ends it, and has it run again. */
  requeue(task: string): readonly string[];
  /** Has it run again at once, where it would wait. */
  rerun?(task: string): readonly string[];
  /** Words for the submission of jobs that may run again. */
  readonly requeueWords: readonly string[];
  /** Deletes it, as its user does. */
  cancel(task: string): readonly string[];
}

const ALL: readonly Ways[] = [
  {
    site: GRID_ENGINE_SITE,
    suspend: (task) => ["qmod", "-sj", task],
    resume: (task) => ["qmod", "-usj", task],
    requeue: (task) => ["qmod", "-rj", task],
    requeueWords: ["-r", "y"],
    cancel: (task) => ["qdel", ...task.split(".").flatMap((id, i) => i === 0 ? [id] : ["-t", id])],
  },
  {
    site: SLURM_SITE,
    suspend: (task) => ["scontrol", "suspend", task],
    resume: (task) => ["scontrol", "resume", task],
    requeue: (task) => ["scontrol", "requeue", task],
    rerun: (task) => ["scontrol", "update", `JobId=${task}`, "StartTime=now"],
    requeueWords: ["--requeue"],
    cancel: (task) => ["scancel", task],
  },
];

/** In the middle of many tasks, something happens. A task that is charged fails. */
const MANY: Order = {
  tasks: 60,
  taskMs: 100,
  slaves: 6,
  startsWith: 6,
  manager: { maxAttempts: 1 },
};

/** The same where machines fall silent: that is known soon. */
const HEARTBEATS = { ...MANY.manager, heartbeatIntervalMs: 500, heartbeatTimeoutMs: 3000 };

/** Slaves that take tasks, those first that have done so for the longest time. */
function serving(master: GridMaster): number[] {
  const slaves = new Set<number>();
  for (const { type, ...occurrence } of master.occurrences) {
    if (!("slave" in occurrence) || occurrence.slave === undefined) continue;
    if (type === "slave-connected") slaves.add(occurrence.slave);
    else if (type === "slave-restarted" || type === "slave-lost") slaves.delete(occurrence.slave);
  }
  return [...slaves];
}

for (const ways of ALL) {
  const { site, suspend, resume, requeue, rerun, requeueWords } = ways;
  const test = (what: string, run: (folder: TempFolder) => Promise<void>): void =>
    siteTest(site, what, run);
  const start = (folder: TempFolder, order: Order): GridMaster =>
    new GridMaster(folder.path, order, undefined, site);
  /** A master whose tasks go on until {@linkcode finish}. */
  const startEndless = (folder: TempFolder, order: Partial<Order> = {}): GridMaster =>
    start(folder, { ...MANY, untilFile: folder.file("enough"), ...order });
  const finish = async (folder: TempFolder, master: GridMaster): Promise<void> => {
    folder.write("enough", "");
    await master.complete();
  };

  test("a job that is suspended for longer than heartbeatTimeoutMs is a slave that is late, and comes back", async (folder) => {
    await using master = startEndless(folder, { manager: HEARTBEATS });
    await master.until("slave-connected", 6);
    await master.control(suspend(master.jobOf(3)));
    await master.until("warning");
    assertMatch(master.of("warning")[0].reason!, /^1 of 6 slaves are suspended in /);
    // The others need longer for these than it may be silent, and Grid Engine to stop it after it has said so.
    await master.until("result", master.of("result").length + 700);
    assertEquals(master.of("slave-lost"), []);
    await master.control(resume(master.jobOf(3)));
    // On a busy machine the agent of another may be silent for as long.
    const isSlave3 = ({ slave }: { readonly slave?: number }) => slave === 3;
    const [{ reason }] = await master.untilSuch("slave-restarted", isSlave3);
    assertEquals(reason, "its agent was silent, and is heard again");
    await master.untilSuch("slave-connected", isSlave3, 2);
    await finish(folder, master);
    assertEquals(master.of("slave-lost"), []);
  });

  test("a job that is ended to be run again takes its slot again, and no task is charged", async (folder) => {
    await using master = startEndless(folder, { array: { words: requeueWords } });
    await master.until("slave-connected", 6);
    await master.control(requeue(master.jobOf(2)));
    await master.until("slave-restarted");
    const [{ slave, reason }] = master.of("slave-restarted");
    console.log(`  ${reason}`);
    assertEquals(slave, 2);
    if (rerun !== undefined) await master.control(rerun(master.jobOf(2)));
    await master.until("slave-connected", 7);
    assertEquals(master.of("slave-connected").at(-1)!.slave, 2);
    await finish(folder, master);
    assertEquals(master.of("slave-lost"), []);
  });

  test("50 preemptions over 5000 tasks and more: none is lost, none comes twice, and none is charged", async (folder) => {
    await using master = startEndless(folder, {
      slaves: 20,
      startsWith: 1,
      array: { words: requeueWords },
      manager: HEARTBEATS,
      tasks: 5000,
      taskMs: 20,
    });
    const attempt = async (command: readonly string[]): Promise<boolean> =>
      // Jobs end by themselves meanwhile, or are still ending.
      (await onSubmitHost(site, ...command)).success;
    const queuings = (job: string): number =>
      master.of("slave-queued").filter(({ name }) => name!.endsWith(`job ${job}`)).length;
    // What was requeued, and how often it had been in the queue until then.
    const requeued = new Map<string, number>();
    let suspended: string | undefined;
    for (let done = 0, tried = 0; done < 50; tried++) {
      await master.until("result", 90 * (done + 1));
      const slaves = serving(master);
      if (suspended !== undefined) await attempt(resume(suspended));
      suspended = undefined;
      for (const [job, before] of requeued) {
        // Slurm would start it while its last run is still ending, and take the end of that for its own.
        if (rerun === undefined || queuings(job) === before) continue;
        requeued.delete(job);
        await attempt(rerun(job));
      }
      const job = master.jobOf(slaves[tried % Math.max(slaves.length, 1)] ?? 0);
      const command = [suspend, requeue, suspend, requeue, ways.cancel][done % 5](job);
      const before = queuings(job);
      // One has to be left to do the tasks.
      if (slaves.length < 2 || !await attempt(command)) {
        // It fails when the master has ended.
        await master.until("result", master.of("result").length + 1);
        continue;
      }
      if (command.join() === suspend(job).join()) suspended = job;
      if (command.join() === requeue(job).join()) requeued.set(job, before);
      done++;
    }
    if (suspended !== undefined) await attempt(resume(suspended));
    await finish(folder, master);
    console.log(
      `  ${master.of("slave-restarted").length} came back, ${
        master.of("slave-lost").length
      } were lost`,
    );
  });

  test("an array with bounds grows with its work, and shrinks when it is idle", async (folder) => {
    const bounds = { min: 0, max: 4, idleMs: 2000 };
    await using master = start(folder, {
      ...MANY,
      slaves: undefined,
      startsWith: undefined,
      bounds,
      tasks: 300,
      taskMs: 200,
      lastUntilFile: folder.file("enough"),
    });
    await master.until("slave-connected", 4);
    // Three of them have nothing to do while the last task runs.
    await master.until("slave-ended", 3);
    folder.write("enough", "");
    await master.complete(300);
    assertEquals(master.of("slave-queued").length, 4);
    assertEquals(master.of("slave-lost"), []);
  });
}

siteTest(
  GRID_ENGINE_SITE,
  "a queue that is suspended for a while ends nothing",
  async (folder) => {
    const order = { ...MANY, untilFile: folder.file("enough") };
    await using master = new GridMaster(folder.path, order, undefined, GRID_ENGINE_SITE);
    await master.until("slave-connected", 6);
    const modify = async (option: string): Promise<void> =>
      void await onSubmitHost(GRID_ENGINE_SITE, "qmod", option, "*");
    await modify("-sq");
    try {
      await master.until("warning");
      assertMatch(master.of("warning")[0].reason!, /^6 of 6 slaves are suspended in Grid Engine/);
    } finally {
      await modify("-usq");
    }
    folder.write("enough", "");
    await master.complete();
    assertEquals(master.of("slave-lost"), []);
  },
);
