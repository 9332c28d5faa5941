/** The words of PBS, which stand in an example, with answers as its User's Guide shows them. */

import { assertEquals, assertThrows } from "@std/assert";
import { PBS } from "./pbs_slave_array.ts";
import type { JobSubmission, JobTaskStatus } from "../mod.ts";

/** What a command has said. */
function said(stdout: string, stderr = "", code = 0) {
  return { code, stdout, stderr };
}

const SUBMISSION: JobSubmission = {
  count: 3,
  words: ["-q", "long"],
  jobName: "parallel",
  shell: "/bin/sh",
  logFolder: "/home/me/.parallel-1",
};

Deno.test("PBS.submitCommand: makes an array, and one of a single task", () => {
  const words = (count: number) => PBS.submitCommand({ ...SUBMISSION, count }).join(" ");
  const others = "-N parallel -S /bin/sh -j oe -o /home/me/.parallel-1/ -r n -q long";
  assertEquals(words(3), `qsub -J 1-3 ${others}`);
  assertEquals(words(1), `qsub -J 1-2:2 ${others}`);
});

for (const logFolder of ["/a:b/.parallel-1", "/a,b/.parallel-1"]) {
  Deno.test(`PBS.submitCommand: refuses the folder ${logFolder}, which would be read as another`, () => {
    assertThrows(
      () => PBS.submitCommand({ ...SUBMISSION, logFolder }),
      Error,
      `PBS cannot write what slaves print to ${logFolder}: there is a colon or a comma in it`,
    );
  });
}

for (
  const [output, answer] of [
    [said("123[].pbs"), { answer: "submitted", job: "123[].pbs" }],
    [said("", "qsub: Array job exceeds server or queue size limit", 1), { answer: "too large" }],
    [said("", "qsub: cannot connect to server pbs (errno=111)", 111), { answer: "unanswered" }],
    [said("", "qsub: Unknown queue", 170), { answer: "refused" }],
  ] as const
) {
  Deno.test(`PBS.readSubmission: understands ${output.stdout}${output.stderr}`, () => {
    assertEquals(PBS.readSubmission(output) as unknown, answer);
  });
}

Deno.test("PBS.lookup: finds the array of a name, and knows when there is none and when nobody knows", () => {
  assertEquals(PBS.lookup!.command("p-1"), ["qselect", "-x", "-N", "p-1"]);
  assertEquals(PBS.lookup!.read(said("123[].pbs\n")), "123[].pbs");
  assertEquals(PBS.lookup!.read(said("")), undefined);
  assertEquals(PBS.lookup!.read(said("", "qselect: cannot connect", 1)), null);
});

for (
  const [job, status] of [
    [{ job_state: "Q" }, { state: "queued", reason: "" }],
    [
      {
        job_state: "Q",
        comment: "Not Running: Insufficient amount of resource: ncpus (R: 2 A: 0 T: 2)",
      },
      { state: "queued", reason: "Insufficient amount of resource: ncpus (R: 2 A: 0 T: 2)" },
    ],
    [
      {
        job_state: "Q",
        comment: "Can Never Run: Insufficient amount of resource: ncpus (R: 30 A: 2 T: 2)",
      },
      {
        state: "stuck",
        reason: "Can Never Run: Insufficient amount of resource: ncpus (R: 30 A: 2 T: 2)",
      },
    ],
    [
      { job_state: "H", Hold_Types: "u", comment: "Job held by me on Sat Nov 28 10:00:00 2026" },
      {
        state: "queued",
        reason: "Job held by me on Sat Nov 28 10:00:00 2026. qrls lets it run",
      },
    ],
    [{ job_state: "H" }, { state: "queued", reason: "it is held. qrls lets it run" }],
    [
      { job_state: "H", Hold_Types: "s", comment: "job held, too many failed attempts to run" },
      { state: "stuck", reason: "job held, too many failed attempts to run" },
    ],
    [{ job_state: "R", comment: "Job run at Sat Nov 28" }, { state: "running" }],
    [{ job_state: "R", exec_host: "node7/0*2" }, { state: "running", host: "node7" }],
    [{ job_state: "S" }, { state: "running" }],
    [{ job_state: "U" }, { state: "running" }],
    [{ job_state: "E" }, { state: "running" }],
    [
      { job_state: "X" },
      { state: "ended", reason: "PBS says that its job has ended", isTakenAway: false },
    ],
    [
      { job_state: "X", Exit_status: 1 },
      { state: "ended", reason: "PBS says that its job has ended, with exit status 1" },
    ],
    [
      { job_state: "F", Exit_status: 265 },
      { state: "ended", reason: "PBS says that its job was ended by signal 9 (exit status 265)" },
    ],
    [
      { job_state: "F", Exit_status: -3 },
      { state: "ended", reason: "PBS could not run its job (exit status -3)" },
    ],
    [
      { job_state: "F", Exit_status: -29 },
      {
        state: "ended",
        reason: "PBS ended its job at its time limit (exit status -29). " +
          "Ask for more time by the word -l walltime=…",
      },
    ],
    [
      { job_state: "F", Exit_status: -27 },
      {
        state: "ended",
        reason: "PBS ended its job since it used more memory than it had asked for " +
          "(exit status -27). Ask for more by the word -l select=1:mem=…",
      },
    ],
  ] as [object, JobTaskStatus][]
) {
  Deno.test(`PBS.readStatus: understands ${JSON.stringify(job)}`, () => {
    const answer = said(JSON.stringify({ timestamp: 1, Jobs: { "123[4].pbs": job } }));
    assertEquals(JSON.parse(JSON.stringify([...PBS.readStatus(answer)!])), [[
      "123[4].pbs",
      status,
    ]]);
  });
}

Deno.test("PBS.readStatus: a job that is not known any more is gone, and the others are told of", () => {
  const stderr = "qstat: Unknown Job Id 1[].pbs";
  const stdout = JSON.stringify({ Jobs: { "2[1].pbs": { job_state: "R" } } });
  assertEquals([...PBS.readStatus(said(stdout, stderr, 153))!.keys()], ["2[1].pbs"]);
  assertEquals(PBS.readStatus(said("", stderr, 153))!.size, 0);
});

Deno.test("PBS.readStatus: nothing is known when there is no answer", () => {
  assertEquals(
    PBS.readStatus(said("", "qstat: cannot connect to server pbs (errno=111)", 111)),
    undefined,
  );
});
