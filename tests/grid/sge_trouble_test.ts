import { assert, assertMatch, assertStringIncludes } from "@std/assert";
import type { Order } from "./master.ts";
import { clusterTest, GRID_ENGINE_SITE, GridMaster, siteTest } from "../support/grid_cluster.ts";

/** A run that comes to nothing. */
const FEW: Order = { tasks: 10, slaves: 2 };

siteTest(
  GRID_ENGINE_SITE,
  "an option that qsub refuses is an error with its words and the command",
  async (folder) => {
    for (
      const [qsub, words] of [
        [["-q", "nowhere.q"], /exit code 1\).*unknown queue "nowhere\.q"/s],
        [["-zzz"], /exit code \d+\).*-zzz/s],
        [["-l", "no_such=1"], /unknown resource "no_such"/],
        [["-pe", "nowhere", "4"], /parallel environment "nowhere"/],
      ] as const
    ) {
      await using master = new GridMaster(folder.path, { ...FEW, qsub: { qsub } });
      const message = await master.fail();
      assertMatch(message, words);
      assertStringIncludes(message, `The command was qsub -terse -t 1-2`);
      assertStringIncludes(message, "Correct the options of SGEQsubSlaveArray");
    }
  },
);

siteTest(
  GRID_ENGINE_SITE,
  "an output that Grid Engine cannot write is an error with its reason",
  async (folder) => {
    await using master = new GridMaster(folder.path, {
      ...FEW,
      qsub: { qsub: ["-o", "/proc/nowhere/log"] },
    });
    const message = await master.fail();
    assertMatch(message, /Eqw.*can't open output file "\/proc\/nowhere\/log"/s);
    await master.untilJobGone();
  },
);

clusterTest(
  "an address of the master that means something else on the nodes is an error that names the option",
  async (folder) => {
    await using master = new GridMaster(folder.path, { ...FEW, manager: { host: "127.0.0.1" } });
    const message = await master.fail();
    assertMatch(message, /Cannot connect to the master at 127\.0\.0\.1:\d+/);
    assertStringIncludes(message, "Connection refused");
    assertStringIncludes(message, "set the options host and port of the manager");
  },
);

clusterTest("more slaves than slots: the run does not wait for the others", async (folder) => {
  await using master = new GridMaster(folder.path, { tasks: 200, taskMs: 20, slaves: 20 });
  await master.complete(200);
  await master.untilJobGone();
});

clusterTest(
  "tasks whose dependencies lie in the project's folder run on nodes without a network and a cache",
  async (folder) => {
    folder.write(
      "deno.json",
      `{ "nodeModulesDir": "auto", "imports": { "semver": "npm:deno-std@1.4.0/semver/mod.js" } }`,
    );
    const module = folder.write(
      "tasks.ts",
      `import * as semver from "semver";
    export function place(value: number) {
      const host = semver.format(semver.parse("1.2.3")) + " on " + Deno.hostname();
      return { value, host, runner: 0, agent: 0 };
    }`,
    );
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["install", "--entrypoint", "tasks.ts"],
      cwd: folder.path,
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    await using master = new GridMaster(folder.path, {
      tasks: 20,
      slaves: 3,
      module,
      manager: { config: `${folder.path}/deno.json` },
    });
    await master.complete(20);
    assertMatch(master.of("result")[0].host, /^1\.2\.3 on node[ABC]$/);
  },
);
