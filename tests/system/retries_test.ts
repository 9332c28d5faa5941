/** Tasks that throw and run again, with real slaves. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type Context,
  type ContextOptions,
  type Outcome,
  ParallelError,
  remote,
  RemoteError,
  type RetryOptions,
} from "../../mod.ts";
import { parseJobLogLine } from "../../lib/job_log_line.ts";
import { makeReport } from "../../report.ts";
import { EventLog } from "../support/event_log.ts";
import { Gates } from "../support/gates.ts";
import { localManager } from "../support/local_manager.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { RunningClock, StandingClock } from "../support/test_clock.ts";

const flaky = remote<typeof import("../support/flaky_tasks.ts")>(
  import.meta.resolve("../support/flaky_tasks.ts"),
);
const gateTasks = remote<typeof import("../support/gate_tasks.ts")>(
  import.meta.resolve("../support/gate_tasks.ts"),
);
const failing = remote<typeof import("../support/failing_tasks.ts")>(
  import.meta.resolve("../support/failing_tasks.ts"),
);

/** The error that a task ends in. */
async function failureOf(running: Promise<unknown>): Promise<RemoteError> {
  return await assertRejects(() => running, RemoteError);
}

/** Ways to run one task that takes one argument, and to have its outcome, or its result alone. */
const WAYS: Record<
  string,
  (context: Context, input: { times: number; path: string }) => AsyncIterable<unknown>
> = {
  addTask(context, input) {
    context.addTask(flaky.throwFirstAt, input);
    return context.getOutcomesUnordered();
  },
  addTasks(context, input) {
    context.addTasks(flaky.throwFirstAt, [input]);
    return context.getOutcomes();
  },
  mapOutcomes: (context, input) => context.mapOutcomes(flaky.throwFirstAt, [input]),
  map: (context, input) => context.map(flaky.throwFirstAt, [input]),
  async *run(context, input) {
    yield await context.run(flaky.throwFirstAt, [input]);
  },
};

for (const way of Object.keys(WAYS)) {
  for (const journal of [undefined, "journal.jsonl"]) {
    const what = journal === undefined ? "without a journal" : "with a journal";
    Deno.test(`retries: a task of ${way} runs again, ${what}, and its attempts are counted`, async () => {
      await using folder = new TempFolder();
      const log = new EventLog();
      const [path, joblog] = [folder.file("runs"), folder.file("run.tsv")];
      {
        await using manager = localManager(1, { onEvent: log.onEvent, joblog });
        const context = manager.getContext(undefined, {
          retries: 2,
          journal: journal && folder.file(journal),
        });
        const [got] = await Array.fromAsync(WAYS[way](context, { times: 2, path }));
        const pids = folder.lines("runs").map(Number);
        assertEquals(pids.length, 3);
        if (way === "run" || way === "map") {
          assertEquals(got, pids);
        } else {
          const { status, attempts } = got as Outcome;
          assertEquals([status, attempts], ["fulfilled", 3]);
        }
      }
      const retries = log.of("task-retried");
      assertEquals(retries.map(({ reason }) => reason), ["RangeError: run 1", "RangeError: run 2"]);
      for (const { error } of retries) assertInstanceOf(error, RangeError);
      assertEquals(log.of("task-finished").map(({ attempts }) => attempts), [3]);
      const lines = folder.lines("run.tsv").slice(1).map((line) => parseJobLogLine(line));
      assertEquals(lines.map(({ attempts, status }) => [attempts, status]), [[3, "fulfilled"]]);
      const report = await makeReport([Deno.readTextFileSync(joblog)], "run.tsv");
      assertStringIncludes(report, "Tasks that ran more than once");
      if (journal !== undefined) {
        // The journal has the last outcome alone.
        await using manager = localManager(0);
        const context = manager.getContext(undefined, {
          retries: 2,
          journal: folder.file(journal),
        });
        const [got] = await Array.fromAsync(WAYS[way](context, { times: 2, path }));
        assertEquals(folder.lines("runs").length, 3);
        if (way !== "run" && way !== "map") assertEquals((got as Outcome).attempts, 3);
      }
    });
  }
}

Deno.test("retries: another slave that has nothing to do runs the task, not the one on which it threw", async () => {
  await using folder = new TempFolder();
  await using gates = new Gates();
  await using manager = localManager(2);
  const context = manager.getContext(undefined, { retries: 4 });
  const held = [0, 1].map((i) => context.run(gateTasks.wait, [i, gates.port]));
  await gates.meet(2);
  await Promise.all(held);
  const pids = await context.run(flaky.throwFirst, [4, folder.file("runs")]);
  const [first, second] = pids;
  assertNotEquals(first, second);
  assertEquals(pids, [first, second, first, second, first]);
});

Deno.test("retries: a task that throws once too often has failed, and a run with the journal counts anew", async () => {
  await using folder = new TempFolder();
  const options: ContextOptions = { retries: 1, journal: folder.file("journal") };
  const args: [number, string] = [3, folder.file("runs")];
  {
    await using manager = localManager(1);
    const error = await failureOf(
      manager.getContext(undefined, options).run(flaky.throwFirst, args),
    );
    assertStringIncludes(error.message, "failed 2 times, at last on local slave 0");
    assertEquals((error.cause as Error).message, "run 2");
  }
  {
    await using manager = localManager(0);
    const error = await failureOf(
      manager.getContext(undefined, options).run(flaky.throwFirst, args),
    );
    assertStringIncludes(error.message, "failed 2 times, at last on local slave 0");
  }
  await using manager = localManager(1);
  const context = manager.getContext(undefined, { ...options, rerunFailed: true });
  assertEquals((await context.run(flaky.throwFirst, args)).length, 4);
});

Deno.test("retries: each delay is twice the one before, and reading in order waits", async () => {
  await using folder = new TempFolder();
  const log = new EventLog();
  const clock = new StandingClock();
  await using manager = localManager(1, { onEvent: log.onEvent }, clock);
  const context = manager.getContext(undefined, { retries: { count: 2, delayMs: 60_000 } });
  const inputs = [2, 0].map((times) => ({ times, path: folder.file(`runs${times}`) }));
  const reading = Array.fromAsync(context.map(flaky.throwFirstAt, inputs));
  for (const [i, delayMs] of [60_000, 120_000].entries()) {
    await log.until("task-retried", i + 1);
    await Promise.race([clock.timerSet(delayMs), reading]);
    assertEquals(clock.nextInMs, delayMs);
    clock.pass(delayMs);
  }
  assertEquals((await reading).map(({ length }) => length), [3, 1]);
});

Deno.test("retries: `when` is asked with the error, whose cause is what was thrown, and decides", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(1);
  const asked: [message: string, isRangeError: boolean, attempt: number][] = [];
  const context = manager.getContext(undefined, {
    retries: {
      count: Infinity,
      when(error, attempt) {
        assertInstanceOf(error, RemoteError);
        asked.push([(error.cause as Error).message, error.cause instanceof RangeError, attempt]);
        return attempt < 3;
      },
    },
  });
  const error = await failureOf(context.run(flaky.throwFirst, [9, folder.file("runs")]));
  assertEquals(asked, [["run 1", true, 1], ["run 2", true, 2], ["run 3", true, 3]]);
  assertStringIncludes(error.message, "failed 3 times");
});

const BROKEN: Record<string, [when: () => unknown, message: string]> = {
  throws: [() => {
    throw new TypeError("no such file");
  }, "no such file"],
  "is async": [() => Promise.reject(new Error("never seen")), "It must not be async"],
  "returns nothing": [() => undefined, "Expected true or false, got undefined"],
};

for (const [what, [when, message]] of Object.entries(BROKEN)) {
  Deno.test(`retries: \`when\` that ${what} ends the task, also in the journal`, async () => {
    await using folder = new TempFolder();
    for (const isRestored of [false, true]) {
      await using manager = localManager(isRestored ? 0 : 1);
      const context = manager.getContext(undefined, {
        retries: { count: 5, when } as RetryOptions,
        journal: folder.file("journal"),
      });
      const error = await failureOf(context.run(flaky.throwFirst, [9, folder.file("runs")]));
      assertStringIncludes(
        error.message,
        "RangeError: run 1. It does not run again, since retries.",
      );
      assertStringIncludes(error.message, message);
      const { cause } = error;
      assertInstanceOf(cause, AggregateError);
      assertEquals([cause.message, cause.errors[0].message], ["run 1", "run 1"]);
      assertInstanceOf(cause.cause, TypeError);
      assertStringIncludes(cause.cause.message, message);
    }
    assertEquals(folder.lines("runs").length, 1);
  });
}

Deno.test("retries: `when` may close the context", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(1);
  let closing: Promise<void> | undefined;
  const context = manager.getContext(undefined, {
    retries: {
      count: 3,
      when() {
        closing = context.close();
        return true;
      },
    },
  });
  context.addTask(flaky.throwFirst, 1, folder.file("runs"));
  await assertRejects(() => Array.fromAsync(context.getResults()), ParallelError, "is closed");
  await closing;
  assertEquals(await manager.getContext().run(flaky.throwFirst, [0, folder.file("runs")]), [
    ...folder.lines("runs").map(Number),
  ]);
  assertEquals(folder.lines("runs").length, 2);
});

Deno.test("retries: deaths, time limits, results that cannot be sent, and startups that fail are no throws", async () => {
  const clock = new RunningClock();
  await using folder = new TempFolder();
  await using gates = new Gates();
  const log = new EventLog();
  await using manager = localManager(1, { onEvent: log.onEvent, maxAttempts: 2 }, clock);
  const retries = { count: 5, when: () => assert(false, "it is not to be asked") };
  const plain = manager.getContext(undefined, { retries: retries as unknown as RetryOptions });
  const killed = await failureOf(plain.run(failing.killItself, []));
  assertEquals(killed.attempts.length, 2);
  assertEquals(log.of("task-retried").map((event) => "error" in event), [false]);
  await failureOf(plain.run(failing.returnFunction, []));
  const timeoutMs = 600_000;
  const late = failureOf(plain.run(gateTasks.loop, ["late", gates.port], { timeoutMs }));
  const running = await gates.next();
  clock.pass(timeoutMs);
  assertStringIncludes((await late).message, "ran longer");
  await running.ended;
  const broken = manager.getContext(failing.reject, {
    retries: retries as unknown as RetryOptions,
  });
  await failureOf(broken.run(flaky.throwFirst, [0, folder.file("runs")]));
  assertEquals(log.of("task-retried").length, 1);
});

Deno.test("retries: deaths and throws are both counted as attempts", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(1);
  const context = manager.getContext(undefined, { retries: 1 });
  folder.write(
    "tasks.ts",
    `
    export function troubled(path: string): string {
      Deno.writeTextFileSync(path, "run\\n", { append: true });
      const runs = Deno.readTextFileSync(path).trim().split("\\n").length;
      if (runs === 2) throw new Error("no");
      if (runs < 4) Deno.exit(3);
      return "done";
    }
  `,
  );
  const tasks = remote<{ troubled(path: string): string }>(`file://${folder.file("tasks.ts")}`);
  context.addTask(tasks.troubled, folder.file("runs"));
  const [outcome] = await Array.fromAsync(context.getOutcomes());
  assertEquals([outcome.status, outcome.attempts], ["fulfilled", 4]);
});

Deno.test("retries: large arguments arrive again", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(2);
  const context = manager.getContext(undefined, { retries: 3 });
  const bytes = new Uint8Array(3_000_000).fill(1);
  assertEquals(await context.run(flaky.sumLater, [bytes, 3, folder.file("runs")]), 3_000_000);
});

Deno.test("retries: a task that waits for its delay can be cancelled, and is dropped with its loop", async () => {
  await using folder = new TempFolder();
  const log = new EventLog();
  await using manager = localManager(1, { onEvent: log.onEvent });
  const context = manager.getContext(undefined, { retries: { count: 3, delayMs: 1e9 } });
  const task = context.addTask(flaky.throwFirst, 9, folder.file("runs"));
  const reading = Array.fromAsync(context.getOutcomes());
  await log.until("task-retried");
  task.cancel();
  const [outcome] = await reading;
  assert(outcome.status === "rejected");
  assertEquals([outcome.reason.name, outcome.attempts], ["AbortError", 1]);
  assertEquals(log.of("task-cancelled").map(({ attempts }) => attempts), [1]);
  // Of the loop that is left one input waits, and the other has been read.
  const inputs = [{ times: 9, path: folder.file("left") }, { times: 0, path: folder.file("read") }];
  for await (const _ of context.map(flaky.throwFirstAt, inputs, { order: "finish" })) {
    await log.until("task-retried", 2);
    break;
  }
  await context.run(flaky.throwFirst, [0, folder.file("other")]);
  assertEquals(folder.lines("left").length, 1);
});

Deno.test("retries: closing a context or the manager ends tasks that wait for their delay", async () => {
  await using folder = new TempFolder();
  const log = new EventLog();
  const manager = localManager(1, { onEvent: log.onEvent });
  const retries = { count: 3, delayMs: 1e9 };
  const contexts = [1, 2].map(() => manager.getContext(undefined, { retries }));
  const ends: Promise<Error>[] = [];
  for (const [i, context] of contexts.entries()) {
    context.addTask(flaky.throwFirst, 9, folder.file(`added${i}`));
    const reading = Array.fromAsync(context.getResults());
    const running = context.run(flaky.throwFirst, [9, folder.file(`run${i}`)]);
    ends.push(...[reading, running].map((promise) => assertRejects(() => promise, Error)));
  }
  await log.until("task-retried", 4);
  await contexts[0].close();
  const messages = (await Promise.all(ends.slice(0, 2))).map(({ message }) => message);
  for (const message of messages) assertStringIncludes(message, "context");
  await manager.close();
  for (const error of await Promise.all(ends.slice(2))) {
    assertStringIncludes(error.message, "the manager is closed");
  }
});

Deno.test("retries: a reader that stopped and reads again gets the task that waited meanwhile", async () => {
  await using folder = new TempFolder();
  const log = new EventLog();
  const clock = new StandingClock();
  await using manager = localManager(1, { onEvent: log.onEvent }, clock);
  const delayMs = 60_000;
  const context = manager.getContext(undefined, { retries: { count: 1, delayMs } });
  context.addTask(flaky.throwFirst, 1, folder.file("once"));
  context.addTask(failing.throwIfOdd, 2);
  for await (const result of context.getResultsUnordered()) {
    assertEquals(result, 2);
    await log.until("task-retried");
    break;
  }
  // Its time comes while nobody reads, and another context has tasks.
  clock.pass(delayMs);
  await manager.getContext().run(flaky.throwFirst, [0, folder.file("other")]);
  const rest = await Array.fromAsync(context.getOutcomes());
  assertEquals(rest.map(({ status, attempts }) => [status, attempts]), [["fulfilled", 2]]);
});

Deno.test("retries: a wrong option is refused at once", async () => {
  await using manager = localManager(0);
  for (const retries of [-1, 1.5, "2", { count: 1, tries: 2 }, { count: 1, delayMs: -1 }]) {
    assertThrows(
      () => manager.getContext(undefined, { retries: retries as RetryOptions }),
      Error,
      "retries",
    );
  }
});
