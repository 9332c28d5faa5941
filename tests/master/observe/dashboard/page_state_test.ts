import { assert, assertEquals } from "@std/assert";
import { PageState } from "../../../../lib/master/observe/dashboard/page_state.ts";
import { RunAggregate } from "../../../../lib/master/observe/dashboard/run_aggregate.ts";
import { contextSurvey, MadeUpRun, slaveSurvey } from "../../../support/made_up_run.ts";
import { TestClock } from "../../../support/test_clock.ts";

/** Has promises that are settled go on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await undefined;
}

function page() {
  const run = new MadeUpRun();
  const clock = new TestClock();
  const shown = new RunAggregate(run, clock);
  const state = new PageState(shown, clock);
  run.slaves = [slaveSurvey(0)];
  run.contexts = [contextSurvey(0)];
  shown.look();
  /** The parts that a viewer is told, when it is. */
  const ask = (since: number, { viewer = "a", isHidden = false } = {}) => {
    const asked = {
      atMs: undefined as number | undefined,
      names: [] as string[],
      frame: 0,
      isOver: false,
    };
    state.answer({ viewer, since, isHidden }).then((text) => {
      const { frame, isOver, sections } = JSON.parse(text);
      Object.assign(asked, { atMs: clock.now(), names: Object.keys(sections), frame, isOver });
    });
    return asked;
  };
  const pass = async (ms: number) => {
    for (let i = 0; i < ms; i += 50) {
      clock.pass(50);
      await settle();
    }
  };
  const doneTasks = (done: number) => {
    run.contexts = [contextSurvey(0, { done, added: 1000 })];
    run.slaves = [slaveSurvey(0, { tasksDone: done })];
    shown.look();
  };
  return { run, shown, state, clock, ask, pass, doneTasks };
}

Deno.test("PageState: tells a viewer what has changed since it asked last, four times a second at most", async () => {
  const { ask, pass, doneTasks } = page();
  const first = ask(0);
  await pass(200);
  assertEquals(first.atMs, undefined);
  await pass(50);
  assert(first.names.includes("tiles") && first.names.includes("slaves"), `${first.names}`);
  doneTasks(500);
  const second = ask(first.frame);
  await pass(250);
  assertEquals(second.atMs, 500);
  assert(second.names.includes("progress") && !second.names.includes("status"), `${second.names}`);
});

Deno.test("PageState: one that knows everything is answered when there is something new, or after ten seconds", async () => {
  const { ask, pass, doneTasks } = page();
  const first = ask(0);
  await pass(250);
  // The seconds that the run has lasted are news, too; here nobody looks at the run, so that they stand.
  const idle = ask(first.frame + 1000);
  await pass(9950);
  assertEquals(idle.atMs, undefined);
  await pass(100);
  assertEquals([idle.names, idle.isOver], [[], false]);
  const waiting = ask(first.frame + 1);
  doneTasks(3);
  await pass(250);
  assert(waiting.atMs !== undefined);
});

Deno.test("PageState: viewers are sent no more than 40 kB a second, whatever there is, and a hidden page is told seldom", async () => {
  const { run, shown, ask, pass, clock } = page();
  for (let i = 0; i < 8; i++) {
    shown.tell({ type: "warning", timeMs: 0, message: `${i} ${"x".repeat(10_000)}` });
  }
  run.slaves = Array.from(
    { length: 1000 },
    (_, i) =>
      slaveSurvey(i, { identity: { number: i, name: `slave ${i}`, host: "h".repeat(180) + i } }),
  );
  shown.look();
  const asked = ask(0);
  await pass(500);
  assertEquals(asked.atMs, undefined);
  await pass(2000);
  assert(asked.atMs! > 600, `${asked.atMs}`);
  const hidden = ask(0, { isHidden: true });
  const beganMs = clock.now();
  await pass(4900);
  assertEquals(hidden.atMs, undefined);
  await pass(100);
  assertEquals(hidden.atMs! - beganMs, 5000);
});

Deno.test("PageState: letters that take several bytes count as such", async () => {
  const sentMs: number[] = [];
  for (const letter of ["h", "語"]) {
    const { run, shown, ask, pass } = page();
    run.slaves = Array.from(
      { length: 100 },
      (_, i) =>
        slaveSurvey(i, {
          identity: { number: i, name: `slave ${i}`, host: letter.repeat(180) + i },
        }),
    );
    shown.look();
    const asked = ask(0);
    await pass(5000);
    sentMs.push(asked.atMs!);
  }
  assert(sentMs[1] > 1.5 * sentMs[0], `${sentMs}`);
});

Deno.test("PageState: of a thousand slaves that all differ a state is small", () => {
  const { run, shown, state, clock } = page();
  let seed = 1;
  const random = () => (seed = seed * 48271 % 2147483647) / 2147483647;
  for (let i = 0; i < 240; i++) {
    run.slaves = Array.from(
      { length: 1000 },
      (_, number) =>
        slaveSurvey(number, { standing: random() < 0.5 ? "busy" : "idle", tasksDone: i * 10_000 }),
    );
    clock.pass(250);
    shown.look();
  }
  const text = JSON.stringify(state.begin("a"));
  assert(text.length < 100_000, `${text.length}`);
});

Deno.test("PageState.end: all viewers are told at once that the run is over, and those awaited that are about to ask", async () => {
  const { ask, pass, state, clock } = page();
  const [a, b] = [ask(0, { viewer: "a" }), ask(0, { viewer: "b" })];
  await pass(250);
  const [c] = [ask(a.frame, { viewer: "a" })];
  await settle();
  let isDone = false;
  state.end().then(() => isDone = true);
  await settle();
  assertEquals([c.isOver, c.names.includes("status"), isDone], [true, true, false]);
  const late = ask(b.frame, { viewer: "b" });
  await settle();
  assertEquals([late.isOver, late.atMs, isDone], [true, clock.now(), true]);
});

Deno.test("PageState.end: one that has just been given the page is awaited", async () => {
  const { ask, state } = page();
  state.begin("a");
  let isDone = false;
  state.end().then(() => isDone = true);
  await settle();
  assertEquals(isDone, false);
  const asked = ask(1, { viewer: "a" });
  await settle();
  assertEquals([asked.isOver, isDone], [true, true]);
});

Deno.test("PageState.end: a viewer that has not asked for a second is not waited for", async () => {
  const { ask, pass, state } = page();
  ask(0);
  await pass(1500);
  let isDone = false;
  state.end().then(() => isDone = true);
  await settle();
  assertEquals(isDone, true);
});
