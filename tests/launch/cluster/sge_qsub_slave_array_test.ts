import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type LaunchOrder,
  type LaunchServices,
  type SGEQsubOptions,
  SGEQsubSlaveArray,
} from "../../../mod.ts";
import { type ArrayOrder, submitArray } from "../../../lib/launch/cluster/scheduler_commands.ts";
import { GRID_ENGINE } from "../../../lib/launch/cluster/sge.ts";
import { jobScript } from "../../../lib/launch/cluster/job_script.ts";
import { FakeCommands } from "../../support/grid_fake_commands.ts";
import { MODULE_URL, runScript } from "../../support/script.ts";
import { TestClock } from "../../support/test_clock.ts";
import { untilFiles } from "../../support/until_files.ts";
import { TempFolder } from "../../support/temp_folder.ts";

/** Services of a manager that nobody asked for anything. */
class Services implements LaunchServices {
  readonly all: AsyncDisposable[] = [];
  readonly told: string[] = [];

  get<Service extends AsyncDisposable>(
    serviceClass: new (services: LaunchServices) => Service,
  ): Service {
    const service = new serviceClass(this);
    this.all.push(service);
    return service;
  }

  tell(message: string): void {
    this.told.push(message);
  }
}

/** What qsub was told by an array. */
interface Submission {
  readonly args: string;
  readonly script: string;
  readonly secretMode: number;
  readonly folderMode: number;
  readonly secret: string;
}

const CONNECTION = `{"hosts":["nowhere"],"port":4711,"secret":"5ec4e7"}\n`;

/** Submits an array of a manager made in a folder, with a command that stands for Deno; a fake qsub keeps the script. */
async function submit(
  folder: TempFolder,
  count: number,
  options: SGEQsubOptions | readonly string[],
  command: readonly string[] = ["/usr/bin/deno", "run", "--quiet", "file:///a b/slave.ts"],
): Promise<Submission> {
  await using commands = new FakeCommands();
  commands.set(
    "qsub",
    `pwd >${commands.folder}/cwd; cat >${commands.folder}/script; echo 4711.1-${count}:1`,
  );
  commands.set("qdel", "exit 1");
  commands.print("qstat", "<job_info></job_info>");
  const array = new SGEQsubSlaveArray(count, options);
  const services = new Services();
  const orders = Array.from({ length: count }, (_, i) => ({
    number: 5 + i,
    index: i,
    command,
    connection: CONNECTION,
    cwd: folder.path,
    output: undefined as unknown as LaunchOrder["output"],
    services,
  }));
  const processes = await array.launch(orders);
  assertEquals(processes.map(({ name }) => name), orders.map((_, i) => `job 4711.${i + 1}`));
  const [name] = folder.names().filter((name) => name.startsWith(".parallel-"));
  const file = folder.file(`${name}/connection.json`);
  assertEquals(commands.read("cwd").trim(), Deno.realPathSync(folder.path));
  const submission = {
    args: commands.calls("qsub")[0],
    script: commands.read("script"),
    secretMode: Deno.statSync(file).mode! & 0o7777,
    folderMode: Deno.statSync(folder.file(name)).mode! & 0o7777,
    secret: Deno.readTextFileSync(file),
  };
  await array.close();
  for (const service of services.all) await service[Symbol.asyncDispose]();
  assertEquals(folder.names().filter((name) => name.startsWith(".parallel-")), []);
  return submission;
}

/** Runs a job's script with dash or another shell. */
async function runJob(
  script: string,
  { shell = "/bin/sh", env = {} }: { shell?: string; env?: Record<string, string> } = {},
): Promise<{ code: number; output: string }> {
  await using scratch = new TempFolder();
  Deno.mkdirSync(scratch.file("a b"));
  const child = new Deno.Command(shell, {
    args: ["-s"],
    env: { JOB_ID: "4711", SGE_TASK_ID: "3", TMPDIR: scratch.file("a b"), ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(script));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assertEquals(Deno.readDirSync(scratch.file("a b")).toArray(), []);
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** A command that prints its arguments and the environment that counts. */
const PRINTER = [
  "/bin/sh",
  "-c",
  'for word; do echo "[$word]"; done; echo "DENO_DIR=$DENO_DIR"; test -z "$MODEL" || echo "MODEL=$MODEL"',
  "it's a deno",
];

Deno.test("SGEQsubSlaveArray: qsub is given our words, and the connection is in a file for the owner alone", async () => {
  await using folder = new TempFolder();
  const { args, script, secret, secretMode, folderMode } = await submit(folder, 3, {});
  assertMatch(
    args,
    /^-terse -t 1-3 -cwd -S \/bin\/sh -N parallel -j y -r n -notify -o \S+\/\.parallel-\w+\/\$JOB_ID\.\$TASK_ID\.log$/,
  );
  assertEquals([secretMode, folderMode], [0o600, 0o700]);
  assertEquals(secret, CONNECTION);
  assertEquals(/5ec4e7/.test(args + script), false);
});

for (
  const [what, options, expected] of [
    ["words", ["-q", "long.q"], /-notify -o \S+ -q long\.q$/],
    [
      "words that replace ours",
      ["-N", "mine", "-r", "y", "-o", "/dev/null"],
      /1-1 -cwd -S \/bin\/sh -j y -notify -N mine -r y -o \/dev\/null$/,
    ],
    ["qsub", { qsub: ["-l", "mem_free=4G"] }, /-l mem_free=4G$/],
    ["shell", { shell: "/bin/dash" }, /-S \/bin\/dash /],
    ["jobName", { jobName: "sampling" }, /-N sampling /],
  ] as const
) {
  Deno.test(`SGEQsubSlaveArray: qsub is given the user's ${what}`, async () => {
    await using folder = new TempFolder();
    assertMatch((await submit(folder, 1, options)).args, expected);
  });
}

Deno.test("GRID_ENGINE.submitCommand: a folder with a colon is no host, and one with a comma is refused", () => {
  const submission = { count: 1, words: [], jobName: "parallel", shell: "/bin/sh" };
  const logs = (logFolder: string, words: string[] = []) =>
    GRID_ENGINE.submitCommand({ ...submission, words, logFolder }).at(-1);
  assertEquals(logs("/a:b/.parallel-1"), ":/a:b/.parallel-1/$JOB_ID.$TASK_ID.log");
  assertThrows(
    () => logs("/a,b/.parallel-1"),
    Error,
    "Grid Engine cannot write what slaves print to /a,b/.parallel-1: there is a comma in it. Start the master in another folder",
  );
  assertEquals(logs("/a,b/.parallel-1", ["-o", "/dev/null"]), "/dev/null");
});

for (
  const [stdout, job] of [
    ["4711.1-4:1", "4711"],
    ["4711", "4711"],
    ["4711.1-4:1 is in long.q", "4711"],
    ["24 hours are the default run time here\n4711.1-4:1", "4711"],
    ["24 hours are the default run time here", undefined],
  ] as const
) {
  Deno.test(`GRID_ENGINE.readSubmission: understands ${stdout}`, () => {
    const answer = GRID_ENGINE.readSubmission({ code: 0, stdout, stderr: "" });
    assertEquals(answer.answer === "submitted" ? answer.job : undefined, job);
  });
}

/** Launches the slave of an array as a master in a folder does; what that needs ends with the scope. */
async function launch(
  array: SGEQsubSlaveArray,
  commands: FakeCommands,
  { path }: TempFolder,
): Promise<AsyncDisposable> {
  commands.print("qstat", "<job_info></job_info>");
  commands.set("qdel", "exit 1");
  const services = new Services();
  const order = {
    number: 0,
    command: ["deno"],
    connection: CONNECTION,
    cwd: path,
    services,
  } as unknown as LaunchOrder;
  await array.launch([order]);
  return {
    async [Symbol.asyncDispose]() {
      await array.close();
      for (const service of services.all) await service[Symbol.asyncDispose]();
    },
  };
}

Deno.test("SGEQsubSlaveArray: cwd is the folder of the job and of the connection", async () => {
  await using folder = new TempFolder();
  Deno.mkdirSync(folder.file("elsewhere"));
  const array = new SGEQsubSlaveArray(1, { cwd: folder.file("elsewhere") });
  await using commands = new FakeCommands();
  commands.set("qsub", "cat >/dev/null; echo 1.1-1:1");
  await using _launched = await launch(array, commands, folder);
  assertStringIncludes(commands.calls("qsub")[0], `-wd ${folder.file("elsewhere")} `);
  assertMatch(
    Deno.readDirSync(folder.file("elsewhere")).toArray()[0].name,
    /^\.parallel-/,
  );
});

Deno.test("SGEQsubSlaveArray: a cwd that is relative starts in the folder of the master, wherever the script is", async () => {
  await using folder = new TempFolder();
  Deno.mkdirSync(folder.file("elsewhere"));
  const array = new SGEQsubSlaveArray(1, { cwd: "elsewhere" });
  await using commands = new FakeCommands();
  commands.set("qsub", 'cat >"${0%/*}/script"; echo 1.1-1:1');
  await using _launched = await launch(array, commands, folder);
  assertStringIncludes(commands.calls("qsub")[0], `-wd ${folder.file("elsewhere")} `);
  assertStringIncludes(
    commands.read("script"),
    `--connection ${folder.file("elsewhere/.parallel-")}`,
  );
});

Deno.test("SGEQsubSlaveArray: what the last job of a slave left of its failure is removed before the slave is submitted again", async () => {
  await using folder = new TempFolder();
  const array = new SGEQsubSlaveArray(5, { cwd: folder.path });
  await using commands = new FakeCommands();
  commands.set("qsub", `cat >/dev/null; ls ${folder.path}/.parallel-* >"$0.seen"; echo 1.1-1:1`);
  commands.print("qstat", "<job_info></job_info>");
  commands.set("qdel", "exit 1");
  const services = new Services();
  const order = {
    number: 3,
    command: ["deno"],
    connection: CONNECTION,
    services,
  } as unknown as LaunchOrder;
  await array.launch([order]);
  const [name] = folder.names();
  for (const slave of [3, 4]) folder.write(`${name}/failed.${slave}`, "nodeA\n");
  await array.launch([order]);
  assertEquals(commands.read("qsub.seen"), "connection.json\nfailed.4\n");
  await array.close();
  for (const service of services.all) await service[Symbol.asyncDispose]();
});

Deno.test("SGEQsubSlaveArray: the script runs the slave of its number, with a cache of its own", async () => {
  await using folder = new TempFolder();
  const { script } = await submit(folder, 3, {}, [...PRINTER, "a  b", "$HOME", "`id`", "*"]);
  const { code, output } = await runJob(script);
  assertEquals(code, 0);
  const lines = output.trim().split("\n");
  assertEquals(lines.slice(0, 5), ["[a  b]", "[$HOME]", "[`id`]", "[*]", "[--connection]"]);
  assertMatch(lines[5], /^\[\/.*\/\.parallel-\w+\/connection\.json\]$/);
  // The third task of an array whose first slave has number 5.
  assertEquals(lines[6], "[7]");
  assertMatch(lines[7], /^DENO_DIR=\/.+\/a b\/parallel-deno-4711-3\.\w{8}$/);
});

Deno.test("SGEQsubSlaveArray: the cache is on the node even when Grid Engine gives no TMPDIR", async () => {
  await using folder = new TempFolder();
  const { script } = await submit(folder, 1, {}, PRINTER);
  const run = async (env: Record<string, string>) => (await runJob(script, { env })).output;
  assertStringIncludes(
    await run({ TMPDIR: "", TMP: folder.path }),
    `DENO_DIR=${folder.path}/parallel-deno-4711-3.`,
  );
  assertStringIncludes(await run({ TMPDIR: "", TMP: "" }), "DENO_DIR=/tmp/parallel-deno-4711-3.");
  // A variable of the machine that submitted the job.
  assertStringIncludes(
    await run({ TMPDIR: folder.file("missing"), TMP: "" }),
    "DENO_DIR=/tmp/parallel-deno-4711-3.",
  );
});

Deno.test("SGEQsubSlaveArray: the cache is in a new folder that nobody else may enter, and that is removed at the end", async () => {
  await using folder = new TempFolder();
  await using scratch = new TempFolder();
  // What somebody may have made before, who knows how folders are named.
  for (const name of ["parallel-deno-4711-3", "parallel-deno-4711-3.XXXXXXXX"]) {
    Deno.symlinkSync(folder.path, scratch.file(name));
  }
  const look = [
    "/bin/sh",
    "-c",
    'stat -c %a "$DENO_DIR"; cd "$DENO_DIR" && touch cached && pwd -P',
  ];
  const { script } = await submit(folder, 3, {}, look);
  const { output } = await runJob(script, { env: { TMPDIR: scratch.path } });
  const [mode, path] = output.split("\n");
  assertEquals(mode, "700");
  assertEquals(path.slice(0, path.lastIndexOf("/")), scratch.path);
  assertEquals(scratch.names(), ["parallel-deno-4711-3", "parallel-deno-4711-3.XXXXXXXX"]);
});

Deno.test("SGEQsubSlaveArray: a job that can make no folder for its cache says so and ends, and does not run without", async () => {
  await using folder = new TempFolder();
  await using commands = new FakeCommands();
  commands.set("mktemp", "exit 1");
  const { script } = await submit(folder, 1, {}, PRINTER);
  const { code, output } = await runJob(script);
  assertEquals(
    [code, output],
    [1, "Cannot make a folder for Deno's caches. Set the option denoDir of SGEQsubSlaveArray\n"],
  );
});

Deno.test("SGEQsubSlaveArray: denoDir may name variables of the node", async () => {
  await using folder = new TempFolder();
  const { script } = await submit(folder, 1, { denoDir: "$TMPDIR/cache" }, PRINTER);
  assertStringIncludes((await runJob(script)).output, "/a b/cache\n");
});

Deno.test("SGEQsubSlaveArray: setup lines run before the slave, in its shell", async () => {
  await using folder = new TempFolder();
  const setup = [
    'MODEL="it\'s"; export MODEL',
    "if true; then\n  echo prepared\nfi",
  ];
  const { script } = await submit(folder, 1, { setup }, PRINTER);
  const { code, output } = await runJob(script);
  assertEquals(code, 0);
  assertMatch(output, /^prepared\n\[--connection\][^]*MODEL=it's\n$/);
});

Deno.test("SGEQsubSlaveArray: setup lines may set variables of any name, and no folder that they name is removed", async () => {
  await using folder = new TempFolder();
  folder.write("mine", "");
  const { script } = await submit(folder, 1, {}, PRINTER);
  const names = [...script.matchAll(/^ *(?:for )?([a-z]\w*)(?:=| in )/gm)].map(([, name]) => name);
  assert(names.includes("seconds"), "finds variables");
  const setup = [...names, "deno_dir", "number"].filter((name) => !name.startsWith("parallel_"))
    .map((name) => `${name}=${folder.path}`);
  const { code, output } = await runJob((await submit(folder, 1, { setup }, PRINTER)).script);
  // The third task of an array whose first slave has number 5.
  assertStringIncludes(output, "[7]");
  assertEquals([code, folder.names()], [0, ["mine"]]);
});

Deno.test("SGEQsubSlaveArray: a setup line that fails ends the job and is named", async () => {
  await using folder = new TempFolder();
  const { script } = await submit(folder, 1, { setup: ["true", `cd "/no'where"`] }, PRINTER);
  const { code, output } = await runJob(script);
  assert(code !== 0);
  assertStringIncludes(output, `The setup line "cd "/no'where"" failed with exit code`);
  assertEquals(output.includes("--connection"), false);
});

Deno.test("SGEQsubSlaveArray: of a setup of several lines, any that fails ends the job", async () => {
  await using folder = new TempFolder();
  const { script } = await submit(folder, 1, { setup: "false\necho second" }, PRINTER);
  const { code, output } = await runJob(script);
  assertEquals(code, 1);
  assertEquals(output.includes("--connection"), false);
});

Deno.test("SGEQsubSlaveArray: a setup of comments or empty lines is none", async () => {
  await using folder = new TempFolder();
  const { script } = await submit(folder, 1, { setup: ["# nothing to do", "\n"] }, PRINTER);
  const { code, output } = await runJob(script);
  assertEquals(code, 0, output);
  assertStringIncludes(output, "--connection");
});

Deno.test("SGEQsubSlaveArray: a setup line that exits is named as well", async () => {
  await using folder = new TempFolder();
  const { script } = await submit(folder, 1, { setup: "echo no licence; exit 9" }, PRINTER);
  const { code, output } = await runJob(script);
  assertEquals(code, 9);
  assertStringIncludes(output, "no licence");
});

Deno.test("SGEQsubSlaveArray: the job's exit code is the slave's, and what to do is printed", async () => {
  await using folder = new TempFolder();
  const failing = await submit(folder, 1, {}, ["/bin/sh", "-c", "exit 3"]);
  const failed = await runJob(failing.script);
  assertEquals(failed.code, 3);
  assertStringIncludes(failed.output, "The agent ended with exit code 3");
  const missing = await runJob((await submit(folder, 1, {}, ["/nowhere/deno"])).script);
  assertEquals(missing.code, 127);
  assertStringIncludes(missing.output, "Set the option deno of the manager");
});

for (
  const [what, command, setup] of [
    ["its agent", ["/nowhere/deno"], []],
    ["its setup", PRINTER, ["false"]],
  ] as const
) {
  Deno.test(`jobScript: a job that cannot start its agent, by ${what}, says where, and waits until that is known`, async () => {
    await using folder = new TempFolder();
    const script = jobScript(GRID_ENGINE, {
      command,
      connectionFile: folder.file("connection.json"),
      offset: 4,
      setup,
      shell: "/bin/sh",
      cwd: folder.path,
      owner: "SGEQsubSlaveArray",
    });
    const job = runJob(script, { env: { HOSTNAME: "nodeB" } });
    const failed = folder.file("failed.7");
    await untilFiles(folder.path, () => folder.names().includes("failed.7"));
    assertEquals(Deno.readTextFileSync(failed), "nodeB\n");
    Deno.removeSync(failed);
    assertMatch((await job).output, /exit code (127|1)\b/);
    assertEquals(folder.names(), []);
  });
}

Deno.test("jobScript: a job whose agent has served, or was ended, does not wait", async () => {
  await using folder = new TempFolder();
  for (const end of ["exit 0", "kill -KILL $$", "kill -TERM $$"]) {
    const script = jobScript(GRID_ENGINE, {
      command: ["/bin/sh", "-c", end],
      connectionFile: folder.file("connection.json"),
      offset: 4,
      setup: [],
      shell: "/bin/sh",
      cwd: folder.path,
      owner: "SGEQsubSlaveArray",
    });
    // Nobody would end its waiting.
    await runJob(script);
    assertEquals(folder.names(), []);
  }
});

Deno.test("SGEQsubSlaveArray: an agent that cannot hear yet that its job is to end dies of it, and the script cleans up", async () => {
  await using folder = new TempFolder();
  // All of a job are told: here the script, which has started this shell, and then the shell itself.
  const { script } = await submit(folder, 1, {}, [
    "/bin/sh",
    "-c",
    "kill -USR2 $PPID; kill -USR2 $$; echo it lives",
  ]);
  const { code, output } = await runJob(script);
  assertEquals(code, 128 + 12);
  assertEquals(output.includes("it lives"), false);
  assertStringIncludes(output, "The agent ended with exit code 140");
});

Deno.test("SGEQsubSlaveArray: a job whose processes are all told to end while it removes its folder removes it", async () => {
  await using folder = new TempFolder();
  Deno.mkdirSync(folder.file("bin"));
  folder.write("bin/rm", '#!/bin/sh\nkill -TERM $$\nkill -USR2 $$\nexec /bin/rm "$@"\n');
  Deno.chmodSync(folder.file("bin/rm"), 0o755);
  const { script } = await submit(folder, 1, [], ["true"]);
  const env = { PATH: `${folder.file("bin")}:${Deno.env.get("PATH")}` };
  assertEquals(await runJob(script, { env }), { code: 0, output: "" });
});

Deno.test("SGEQsubSlaveArray: a job that is to end while it is in its setup ends, and leaves no folder", async () => {
  await using folder = new TempFolder();
  const { script } = await submit(folder, 1, { setup: ["kill -USR2 $$", "echo it lives"] });
  // That its folder is gone is looked at for all jobs.
  assertEquals(await runJob(script), { code: 1, output: "" });
});

for (const shell of ["dash", "bash", "ksh", "zsh"]) {
  let isThere = true;
  try {
    new Deno.Command(shell, { args: ["-c", ":"] }).outputSync();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    isThere = false;
  }
  if (!isThere) continue;
  Deno.test(`SGEQsubSlaveArray: ${shell} accepts the script`, async () => {
    await using folder = new TempFolder();
    const { script } = await submit(
      folder,
      1,
      { setup: [":", `echo "it's" '"' $(echo)`] },
      PRINTER,
    );
    folder.write("job.sh", script);
    const checked = new Deno.Command(shell, { args: ["-n", folder.file("job.sh")] }).outputSync();
    assertEquals(checked.code, 0, new TextDecoder().decode(checked.stderr));
  });
}

/** The whole script of a job, its command and connection file aside. */
const SCRIPT = `#!/bin/sh
# Runs one slave.
# A slave that runs out of memory would leave a file of gigabytes.
ulimit -c 0
# Grid Engine announces that it suspends a job: that is to change nothing. The slave will be late.
trap '' USR1
parallel_number=$((SGE_TASK_ID + 4))
parallel_failed=FOLDER/failed.$parallel_number
# A job that cannot start its agent says where, and keeps its slot until that is known: the next would fail there as well.
cannot_start() {
  trap - USR2
  echo "\${HOSTNAME:-$(uname -n)}" >"$parallel_failed.new" && mv "$parallel_failed.new" "$parallel_failed"
  seconds=0
  while test -e "$parallel_failed" && test "$seconds" -lt 60; do sleep 1; seconds=$((seconds + 1)); done
  rm -f "$parallel_failed"
} 2>/dev/null
setup_failed() {
  code=$?
  echo "The setup line \\"$parallel_setup_line\\" failed with exit code $code. Correct the option setup of SGEQsubSlaveArray"
  (trap "" HUP INT TERM USR1 USR2; exec rm -rf "$parallel_deno_dir")
  cannot_start
  exit $code
}
for folder in "\${TMPDIR:-\${TMP:-/tmp}}" /tmp; do parallel_deno_dir=$(mktemp -d "$folder/parallel-deno-$JOB_ID-$SGE_TASK_ID.XXXXXXXX") && break; done
test -n "$parallel_deno_dir" || { echo "Cannot make a folder for Deno's caches. Set the option denoDir of SGEQsubSlaveArray"; cannot_start; exit 1; }
DENO_DIR=$parallel_deno_dir; export DENO_DIR
# A job that is to end before its slave runs leaves nothing.
trap 'trap - EXIT; (trap "" HUP INT TERM USR1 USR2; exec rm -rf "$parallel_deno_dir"); exit 1' USR2
trap setup_failed EXIT
set -e
parallel_setup_line='module load deno'
module load deno
set +e
trap - EXIT
# Grid Engine announces the end of a job by these signals. Slaves handle them, and this script goes on until they have ended.
trap : USR2
/usr/bin/deno run --quiet 'file:///a b/slave.ts' --connection FILE "$parallel_number"
code=$?
(trap "" HUP INT TERM USR1 USR2; exec rm -rf "$parallel_deno_dir")
test "$code" -eq 0 || echo "The agent ended with exit code $code"
test "$code" -ne 127 || echo "Set the option deno of the manager to a command that starts Deno on the nodes"
# What ends by a signal has been ended. An agent that has served ends without a fault.
case $code in [1-9] | [1-9][0-9] | 1[01]? | 12[0-7] | 13[234]) cannot_start ;; esac
exit $code
`;

Deno.test("SGEQsubSlaveArray: with a soft limit, its signal means the end, and not a suspension", () => {
  for (const qsub of [["-l", "h_rt=60,s_rt=30"], ["-l", "s_rt=30"]]) {
    const script = new SGEQsubSlaveArray(1, { qsub }).script();
    assertStringIncludes(script, "\ntrap : USR1 USR2\n");
    assert(!script.includes("trap ''"));
  }
});

Deno.test("SGEQsubSlaveArray: the script, to the byte", async () => {
  await using folder = new TempFolder();
  const { script } = await submit(folder, 3, { setup: "module load deno" });
  const place = /failed=(\S+)\/failed/.exec(script)![1];
  assertEquals(script.replace(`${place}/connection.json`, "FILE").replace(place, "FOLDER"), SCRIPT);
});

Deno.test("SGEQsubSlaveArray.script: shows the script without submitting", () => {
  const script = new SGEQsubSlaveArray(3, { setup: "module load deno" }).script();
  assertMatch(script, /^#!\/bin\/sh\n/);
  assertStringIncludes(script, "module load deno");
  assertStringIncludes(script, "<connection file>");
});

for (
  const [what, make, type, message] of [
    [
      "no slaves",
      () => new SGEQsubSlaveArray(0),
      RangeError,
      "at least 1, or { min, max, idleMs }, not 0",
    ],
    ["half a slave", () => new SGEQsubSlaveArray(1.5), RangeError, "not 1.5"],
    ["a count that is a text", () => new SGEQsubSlaveArray("3" as never), RangeError, 'not "3"'],
    [
      "an unknown option",
      () => new SGEQsubSlaveArray(1, { queue: "q" } as never),
      TypeError,
      "Unknown option queue of SGEQsubSlaveArray. There are: qsub, setup",
    ],
    [
      "options in one text",
      () => new SGEQsubSlaveArray(1, "-q long.q" as never),
      TypeError,
      'or an object, not "-q long.q". Write ["-q","long.q"]',
    ],
    [
      "words in one text",
      () => new SGEQsubSlaveArray(1, { qsub: "-q long.q" } as never),
      TypeError,
      'Write ["-q", "long.q"]',
    ],
    [
      "an option and its value as one word",
      () => new SGEQsubSlaveArray(1, ["-V", "-q long.q"]),
      TypeError,
      'cannot be given "-q long.q" as one word of qsub: an option and its value are two. Write ["-q", "long.q"]',
    ],
    [
      "a word that is a number",
      () => new SGEQsubSlaveArray(1, ["-p", -5] as never),
      TypeError,
      "option qsub",
    ],
    [
      "a setup that is none",
      () => new SGEQsubSlaveArray(1, { setup: [3] } as never),
      TypeError,
      "option setup",
    ],
    ["an empty shell", () => new SGEQsubSlaveArray(1, { shell: "" }), TypeError, "option shell"],
    [
      "a shell that is no path",
      () => new SGEQsubSlaveArray(1, { shell: "bash" }),
      TypeError,
      'The option shell of SGEQsubSlaveArray must be an absolute path, such as /bin/bash, not "bash"',
    ],
    [
      "a shell of two lines",
      () => new SGEQsubSlaveArray(1, { shell: "/bin/sh\ncd" }),
      TypeError,
      "must be an absolute path",
    ],
    [
      "another array",
      () => new SGEQsubSlaveArray(1, ["-t", "1-5"]),
      TypeError,
      "the word -t of qsub",
    ],
    ["-sync", () => new SGEQsubSlaveArray(1, ["-sync", "y"]), TypeError, "the word -sync"],
    ["no time", () => new SGEQsubSlaveArray(1, { timeLimitMs: 0 }), RangeError, "timeLimitMs"],
    [
      "a time that is a text",
      () => new SGEQsubSlaveArray(1, { timeLimitMs: "5" } as never),
      TypeError,
      "timeLimitMs",
    ],
  ] as const
) {
  Deno.test(`new SGEQsubSlaveArray: refuses ${what}`, () => {
    assertThrows(make, type, message);
  });
}

/** An array that is to be submitted. */
function orderOf(
  count: number,
  makeScript: ArrayOrder["makeScript"],
  submitted: ArrayOrder["submitted"] = () => {},
): ArrayOrder {
  const submission = {
    count,
    words: ["-N", "x"],
    jobName: "parallel",
    shell: "/bin/sh",
    logFolder: "/nowhere",
  };
  return { submission, owner: "SGEQsubSlaveArray", makeScript, submitted };
}

Deno.test("submitArray: an array larger than the site allows is split", async () => {
  await using commands = new FakeCommands();
  // The words of Grid Engine 8.1.9.
  commands.set(
    "qsub",
    `size=\${3#1-}
    if [ $size -gt 4 ]; then
      echo 'Unable to run job: job rejected: you tried to submit a job with more than 4 tasks' >&2
      echo Exiting. >&2
      exit 1
    fi
    n=$(cat $0.number 2>/dev/null || echo 100); echo $((n + 1)) >$0.number
    cat >$0.script.$n
    echo $n.1-$size:1`,
  );
  const told: string[] = [];
  const order = orderOf(10, (offset) => `offset ${offset}`, (job) => told.push(job));
  const parts = await submitArray(GRID_ENGINE, order);
  assertEquals(told, ["100", "101", "102"]);
  assertEquals(parts, [
    { job: "100", count: 4 },
    { job: "101", count: 4 },
    { job: "102", count: 2 },
  ]);
  const offsets = [100, 101, 102].map((n) => commands.read(`qsub.script.${n}`));
  assertEquals(offsets, ["offset -1", "offset 3", "offset 7"]);
  assertEquals(commands.calls("qsub").map((call) => call.slice(0, 13)), [
    "-terse -t 1-1",
    "-terse -t 1-4",
    "-terse -t 1-4",
    "-terse -t 1-2",
  ]);
});

Deno.test("submitArray: a machine without the settings of Grid Engine is told as that", async () => {
  await using commands = new FakeCommands();
  commands.set(
    "qsub",
    `cat >/dev/null; echo 'Unable to initialize environment because of error: unable to read qmaster name' >&2; exit 1`,
  );
  const error = await assertRejects(() => submitArray(GRID_ENGINE, orderOf(1, () => "")), Error);
  assertStringIncludes(
    error.message,
    "Correct the options of SGEQsubSlaveArray. If none of them is wrong, this machine has not read the settings of Grid Engine",
  );
});

Deno.test("submitArray: a refusal of the second part deletes the first", async () => {
  await using commands = new FakeCommands();
  commands.set(
    "qsub",
    `test $3 = 1-6 && { echo 'job rejected: you tried to submit a job with more than 3 tasks' >&2; exit 1; }
    mkdir $0.first 2>/dev/null && { echo 77.1-3:1; exit; }
    echo 'Unable to run job: job rejected: only 1 job is allowed per user (current job count: 1).' >&2
    echo Exiting. >&2
    exit 25`,
  );
  commands.set("qdel", "");
  const error = await submitArray(GRID_ENGINE, orderOf(6, () => ""))
    .then(() => undefined, (error) => error);
  assertEquals(error?.name, "SchedulerError");
  assertStringIncludes(error.message, "exit code 25");
  assertStringIncludes(error.message, "only 1 job is allowed per user");
  assertEquals(commands.calls("qdel"), ["77"]);
});

const RUN_ARRAY = `
  import { Manager, SGEQsubSlaveArray } from "${MODULE_URL}";
  const options = { host: "127.0.0.1", tls: false, output: "null", onEvent: () => {} };
  await using manager = new Manager(options);
  manager.addSlave(new SGEQsubSlaveArray(2));
  const context = manager.getContext();
  context.addTask(() => 1);
  try {
    await context.getResults().next();
  } catch (error) {
    console.log(error.name + ": " + error.message);
  }
`;

Deno.test("SGEQsubSlaveArray: says so when qsub is not on PATH", async () => {
  await using folder = new TempFolder();
  const path = Deno.env.get("PATH")!;
  Deno.env.set("PATH", "/nowhere");
  try {
    const { stdout, stderr } = await runScript(folder, RUN_ARRAY, ["--allow-all"]);
    assertStringIncludes(stdout, "NoMoreSlavesError");
    assertStringIncludes(stdout, "qsub is not on PATH", stderr);
    assertStringIncludes(stdout, "settings.sh");
  } finally {
    Deno.env.set("PATH", path);
  }
});

Deno.test("SGEQsubSlaveArray: says so when qsub may not be run", async () => {
  await using commands = new FakeCommands();
  commands.set("qsub", "exit 1");
  await using folder = new TempFolder();
  const flags = ["--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-sys"];
  const { stdout, stderr } = await runScript(folder, RUN_ARRAY, [
    ...flags,
    "--allow-run=/bin/true",
  ]);
  assertStringIncludes(stdout, "Cannot run qsub", stderr);
  assertStringIncludes(stdout, "--allow-run=deno,qsub,qstat,qdel");
});

Deno.test("submitArray: a qmaster that is away is asked again until it is there, and then told as that", async () => {
  await using commands = new FakeCommands();
  const away = "error: commlib error: got select error (Connection refused)\n" +
    'Unable to run job: unable to send message to qmaster using port 6444 on host "master": got send error';
  commands.set("qsub", `cat >/dev/null; echo '${away}' >&2; exit 1`);
  const clock = new TestClock();
  const told: string[] = [];
  const order: ArrayOrder = {
    submission: {
      count: 2,
      words: [],
      jobName: "parallel",
      shell: "/bin/sh",
      logFolder: "/tmp/.parallel-1",
    },
    owner: "SGEQsubSlaveArray",
    makeScript: () => "",
    submitted: () => {},
    tell: (message) => told.push(message),
    clock,
  };
  const submitting = submitArray(GRID_ENGINE, order);
  for (let i = 1; i <= 3; i++) {
    await commands.called("qsub", i);
    await clock.timerSet(5_000);
    if (i === 3) commands.set("qsub", "cat >/dev/null; echo 4711.1-2:1");
    clock.pass(5_000);
  }
  assertEquals(await submitting, [{ job: "4711", count: 2 }]);
  assertEquals(told.length, 1);
  assertMatch(
    told[0],
    /^Grid Engine did not answer the submission, which is tried again for 2 minutes: error: commlib/,
  );

  commands.set("qsub", `cat >/dev/null; echo '${away}' >&2; exit 1`);
  const failing = assertRejects(() => submitArray(GRID_ENGINE, order), Error);
  await clock.timerSet(5_000);
  clock.stop(120_000);
  clock.pass(0);
  const { message } = await failing;
  assertMatch(
    message,
    /^Grid Engine does not answer: .*got send error\. The job was not taken\. Start the master again when/s,
  );
});
