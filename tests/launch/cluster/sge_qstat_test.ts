import { assertEquals, assertThrows } from "@std/assert";
import { parseErrorReasons, parseQstat } from "../../../lib/launch/cluster/sge_qstat.ts";
import { assertLinear, repeated } from "../../support/linear.ts";

// All texts are of Grid Engine 8.1.9.

const QSTAT = `<?xml version='1.0'?>
<job_info  xmlns:xsd="http://arc.liv.ac.uk/repos/darcs/sge/source/dist/util/resources/schemas/qstat/qstat.xsd">
  <queue_info>
    <job_list state="running">
      <JB_job_number>25</JB_job_number>
      <JAT_prio>0.75000</JAT_prio>
      <JB_name>parallel</JB_name>
      <JB_owner>root</JB_owner>
      <state>dr</state>
      <JAT_start_time>2026-11-22T12:15:49</JAT_start_time>
      <queue_name>all.q@nodeA</queue_name>
      <slots>1</slots>
      <tasks>1</tasks>
    </job_list>
    <job_list state="running">
      <JB_job_number>28</JB_job_number>
      <JAT_prio>0.25000</JAT_prio>
      <JB_name>single</JB_name>
      <JB_owner>root</JB_owner>
      <state>r</state>
      <JAT_start_time>2026-11-22T12:16:06</JAT_start_time>
      <queue_name>all.q@nodeC</queue_name>
      <slots>1</slots>
    </job_list>
  </queue_info>
  <job_info>
    <job_list state="pending">
      <JB_job_number>27</JB_job_number>
      <JAT_prio>0.27941</JAT_prio>
      <JB_name>bad</JB_name>
      <JB_owner>root</JB_owner>
      <state>Eqw</state>
      <JB_submission_time>2026-11-22T12:16:05</JB_submission_time>
      <queue_name></queue_name>
      <slots>1</slots>
      <tasks>1,2</tasks>
    </job_list>
    <job_list state="pending">
      <JB_job_number>26</JB_job_number>
      <JAT_prio>0.00000</JAT_prio>
      <JB_name>waiting</JB_name>
      <JB_owner>root</JB_owner>
      <state>hqw</state>
      <JB_submission_time>2026-11-22T12:16:05</JB_submission_time>
      <queue_name></queue_name>
      <slots>1</slots>
      <tasks>1-9:2</tasks>
    </job_list>
  </job_info>
</job_info>`;

const EMPTY = `<?xml version='1.0'?>
<job_info  xmlns:xsd="http://arc.liv.ac.uk/repos/darcs/sge/source/dist/util/resources/schemas/qstat/qstat.xsd">
  <queue_info>
  </queue_info>
  <job_info>
  </job_info>
</job_info>`;

Deno.test("parseQstat: knows running and waiting tasks, ranges of them, and jobs that are no array", () => {
  const waiting = { state: "hqw", queue: "" };
  const bad = { state: "Eqw", queue: "" };
  assertEquals(
    parseQstat(QSTAT),
    new Map([
      ["25.1", { state: "dr", queue: "all.q@nodeA" }],
      ["28", { state: "r", queue: "all.q@nodeC" }],
      ["27.1", bad],
      ["27.2", bad],
      ["26.1", waiting],
      ["26.3", waiting],
      ["26.5", waiting],
      ["26.7", waiting],
      ["26.9", waiting],
    ]),
  );
});

Deno.test("parseQstat: an empty queue has no tasks", () => {
  assertEquals(parseQstat(EMPTY).size, 0);
});

for (
  const [what, text] of [
    ["nothing", ""],
    ["an error message", "error: commlib error: got select error (Connection refused)"],
    ["the table without -xml", "job-ID  prior   name       user         state submit/start at"],
    ["a range that is none", QSTAT.replace("1-9:2", "some")],
  ]
) {
  Deno.test(`parseQstat: ${what} is a SyntaxError, not an empty queue`, () => {
    assertThrows(() => parseQstat(text), SyntaxError);
  });
}

Deno.test("parseQstat: an answer that is cut off is a SyntaxError, not an empty queue", () => {
  assertThrows(() => parseQstat(QSTAT.slice(0, QSTAT.indexOf("<job_info>"))), SyntaxError);
});

const QSTAT_J = `==============================================================
job_number:                 27
exec_file:                  job_scripts/27
stdout_path_list:           NONE:NONE:/nowhere/x
job-array tasks:            1-2:1
error reason          1:      11/22/2026 12:16:06 [0:3628]: error: can't open output file "/nowhere/x": No such file or directory
error reason          2:      11/22/2026 12:16:06 [0:4141]: error: can't open output file "/other": Permission denied
scheduling info:            Job is in error state
`;

Deno.test("parseErrorReasons: finds the reason of a task, without date and process", () => {
  assertEquals(
    parseErrorReasons(QSTAT_J).get(1),
    `error: can't open output file "/nowhere/x": No such file or directory`,
  );
  assertEquals(
    parseErrorReasons(QSTAT_J).get(2),
    `error: can't open output file "/other": Permission denied`,
  );
});

Deno.test("parseErrorReasons: knows none where there is none", () => {
  assertEquals(parseErrorReasons(QSTAT_J).get(3), undefined);
  assertEquals(parseErrorReasons("").size, 0);
  assertEquals(parseErrorReasons("Following jobs do not exist: \n1000").size, 0);
});

const HOSTILE: Record<string, (length: number) => string> = {
  "beginnings of the whole": (length) => repeated("<job_info", length),
  "ends of the whole": (length) => `<job_info>${repeated("</job_info> ", length)}x`,
  "jobs that do not end": (length) => `<job_info>${repeated("<job_list>", length)}</job_info>`,
  "a job whose parts do not end": (length) =>
    `<job_info><job_list>${repeated("<state><tasks>", length)}</job_list></job_info>`,
  "names that do not end": (length) => `<job_info>${repeated("<job_list ", length)}</job_info>`,
};

for (const [what, makeText] of Object.entries(HOSTILE)) {
  Deno.test(`parseQstat: walks once through ${what}`, async () => {
    await assertLinear(parseQstat, makeText);
  });
}

Deno.test("parseErrorReasons: walks once through what is no reason", async () => {
  await assertLinear(parseErrorReasons, (length) => repeated("error reason \n", length));
  await assertLinear(parseErrorReasons, (length) => `error reason 1: ${"]".repeat(length)}`);
});

for (const tasks of ["1-5:0", "1-99999999999", "1-x"]) {
  Deno.test(`parseQstat: refuses the tasks ${tasks}, of which there would be no end`, () => {
    const job = `<job_list><JB_job_number>7</JB_job_number><tasks>${tasks}</tasks></job_list>`;
    assertThrows(
      () => parseQstat(`<job_info>${job}</job_info>`),
      SyntaxError,
      `Expected a range of tasks such as 1-5:2, got "${tasks}"`,
    );
  });
}
