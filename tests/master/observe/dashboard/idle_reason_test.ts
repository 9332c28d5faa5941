import { assertEquals } from "@std/assert";
import { idleReason } from "../../../../lib/master/observe/dashboard/idle_reason.ts";
import type {
  ContextSurvey,
  SlaveSurvey,
  VacantSlaves,
} from "../../../../lib/master/observe/survey.ts";
import { contextSurvey, slaveSurvey } from "../../../support/made_up_run.ts";

const all = (count: number, change: Partial<SlaveSurvey>) =>
  Array.from({ length: count }, (_, i) => slaveSurvey(i, change));
const context = (change: Partial<ContextSurvey> = {}) => [contextSurvey(0, change)];

const CASES: [
  what: string,
  contexts: ContextSurvey[],
  slaves: SlaveSurvey[],
  reason: string | undefined,
  vacant?: Partial<VacantSlaves>,
][] = [
  [
    "a slave runs a task",
    context(),
    [slaveSurvey(0), ...all(2, { standing: "queued" })],
    undefined,
  ],
  ["there is no context", [], all(1, { standing: "not started" }), "No task has been added yet."],
  [
    "all tasks are done",
    context({ done: 1200, added: 1200, waiting: 0, isRead: false }),
    all(2, { standing: "idle" }),
    "All 1,200 tasks are done. The script has added no others.",
  ],
  [
    "the one task is done",
    context({ done: 1, added: 1, waiting: 0 }),
    all(2, { standing: "idle" }),
    "The task is done.",
  ],
  ["there are no slaves", context(), [], "No slaves have been added: see Manager.addSlave()."],
  [
    "all slaves are lost",
    context(),
    all(2, { standing: "lost", loss: "exit code 1" }),
    "All 2 slaves are lost. The last was local slave 1: exit code 1.",
  ],
  [
    "the only slave is lost",
    context(),
    all(1, { standing: "lost", loss: "exit code 1" }),
    "The only slave is lost. The last was local slave 0: exit code 1.",
  ],
  [
    "nobody reads",
    context({ isRead: false }),
    all(2, { standing: "not started" }),
    "The script does not read the results of the tasks that wait: they run when it does.",
  ],
  [
    "all are queued, and the scheduler says why",
    context(),
    all(8, { standing: "queued", waitReason: "Resources" }),
    "8 slaves are queued by the scheduler: Resources.",
  ],
  [
    "one is queued, and the scheduler says nothing",
    context(),
    all(1, { standing: "queued" }),
    "A slave is queued by the scheduler.",
  ],
  [
    "some are queued, others start",
    context(),
    [...all(2, { standing: "queued" }), ...all(3, { standing: "starting" })],
    "2 slaves are queued by the scheduler, 3 are starting.",
  ],
  ["all are starting", context(), all(4, { standing: "starting" }), "4 slaves are starting."],
  ["the one starts", context(), all(1, { standing: "starting" }), "The slave is starting."],
  [
    "the reader lags behind",
    context({ isHeldUp: true }),
    all(2, { standing: "idle" }),
    "Results wait for the script: when it has read half of them, tasks go on.",
  ],
  [
    "tasks threw",
    context({ waiting: 0, delayed: 3 }),
    all(2, { standing: "idle" }),
    "3 tasks threw, and wait for the time to run again.",
  ],
  [
    "a task threw",
    context({ waiting: 0, delayed: 1 }),
    all(2, { standing: "idle" }),
    "A task threw, and waits for the time to run again.",
  ],
  [
    "the source has no inputs",
    context({ done: 10, waiting: 0, isMoreToCome: true }),
    all(2, { standing: "idle" }),
    "The slaves wait for the next inputs of the script.",
  ],
  [
    "tasks have just come",
    context({ waiting: 2 }),
    all(2, { standing: "idle" }),
    "The slaves are about to get tasks.",
  ],
  [
    "slaves are about to be launched",
    context(),
    [...all(2, { standing: "not started" }), slaveSurvey(2, { standing: "starting" })],
    "3 slaves are starting.",
  ],
  ["all are vacant", context(), [], "No job is submitted at the moment.", { count: 3 }],
  [
    "all are vacant, and a job has failed",
    context(),
    [],
    "No job is submitted at the moment. The last failed: no Deno.",
    { count: 3, failure: "no Deno" },
  ],
  [
    "some are vacant, and the others lost",
    context(),
    all(2, { standing: "lost", loss: "exit code 1" }),
    "No job is submitted at the moment.",
    { count: 1 },
  ],
  [
    "all are vacant, and nobody reads",
    context({ isRead: false }),
    [],
    "The script does not read the results of the tasks that wait: they run when it does.",
    { count: 3 },
  ],
  [
    "all are vacant, and the source has no inputs",
    context({ done: 10, waiting: 0, isMoreToCome: true }),
    [],
    "The slaves wait for the next inputs of the script.",
    { count: 3, failure: "no Deno" },
  ],
  [
    "some are vacant, and others start",
    context(),
    all(2, { standing: "starting" }),
    "2 slaves are starting.",
    { count: 3, failure: "no Deno" },
  ],
];
for (const [what, contexts, slaves, reason, change] of CASES) {
  Deno.test(`idleReason: ${what}`, () => {
    const tasksEnded = contexts.reduce((sum, { done }) => sum + done, 0);
    const vacant = { count: 0, failure: undefined, ...change };
    assertEquals(idleReason({ contexts, slaves, vacant, tasksEnded }), reason);
  });
}
