import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { turnoverTimes } from "../../examples/long_run_tasks.ts";
import { hop, relax } from "../../examples/optimize_tasks.ts";
import { FakePbs } from "../support/fake_pbs.ts";
import { addFakeGrid, untilIdle } from "../support/fake_grid.ts";
import { PlayedSSH } from "../support/played_ssh.ts";
import { copyOfTheProject, runInCopy } from "../support/project_copy.ts";

/** The command that an example begins with. */
function commandOf(example: string): string {
  const text = Deno.readTextFileSync(new URL(`../../examples/${example}`, import.meta.url));
  const command = /^ \* ```sh\n([^`]*)^ \* ```/m.exec(text)?.[1];
  if (command === undefined) throw new Error(`${example} does not begin with its command`);
  return command.replaceAll(/^ \* /gm, "").trim();
}

/** Runs the command of an example, with more words at its end: of options given twice the last one counts. */
async function runExample(
  example: string,
  ...words: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  await using folder = await copyOfTheProject();
  return await runInCopy(folder, `${commandOf(example)} ${words.join(" ")}`);
}

Deno.test("random_numbers.ts: gives the same digits with 1 and with 8 slaves, and other ones for another seed", async () => {
  const few = ["--tasks 20", "--samples 1000"];
  const one = await runExample("random_numbers.ts", ...few, "--slaves 1");
  assertEquals([one.code, one.stderr], [0, ""]);
  const eight = await runExample("random_numbers.ts", ...few, "--slaves 8");
  assertEquals(eight, one);
  const other = await runExample("random_numbers.ts", ...few, "--seed 2");
  assert(other.stdout !== one.stdout, other.stdout);
});

for (
  const [option, programs] of [["--sge", "qsub,qstat,qdel"], ["--slurm", "sbatch,squeue,scancel"]]
) {
  Deno.test(`random_numbers.ts: gives the same digits on a cluster, which is played here, with ${option}`, async () => {
    const words = ["--tasks 20", "--samples 1000"];
    const here = await runExample("random_numbers.ts", ...words);
    await using folder = await copyOfTheProject();
    addFakeGrid(folder);
    const there = await runInCopy(
      folder,
      `deno run --allow-net --allow-run=deno,${programs} --allow-read=. --allow-write=. --allow-env \\
      --allow-sys=hostname,networkInterfaces examples/random_numbers.ts ${option} ${
        words.join(" ")
      }`,
    );
    await untilIdle(folder);
    assertEquals(there, here);
  });
}

Deno.test("random_numbers.ts: estimates the mean distance", async () => {
  const { stdout } = await runExample("random_numbers.ts", "--tasks 20", "--samples 20000");
  const [mean, exact, deviation] = stdout.split("\n").map((line) => Number(line.split(/\s+/)[1]));
  assertAlmostEquals(exact, 0.661707182267176, 1e-14);
  assertAlmostEquals(mean, exact, 0.003);
  // The numbers are always the same, so this is no matter of luck.
  assert(Math.abs(deviation) < 3, stdout);
});

Deno.test("saxs.ts: fits the measured profile of lysozyme, and draws it", async () => {
  await using folder = await copyOfTheProject();
  const { code, stdout, stderr } = await runInCopy(folder, commandOf("saxs.ts"));
  assertMatch(stdout, /^chi {8}0\.5475$/m);
  assertStringIncludes(folder.lines("saxs.svg").join(), "6lyz.pdb and lyzexp.dat");
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("optimize.ts: finds the best shape of five atoms, in steps that lead down", async () => {
  const { code, stdout, stderr } = await runExample("optimize.ts", "--atoms 5", "--hops 80");
  assertEquals([code, stderr], [0, ""]);
  const [head, ...rows] = stdout.trimEnd().split("\n");
  assertEquals(head, "   hop      energy");
  const energies = rows.map((row) => Number(row.trim().split(/\s+/)[1]));
  assertEquals(energies, [...energies].sort((a, b) => b - a));
  // A triangular bipyramid; see the Cambridge Cluster Database.
  assertEquals(energies.at(-1), -9.103852);
});

Deno.test("relax: two atoms come to rest at the distance of their minimum", () => {
  const { positions, energy } = relax(new Float64Array([0, 0, 0, 1.5, 0, 0]));
  assertAlmostEquals(energy, -1, 1e-9);
  assertAlmostEquals(Math.abs(positions[3] - positions[0]), 2 ** (1 / 6), 1e-6);
});

Deno.test("hop: depends on its number, and on nothing else", () => {
  const from = new Float64Array([0, 0, 0, 1, 0, 0, 0, 1, 0]);
  assertEquals(hop(from, 0.4, 1, 5), hop(from, 0.4, 1, 5));
  assert(hop(from, 0.4, 1, 5).positions[0] !== hop(from, 0.4, 1, 6).positions[0]);
});

Deno.test("density_fit.ts: finds the blobs of its map, the same with 1 and with 3 slaves", async () => {
  const small = ["--size 40", "--rounds 6"];
  const one = await runExample("density_fit.ts", ...small, "--slaves 1");
  assertEquals([one.code, one.stderr], [0, ""]);
  const [head, ...rows] = one.stdout.trimEnd().split("\n");
  assertEquals(head, "round   difference");
  const differences = rows.slice(0, -1).map((row) => Number(row.trim().split(/\s+/)[1]));
  assertEquals(differences.length, 6);
  // What is left is the noise of the map.
  assert(differences[0] > 0.052, one.stdout);
  assertAlmostEquals(differences.at(-1)!, 0.05, 0.0005);
  const percent = Number(/right to ([\d.]+) %/.exec(rows.at(-1)!)![1]);
  assert(percent < 2, one.stdout);
  assertEquals(await runExample("density_fit.ts", ...small, "--slaves 3"), one);
});

Deno.test("long_run.ts: started again it takes what is in the journal, and runs what is missing", async () => {
  await using folder = await copyOfTheProject();
  const run = async () => {
    const { code, stdout, stderr } = await runInCopy(
      folder,
      `${commandOf("long_run.ts")} --size 12`,
    );
    assertEquals(code, 0, stderr);
    // Progress.
    assertStringIncludes(stderr, "12 of 12 tasks done");
    assertMatch(stdout, /^[\d.]+ % turn over within 30 s; see long_run\.pgm\n$/);
    const picture = Deno.readFileSync(folder.file("long_run.pgm"));
    assertEquals(picture.length, "P5 12 12 255\n".length + 12 * 12);
    return { stdout, picture };
  };
  const whole = await run();
  const journal = Deno.readTextFileSync(folder.file("long_run.jsonl"));
  assertStringIncludes(folder.lines("long_run.tsv")[0], "run_time_s");

  assertEquals(await run(), whole);
  assertEquals(Deno.readTextFileSync(folder.file("long_run.jsonl")), journal);

  // As if the master had been killed in the middle of a line.
  Deno.writeTextFileSync(folder.file("long_run.jsonl"), journal.slice(0, -300));
  assertEquals(await run(), whole);
  assert(Deno.readTextFileSync(folder.file("long_run.jsonl")).length > journal.length - 300);
});

Deno.test("turnoverTimes: no pendulum turns over that has not the energy for it", () => {
  // The lower rod needs 3 cos(upper) + cos(lower) ≤ 2.
  const times = turnoverTimes(0.3, 8);
  for (const [i, time] of times.entries()) {
    const lower = Math.PI * ((2 * i + 1) / 8 - 1);
    if (3 * Math.cos(0.3) + Math.cos(lower) > 2) assertEquals(time, Infinity);
  }
  assert(turnoverTimes(3, 8).every((time) => time < 30));
});

Deno.test("machines.ts: tells how fast each host is, and names one that cannot be used", async () => {
  await using ssh = new PlayedSSH();
  ssh.at(
    "bob",
    'echo "Permission denied (publickey)." >&2; echo $$ >"$folder/bob.new"; mv "$folder/bob.new" "$folder/bob"; exit 255',
  );
  // The run does not end before the master knows that this login has.
  ssh.at(
    "alice",
    'until [ -e "$folder/bob" ]; do sleep 0.01; done; while kill -0 "$(cat "$folder/bob")" 2>/dev/null; do sleep 0.01; done',
  );
  await using folder = await copyOfTheProject();
  const command = commandOf("machines.ts");
  assertMatch(command, / alice bob:4$/);
  const { code, stdout, stderr } = await runInCopy(folder, command);
  assertMatch(stdout, /^host +tasks +median\n\S+ +50 +\d+ ms\n$/);
  assertMatch(stderr, /^parallel: slave 1, ssh to bob is lost: the login was refused/);
  assertEquals(code, 0);
});

Deno.test("machines.ts: tells how it is called", async () => {
  for (const words of ["", "alice:0", "--fast"]) {
    await using folder = await copyOfTheProject();
    const command = commandOf("machines.ts").replace("alice bob:4", words);
    const { code, stdout, stderr } = await runInCopy(folder, command);
    assertMatch(stderr, /^Usage: machines\.ts HOST/);
    assertEquals([code, stdout], [2, ""]);
  }
});

Deno.test("pbs.ts: counts primes by slaves of a scheduler that is described beside it, and leaves no job", async () => {
  await using pbs = new FakePbs();
  await using folder = await copyOfTheProject();
  const command = commandOf("pbs.ts");
  assertMatch(command, / --slaves 20 -l select=1:mem=1gb$/);
  const { code, stdout, stderr } = await runInCopy(folder, command.replace("20", "4"));
  assertEquals([stdout, stderr, code], ["148933 primes below 2000000\n", "", 0]);
  const ranges = pbs.commands.calls("qsub").map((call) =>
    /^-J (\S+) .* -l select=1:mem=1gb$/.exec(call)?.[1]
  );
  assertEquals(ranges, ["1-4", "1-2", "1-2"]);
});

Deno.test("pbs.ts: tells how it is called", async () => {
  // Without its commands Deno says that it does not find them.
  await using _pbs = new FakePbs();
  for (const words of ["", "--slaves", "--slaves 0", "--slaves many"]) {
    await using folder = await copyOfTheProject();
    const command = commandOf("pbs.ts").replace(/--slaves .*/, words);
    const { code, stdout, stderr } = await runInCopy(folder, command);
    assertMatch(stderr, /^Usage: pbs\.ts --slaves N/);
    assertEquals([code, stdout], [2, ""]);
  }
});

for (const example of ["random_numbers.ts", "optimize.ts", "long_run.ts"]) {
  Deno.test(`${example}: tells how it is called`, async () => {
    const { code, stdout, stderr } = await runExample(example, "--help");
    assertStringIncludes(stdout, `Usage: ${example} [--slaves N]`);
    assertEquals([code, stderr], [0, ""]);
  });
}

for (const words of ["--slaves 0", "--speed 1"]) {
  Deno.test(`optimize.ts: tells what is wrong with ${words}`, async () => {
    const { code, stdout, stderr } = await runExample("optimize.ts", words);
    assertStringIncludes(stderr, words.split(" ")[0]);
    assertStringIncludes(stderr, "\n\nUsage: optimize.ts");
    assertEquals([code, stdout], [2, ""]);
  });
}
