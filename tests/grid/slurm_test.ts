/** What only Slurm does, on a real one. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Order } from "./master.ts";
import { GridMaster, siteTest } from "../support/grid_cluster.ts";
import { slurm, SLURM_SITE } from "../support/slurm_cluster.ts";
import type { TempFolder } from "../support/temp_folder.ts";

/** In the middle of so many tasks and more, something happens. */
const MANY: Order = { tasks: 300, taskMs: 100, slaves: 6, startsWith: 6 };

function slurmTest(what: string, run: (folder: TempFolder) => Promise<void>): void {
  siteTest(SLURM_SITE, what, run);
}

function start(folder: TempFolder, order: Order): GridMaster {
  return new GridMaster(folder.path, order, undefined, SLURM_SITE);
}

/** A master whose tasks go on until {@linkcode finish}. */
function startEndless(folder: TempFolder, order: Order): GridMaster {
  return start(folder, { ...order, untilFile: folder.file("enough") });
}

async function finish(folder: TempFolder, master: GridMaster): Promise<void> {
  folder.write("enough", "");
  await master.complete();
}

/** A master inside an allocation of seven tasks on three nodes. */
function startInside(folder: TempFolder, order: Order): GridMaster {
  return new GridMaster(folder.path, { ...order, slaves: undefined, startsWith: 7 }, 7, SLURM_SITE);
}

slurmTest(
  "a request that its partition will never fulfil ends at once, with the reason",
  async (folder) => {
    const array = { words: ["--partition=short", "--time=10"] };
    await using master = start(folder, { tasks: 10, slaves: 2, array });
    assertMatch(
      await master.fail(),
      /Slurm could not start its job: PartitionTimeLimit: it asks for/,
    );
    await master.untilJobGone();
  },
);

slurmTest(
  "an array above MaxArraySize is several jobs, whose slaves run as there is room",
  async (folder) => {
    await using master = start(folder, { tasks: 400, taskMs: 20, slaves: 150 });
    await master.complete(400);
    const jobs = master.of("slave-queued").map(({ name }) => /job (\d+)_/.exec(name!)![1]);
    assertEquals(jobs.length, 150);
    assertEquals(new Set(jobs).size, 2);
    await master.untilJobGone();
  },
);

slurmTest(
  "slaves that are cancelled wherever they stand cost no task, and charge none",
  async (folder) => {
    // With one attempt, a task that is charged fails. There is room for twelve slaves: the others start as these end.
    const manager = { maxAttempts: 1 };
    await using master = startEndless(folder, { tasks: 1500, taskMs: 100, slaves: 30, manager });
    for (let slave = 0; slave < 20; slave++) {
      await master.until("result", 30 * (slave + 1));
      await slurm("scancel", master.jobOf(slave));
    }
    await finish(folder, master);
  },
);

slurmTest("a node that cannot start slaves is left, and named", async (folder) => {
  const array = { setup: 'test "$SLURMD_NODENAME" != n2' };
  await using master = startEndless(folder, { tasks: 1200, taskMs: 50, slaves: 40, array });
  await master.untilSuch("warning", ({ reason }) => reason!.startsWith("n2 cannot start slaves"));
  await finish(folder, master);
  const lost = master.of("slave-lost");
  assert(lost.length <= 5, master.describe());
  for (const { reason } of lost) assertMatch(reason!, /n2/);
  const warnings = master.of("warning").map(({ reason }) => reason!);
  assertEquals(warnings.filter((text) => text.startsWith("n2 cannot start slaves")).length, 1);
});

slurmTest("a job that is suspended is a slave that is late, and goes on", async (folder) => {
  await using master = startEndless(folder, { ...MANY, taskMs: 50 });
  await master.until("slave-connected", 6);
  await slurm("scontrol", "suspend", master.jobOf(3));
  const before = master.of("result").length;
  await master.until("result", before + 20);
  await slurm("scontrol", "resume", master.jobOf(3));
  await finish(folder, master);
  assertEquals(master.of("slave-lost"), []);
});

slurmTest(
  "a job that is queued again after a long epilog takes its slot again, and no task is charged, whether it was told to end or killed at once",
  async (folder) => {
    const array = { words: ["--requeue"] };
    const manager = { maxAttempts: 1 };
    await using master = startEndless(folder, { ...MANY, array, manager });
    await master.until("slave-connected", 6);
    // Longer than a master waits for a scheduler that says nothing.
    using _epilog = slurm.slowEpilog(10);
    // Slurm kills what it has suspended, and sends it nothing before.
    await slurm("scontrol", "suspend", master.jobOf(3));
    for (const slave of [2, 3]) await slurm("scontrol", "requeue", master.jobOf(slave));
    await master.until("slave-restarted", 2);
    const reasons = master.of("slave-restarted").map(({ reason }) => reason!).toSorted();
    assertMatch(reasons[0], /^Slurm sent SIGTERM; its job is in the queue again$/);
    assertMatch(
      reasons[1],
      /^the connection to its agent has ended; its job is in the queue again$/,
    );
    await finish(folder, master);
    assertEquals(master.of("slave-lost"), []);
  },
);

slurmTest("a controller that ends and is started again costs nothing", async (folder) => {
  // A node that has no room left would keep waiting what starts the controller again.
  await using master = startEndless(folder, { ...MANY, slaves: 3, startsWith: 3 });
  await master.until("result", 60);
  await slurm("scontrol", "shutdown", "slurmctld");
  const before = master.of("result").length;
  try {
    await master.until("result", before + 30);
  } finally {
    await slurm.up();
  }
  await finish(folder, master);
  assertEquals(master.of("slave-lost"), []);
  await master.untilJobGone();
});

slurmTest(
  "a controller that is away when slaves are submitted is waited for, and brings them once",
  async (folder) => {
    await slurm("scontrol", "shutdown", "slurmctld");
    try {
      await using master = start(folder, { tasks: 50, slaves: 2 });
      await master.until("warning");
      const [{ reason }] = master.of("warning");
      console.log(`  ${reason}`);
      assertMatch(reason!, /^Slurm did not answer the submission, which is tried again/);
      await slurm.up();
      await master.complete(50);
      assertEquals(master.of("slave-queued").length, 2);
      assertEquals(master.of("slave-lost"), []);
      await master.untilJobGone();
    } finally {
      await slurm.up();
    }
  },
);

slurmTest(
  "a master inside a job submits others, which know nothing of that job",
  async (folder) => {
    await using master = new GridMaster(folder.path, { tasks: 50, slaves: 2 }, 1, SLURM_SITE);
    await master.complete(50);
    assertMatch(master.of("slave-connected")[0].name!, /job \d+_\d on/);
  },
);

slurmTest("an allocation that comes to its time limit is named", async (folder) => {
  await using master = startInside(folder, {
    tasks: 0,
    untilFile: folder.file("never"),
    // What it says may come long after the agents have gone. Time that stands has no heartbeat: agents are not to miss it.
    timeStands: true,
    manager: { heartbeatTimeoutMs: 3_600_000 },
  });
  await master.until("slave-connected", 7);
  const job = (await slurm("squeue", "-h", "-o", "%i", `--name=${master.jobName}`)).trim();
  await slurm("scontrol", "update", `JobId=${job}`, "EndTime=now+10seconds");
  assertMatch(await master.fail(), /Slurm ended its step: CANCELLED AT \S+ DUE TO TIME LIMIT/);
});

slurmTest(
  "a master inside an allocation has a slave for each task, and one agent for each node",
  async (folder) => {
    await using master = startInside(folder, { tasks: 500, taskMs: 20, startsWith: 7 });
    await master.complete(500);
    const places = master.of("result");
    assertEquals(new Set(places.map(({ runner }) => runner)).size, 7);
    assertEquals(new Set(places.map(({ agent }) => agent)).size, 3);
    const names = master.of("slave-queued").map(({ name }) => /srun to n\d/.exec(name!)?.[0]);
    assertEquals([...new Set(names)], ["srun to n1", "srun to n2", "srun to n3"]);
  },
);
