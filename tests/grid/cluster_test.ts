import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Order } from "./master.ts";
import {
  cluster,
  type ClusterNode,
  clusterTest,
  GridMaster,
  isAliveOn,
  missingCluster,
  until,
  untilQueueIsEmpty,
} from "../support/grid_cluster.ts";
import { skipIf } from "../support/skip.ts";
import { TempFolder } from "../support/temp_folder.ts";

/** Where the daemons of the cluster keep their files. */
const SPOOL = "/tmp/parallel-cluster/spool";

/** In the middle of so many tasks and more, something happens. */
const MANY: Order = { tasks: 500, taskMs: 100, slaves: 9 };

/** The same in a job with seven slots. */
const IN_A_JOB: Order = { ...MANY, slaves: undefined, startsWith: 7 };

/** A silent machine is known soon. */
const HEARTBEATS = { heartbeatIntervalMs: 500, heartbeatTimeoutMs: 3000 };

/** A master with many tasks under way, which go on until {@linkcode finish}. It has a result from each of the nodes. */
async function startMany(folder: TempFolder, order: Partial<Order> = {}): Promise<GridMaster> {
  const untilFile = folder.file("enough");
  const many = { ...MANY, startsWith: MANY.slaves, untilFile };
  const master = new GridMaster(folder.path, { ...many, ...order });
  await master.until("slave-connected", 9);
  await master.until("result", 100);
  return master;
}

async function finish(folder: TempFolder, master: GridMaster): Promise<void> {
  folder.write("enough", "");
  await master.complete();
}

clusterTest("a node that is cut off and healed at once goes on", async (folder) => {
  await using master = await startMany(folder);
  const before = master.of("result").length;
  await cluster("cut", "nodeB");
  await master.until("result", before + 20);
  await cluster("heal", "nodeB");
  await finish(folder, master);
});

clusterTest(
  "a node that crashes is lost, and after its reboot takes jobs again",
  async (folder) => {
    await using master = await startMany(folder, { manager: HEARTBEATS });
    await cluster("crash", "nodeC");
    try {
      // On a busy machine an agent of another node may be silent for as long.
      await master.untilSuch("slave-lost", ({ name }) => name!.endsWith(" on nodeC"), 3);
      folder.write("enough", "");
    } finally {
      await cluster("boot", "nodeC");
    }
    await master.complete();
  },
  { isSlowToEnd: true },
);

clusterTest("a node without Deno is left, named, and costs few of many slaves", async (folder) => {
  const deno = "/tmp/parallel-cluster/local/deno";
  const nodes = ["nodeA", "nodeC"];
  for (const node of nodes) await cluster("run", node, "ln", "-sf", Deno.execPath(), deno);
  try {
    const manager = { deno };
    await using master = new GridMaster(folder.path, {
      tasks: 1500,
      taskMs: 50,
      slaves: 60,
      manager,
      untilFile: folder.file("enough"),
    });
    const namesNodeB = (text: string) => text.startsWith("nodeB cannot start slaves");
    await master.untilSuch("warning", ({ reason }) => namesNodeB(reason!));
    await finish(folder, master);
    const lost = master.of("slave-lost");
    console.log(master.describe());
    assert(lost.length <= 5, master.describe());
    for (const { reason } of lost) assertMatch(reason!, /nodeB/);
    const warnings = master.of("warning").map(({ reason }) => reason!);
    assertEquals(warnings.filter(namesNodeB).length, 1);
    assertEquals([...new Set(master.of("result").map(({ host }) => host))].sort(), nodes);
  } finally {
    for (const node of nodes) await cluster("run", node, "rm", "-f", deno);
  }
});

clusterTest("an execd that is killed and started again costs nothing", async (folder) => {
  await using master = await startMany(folder);
  await cluster("run", "nodeA", "sh", "-c", `kill -9 $(cat ${SPOOL}/execd/nodeA/execd.pid)`);
  const before = master.of("result").length;
  try {
    await master.until("result", before + 100);
  } finally {
    await cluster("boot", "nodeA");
  }
  await finish(folder, master);
  assertEquals(master.of("slave-lost"), []);
}, { isSlowToEnd: true });

clusterTest("a qmaster that is killed and started again costs nothing", async (folder) => {
  await using master = await startMany(folder);
  await cluster("qmaster");
  await finish(folder, master);
  assertEquals(master.of("slave-lost"), []);
  // It may tell old states for a while: no node is to blame for that.
  for (const { reason } of master.of("warning")) {
    assertMatch(reason!, /^Grid Engine does not answer/);
  }
}, { isSlowToEnd: true });

clusterTest(
  "a job in a parallel environment runs slaves in all slots of three nodes",
  async (folder) => {
    await using master = new GridMaster(
      folder.path,
      { tasks: 500, taskMs: 50, startsWith: 7 },
      7,
    );
    await master.complete(500);
    const places = master.of("result");
    assertEquals([...new Set(places.map(({ host }) => host))].sort(), ["nodeA", "nodeB", "nodeC"]);
    assertEquals(new Set(places.map(({ host, runner }) => `${host} ${runner}`)).size, 7);
    // One agent serves all slots of a host.
    assertEquals(new Set(places.map(({ host, agent }) => `${host} ${agent}`)).size, 4);
  },
);

clusterTest("a qrsh that is killed leaves no process and no job", async (folder) => {
  const order = { ...IN_A_JOB, untilFile: folder.file("enough") };
  await using master = new GridMaster(folder.path, order, 7);
  await master.until("slave-connected", 7);
  await master.until("result", 100);
  const { host: own } = master.of("master")[0];
  const places = master.of("result");
  await cluster(
    "run",
    own,
    "sh",
    "-c",
    "for p in /proc/[0-9]*; do case $(tr '\\0' ' ' <$p/cmdline) in *qrsh*-inherit*) kill -9 ${p#/proc/}; exit;; esac; done",
  );
  folder.write("enough", "");
  await master.ended;
  console.log(master.describe());
  for (const { host, runner } of places) {
    await until(
      `runner ${runner} of ${host} has ended`,
      async () => !await isAliveOn(host as ClusterNode, runner),
    );
  }
});

Deno.test({
  ...skipIf(missingCluster, "cluster: the example saxs.ts has the same chi as with local slaves"),
  fn: async () => {
    await using folder = new TempFolder();
    const run = async (command: string, args: string[]): Promise<string> => {
      const { stdout, stderr } = await new Deno.Command(command, { args, cwd: folder.path })
        .output();
      const decoder = new TextDecoder();
      const chi = /^chi +.*$/m.exec(decoder.decode(stdout));
      if (chi === null) throw new Error(decoder.decode(stderr));
      return chi[0];
    };
    const script = (name: string) => new URL(name, import.meta.url).pathname;
    const data = [script("../../examples/data/6lyz.pdb"), script("../../examples/data/lyzexp.dat")];
    const deno = [Deno.execPath(), "run", "--no-check", "--allow-all"];
    const local = await run(deno[0], [
      ...deno.slice(1),
      script("../../examples/saxs.ts"),
      ...data,
    ]);
    const distant = await run(script("cluster.sh"), [
      "run",
      "master",
      ...deno,
      script("../../examples/saxs.ts"),
      ...data,
      "--slaves",
      "6",
      "--sge",
    ]);
    console.log(`  ${distant}`);
    assertEquals(distant, local);
    await untilQueueIsEmpty();
  },
});
