import { assertEquals, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

/** Runs Deno in the project's folder. */
async function runDeno(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly isDynamic?: boolean;
      readonly code?: { readonly specifier?: string };
    }[];
  }[];
  readonly npmPackages: Readonly<Record<string, unknown>>;
}

async function graphOf(entry: string): Promise<Graph> {
  const { code, stdout, stderr } = await runDeno("info", "--json", "--no-config", entry);
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout);
}

/** All modules that may ever be loaded, as paths from the project's root, and names of other modules. */
function modulesOf({ modules }: Graph): string[] {
  return modules.map(({ specifier }) => specifier.replace(ROOT.href, "")).sort();
}

/** The modules that are loaded at the start, and not only when they are used. */
function loadedAtOnce({ modules }: Graph, entry: string): string[] {
  const found = new Set([new URL(entry, ROOT).href]);
  for (const url of found) {
    for (
      const { isDynamic, code } of modules.find((m) => m.specifier === url)?.dependencies ?? []
    ) {
      if (isDynamic !== true && code?.specifier !== undefined) found.add(code.specifier);
    }
  }
  return [...found].map((url) => url.replace(ROOT.href, "")).sort();
}

function isForeign(module: string): boolean {
  return !/^(mod|slave|lib\/[\w/]+)\.ts$/.test(module) && !module.startsWith("node:");
}

for (const entry of ["mod.ts", "slave.ts"]) {
  Deno.test(`${entry}: has no module of third parties in its graph`, async () => {
    const graph = await graphOf(entry);
    assertEquals(modulesOf(graph).filter(isForeign), []);
    assertEquals(graph.npmPackages, {});
  });
}

Deno.test("slave.ts: a runner loads neither the agent nor what a user may ask for by hand", async () => {
  const loaded = loadedAtOnce(await graphOf("slave.ts"), "slave.ts");
  for (const module of ["agent", "check", "command_line"]) {
    assertEquals(loaded.includes(`lib/slave/${module}.ts`), false, module);
  }
  assertEquals(loaded.filter((module) => module.startsWith("node:")), []);
  assertEquals(loaded.includes("lib/slave/runner.ts"), true);
});

Deno.test("mod.ts: loads nothing of the slave's program", async () => {
  const modules = modulesOf(await graphOf("mod.ts"));
  assertEquals(modules.filter((module) => module.startsWith("lib/slave/")), []);
});

Deno.test("mod.ts: what only slaves on other machines need is loaded when there are some", async () => {
  const loaded = loadedAtOnce(await graphOf("mod.ts"), "mod.ts");
  const late = [
    "lib/launch/cluster/queue/job_queue.ts",
    "lib/launch/cluster/scheduler_commands.ts",
    "lib/launch/ssh/ssh_host.ts",
    "lib/master/slaves/agents/agents.ts",
    "lib/master/slaves/certificates.ts",
    "lib/master/slaves/master_address.ts",
    "lib/master/sent/parcels.ts",
  ];
  assertEquals(late.filter((module) => loaded.includes(module)), []);
  assertEquals(loaded.includes("lib/master/slaves/fleet.ts"), true);
});

Deno.test("deno publish: takes the package; the imports that it cannot follow are those of tasks and of certificates", async () => {
  const { code, stderr } = await runDeno("publish", "--dry-run", "--allow-dirty");
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "Success Dry run complete");
  const warnings = [...stderr.matchAll(/^warning\[([\w-]+)\].*\n\s*--> \S*\/lib\/(\S+?):/gm)]
    .map(([, kind, file]) => `${kind} in ${file}`);
  assertEquals([...new Set(warnings)].sort(), [
    "unanalyzable-dynamic-import in deps.ts",
    "unanalyzable-dynamic-import in slave/code_loader.ts",
    "unanalyzable-import-meta-resolve in master/config.ts",
    "unanalyzable-import-meta-resolve in remote.ts",
  ]);
  assertEquals([...stderr.matchAll(/^warning\[/gm)].length, warnings.length);
});
