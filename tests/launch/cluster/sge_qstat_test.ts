import { assertEquals, assertThrows } from "@std/assert";
import { parseErrorReasons, parseQstat } from "../../../lib/launch/cluster/sge_qstat.ts";

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
