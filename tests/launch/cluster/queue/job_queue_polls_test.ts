/** How often schedulers are asked, with commands that are played and a time that the test moves. */

import { assert, assertEquals } from "@std/assert";
import { PBS } from "../../../../examples/pbs_slave_array.ts";
import type { Scheduler } from "../../../../mod.ts";
import { JobQueue } from "../../../../lib/launch/cluster/queue/job_queue.ts";
import { GRID_ENGINE } from "../../../../lib/launch/cluster/sge.ts";
import { SLURM } from "../../../../lib/launch/cluster/slurm.ts";
import { FakeCommands } from "../../../support/grid_fake_commands.ts";
import { TestClock } from "../../../support/test_clock.ts";

const SLAVES = 1000;
const PER_JOB = 100;
const MINUTE_MS = 60_000;

/** What each scheduler says when all slaves run. */
const ANSWERS: [Scheduler, program: string, answer: (jobs: readonly string[]) => string][] = [
  [GRID_ENGINE, "qstat", (jobs) => {
    const entries = jobs.map((job) =>
      `<job_list><JB_job_number>${job}</JB_job_number><state>r</state>` +
      `<queue_name>all.q@n1</queue_name><tasks>1-${PER_JOB}</tasks></job_list>`
    );
    return `<job_info>${entries.join("")}</job_info>`;
  }],
  [
    SLURM,
    "squeue",
    (jobs) => tasksOf(jobs).map(([job, task]) => `${job}_${task}|RUNNING|None|n1`).join("\n"),
  ],
  [PBS, "qstat", (jobs) => {
    const entries = tasksOf(jobs).map((
      [job, task],
    ) => [PBS.taskName(job, task), { job_state: "R" }]);
    return JSON.stringify({ Jobs: Object.fromEntries(entries) });
  }],
];

function tasksOf(jobs: readonly string[]): [job: string, task: number][] {
  return jobs.flatMap((job) =>
    Array.from({ length: PER_JOB }, (_, i): [string, number] => [job, i + 1])
  );
}

for (const [scheduler, program, answer] of ANSWERS) {
  Deno.test(`JobQueue: ${SLAVES} slaves of ${scheduler.name} take one question for all, at most four times a minute when nothing changes`, async () => {
    await using commands = new FakeCommands();
    const clock = new TestClock();
    const queue = new JobQueue(scheduler, { tell: () => {} }, clock);
    const jobs = Array.from(
      { length: SLAVES / PER_JOB },
      (_, i) => scheduler === PBS ? `${i + 1}[].pbs` : String(i + 1),
    );
    commands.print(program, answer(jobs));
    const tasks = tasksOf(jobs).map(([job, task]) =>
      queue.follow(job, task, { findTail: () => Promise.resolve("") })
    );
    /** How many questions there were in each minute. */
    const counts: number[] = [];
    while (clock.now() < 10 * MINUTE_MS) {
      await clock.fire();
      const minute = Math.floor(clock.now() / MINUTE_MS);
      counts[minute] = (counts[minute] ?? 0) + 1;
      await clock.timerSet();
    }
    await Promise.all(tasks.map(({ started }) => started));
    // At first it is asked sooner: jobs begin then.
    assert(counts[0] <= 8, counts.join());
    assert(counts.slice(1, 10).every((count) => count <= 4), counts.join());
    const calls = commands.calls(program);
    assertEquals(calls.length, counts.reduce((sum, count) => sum + count));
    assertEquals(new Set(calls), new Set([scheduler.statusCommand(jobs).slice(1).join(" ")]));
    await queue[Symbol.asyncDispose]();
  });
}
