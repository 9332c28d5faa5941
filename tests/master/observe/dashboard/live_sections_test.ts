import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { RemoteError } from "../../../../lib/errors.ts";
import { livePage } from "../../../../lib/master/observe/dashboard/live_page.ts";
import { liveSections } from "../../../../lib/master/observe/dashboard/live_sections.ts";
import { RunAggregate } from "../../../../lib/master/observe/dashboard/run_aggregate.ts";
import { type Code, LabelledTask } from "../../../../lib/task.ts";
import type { ContextSurvey } from "../../../../lib/master/observe/survey.ts";
import { contextSurvey, MadeUpRun, slaveSurvey } from "../../../support/made_up_run.ts";
import { TestClock } from "../../../support/test_clock.ts";

function page() {
  const run = new MadeUpRun();
  const clock = new TestClock();
  const shown = new RunAggregate(run, clock);
  const sections = (isOver = false) => liveSections(shown, clock.now(), isOver);
  return { run, clock, shown, sections };
}

function textOf(html: string): string {
  return html.replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ").trim();
}

Deno.test("liveSections: has progress with the time that is left, for each context", () => {
  const { run, clock, shown, sections } = page();
  run.slaves = [slaveSurvey(0), slaveSurvey(1, { standing: "idle" })];
  for (const done of [0, 100, 200, 300]) {
    run.contexts = [
      contextSurvey(0, { name: "fold", done, added: 1000, failed: 3 }),
      contextSurvey(1, { name: "", done: 7, added: 9, isMoreToCome: true }),
    ];
    shown.look();
    clock.pass(250);
  }
  const { progress, tiles, status } = sections();
  assertStringIncludes(progress, '<progress value="300" max="1000"></progress>');
  assertStringIncludes(
    textOf(progress),
    "fold context 0 300/1,000 · 30 % 400/s · 1.75 s left · 3 failed",
  );
  assertStringIncludes(textOf(progress), "inline function context 1 7 done");
  assertStringIncludes(textOf(tiles), "done 307 more are to come");
  assertStringIncludes(textOf(tiles), "busy slaves 1 of 2 on 1 host");
  assertEquals(textOf(status), "Slaves: 1 busy, 1 idle.");
});

Deno.test("liveSections: the time left is not known while the rate of a context is not, also of one that is not listed", () => {
  /** Beside a context with 10 tasks a second, of which 10 are left. */
  const left = (others: (done: number) => ContextSurvey[]) => {
    const { run, clock, shown, sections } = page();
    run.slaves = [slaveSurvey(0)];
    for (const done of [0, 10, 20, 30]) {
      run.contexts = [contextSurvey(0, { done, added: 40 }), ...others(done)];
      shown.look();
      clock.pass(1000);
    }
    return /time left (.*?) running for/.exec(textOf(sections().tiles))![1];
  };
  const more = (change: Partial<ContextSurvey>) =>
    Array.from({ length: 20 }, (_, i) => contextSurvey(i + 1, change));
  assertEquals(left(() => []), "≈ 1 s");
  assertEquals(left(() => [contextSurvey(1, { added: 72_000, isRead: false })]), "–");
  assertEquals(left((done) => more({ done, added: 40 })), "–");
  assertEquals(left((done) => [contextSurvey(1, { done, added: 90 })]), "≈ 6 s");
  // What is done needs no time.
  assertEquals(left(() => more({ done: 10 })), "≈ 1 s");
});

Deno.test("liveSections: of contexts beyond those that are listed it says how many there are, but for those without tasks", () => {
  const { run, shown, sections } = page();
  run.slaves = [slaveSurvey(0)];
  for (let number = 0; number < 100; number++) {
    shown.contextClosed(contextSurvey(number, { done: 0, added: 0, waiting: 0 }));
  }
  run.contexts = [contextSurvey(100), contextSurvey(101, { added: 0, waiting: 0 })];
  shown.look();
  assert(!sections().progress.includes("other contexts"));
  for (let number = 102; number < 117; number++) {
    shown.contextClosed(contextSurvey(number, { done: 10, waiting: 0 }));
  }
  // One of which nobody knows how many tasks it will have is listed as well.
  run.contexts.push(contextSurvey(117, { added: 0, waiting: 0, isMoreToCome: true }));
  shown.look();
  assertEquals(shown.listContexts().length, 12);
  assertStringIncludes(textOf(sections().progress), "5 other contexts.");
});

Deno.test("liveSections: says why nothing runs, and in the end that the page stays", () => {
  const { run, shown, sections } = page();
  run.contexts = [contextSurvey(0)];
  run.slaves = [
    slaveSurvey(0, { standing: "queued", job: "job 47.1", waitReason: "Resources <1>" }),
    slaveSurvey(1, { standing: "queued", job: "job 47.2" }),
  ];
  shown.look();
  const { status, queue } = sections();
  assertEquals(
    status,
    '<p class="state idle-run">2 slaves are queued by the scheduler: Resources &lt;1&gt;.</p>',
  );
  assertStringIncludes(textOf(queue), "1 job 47.1 Resources &lt;1&gt;");
  assertStringIncludes(textOf(queue), "1 job 47.2 the scheduler has not said why");
  assertStringIncludes(
    textOf(sections(true).status),
    "The run has ended: its manager is closed. 10 tasks were not done. This page stays as its report.",
  );
});

Deno.test("liveSections: in the end it says of contexts that were closed by then what was not done", () => {
  const { run, shown, sections } = page();
  run.contexts = [contextSurvey(0, { done: 30, added: 100 }), contextSurvey(1, { added: 1 })];
  shown.look();
  shown.contextClosed(contextSurvey(0, { done: 40, added: 100 }));
  shown.contextClosed(contextSurvey(1, { added: 1 }));
  const { status, tiles, progress } = sections(true);
  assertStringIncludes(status, "is closed. 61 tasks were not done. This page");
  assertStringIncludes(tiles, "40 <small>of 101</small>");
  assertStringIncludes(textOf(progress), "40/100 · 40 % closed");
});

Deno.test("liveSections: the time since when it runs is that of the first slaves", () => {
  const { run, clock, shown, sections } = page();
  run.slaves = [slaveSurvey(0, { standing: "not started" })];
  shown.look();
  assertMatch(textOf(sections().tiles), /running for 0 s$/);
  clock.pass(20_000);
  run.slaves = [slaveSurvey(0)];
  shown.look();
  clock.pass(10_000);
  assertMatch(textOf(sections().tiles), /running for 10 s since 1970-01-01 00:17:00 UTC$/);
});

Deno.test("liveSections: of steady tasks the last part of the throughput is as high as the others", () => {
  const { run, clock, shown, sections } = page();
  /** How high the parts of the picture are drawn. */
  const heights = () => {
    const path = /class="area" d="([^"]*)"/.exec(sections().rate)![1];
    return [...path.matchAll(/V([\d.]+)H/g)].map(([, height]) => Number(height));
  };
  for (let second = 0; second <= 3 * 3600; second++) {
    run.slaves = [slaveSurvey(0, { tasksDone: 10 * second })];
    shown.look();
    // While a part is about to begin, amid it, and when it is nearly over.
    if (second > 3600 && second % 101 === 0) {
      const all = heights().slice(1);
      assert(Math.max(...all) - Math.min(...all) < 8, `${second}: ${all.slice(-3)}`);
    }
    clock.pass(1000);
  }
});

Deno.test("liveSections: draws what slaves did, tasks one by one, failures and deaths", () => {
  const { run, clock, shown, sections } = page();
  const code: Code = { number: 0, reference: { type: "inline", name: "f", source: "" } };
  const task = (id: number) => new LabelledTask(id, { code, cancel() {} }, "[]", `label ${id}`);
  const [first, second] = [task(1), task(2)];
  const { identity } = slaveSurvey(1);
  for (const now of [first, first, second, second]) {
    run.slaves = [
      slaveSurvey(0, { task: now, news: { done: 3, total: 12, text: "chain <A>" } }),
      slaveSurvey(1, { standing: now === first ? "starting" : "idle" }),
    ];
    shown.look();
    if (now === second) {
      shown.tell({ type: "slave-lost", timeMs: 0, slave: identity, reason: "" });
    }
    clock.pass(250);
  }
  clock.pass(2000);
  const { rows, running, rate, slaves } = sections();
  // The first row is busy all the time, with a gap where the second task begins; the other waits, and then is idle.
  assertStringIncludes(rows, '<path class="row busy shade4" stroke-width="17.6" d="M0 11H1000"/>');
  assertStringIncludes(rows, '<path class="row wait" stroke-width="5.3" d="M0 33H500"/>');
  assertStringIncludes(rows, '<path class="row idle" stroke-width="17.6" d="M500 33H1000"/>');
  assertStringIncludes(rows, '<path class="gap" d="M500 0v22"/>');
  assertMatch(rows, /class="death" x="62.5%"[^]*slave 1: died after 625 ms/);
  assertStringIncludes(textOf(running), "2 s 3/12 chain &lt;A&gt; 2 f label 2 local slave 0");
  assertStringIncludes(running, '<progress value="3" max="12"></progress>');
  assert(rate.includes("<svg"));
  assertStringIncludes(textOf(slaves), "slave 1 nodeA idle 0 0 2");
});

Deno.test("liveSections: slaves that are vacant keep their rows and names, also if no other is there", () => {
  const { run, clock, shown, sections } = page();
  run.contexts = [contextSurvey(0)];
  run.slaves = [slaveSurvey(0, { tasksDone: 30 }), slaveSurvey(1, { tasksDone: 10 })];
  shown.look();
  clock.pass(250);
  run.slaves = [slaveSurvey(1, { tasksDone: 12 })];
  run.vacant = { count: 1, failure: undefined };
  shown.look();
  clock.pass(250);
  {
    const { rows, slaves } = sections();
    assertMatch(textOf(rows), /slave 0 .*slave 1/);
    // The first row ends where its slave has gone.
    assertStringIncludes(rows, 'd="M0 11H500M0 33H1000"/>');
    assertStringIncludes(textOf(slaves), "slave 0 vacant 30 0 0 slave 1 nodeA busy 12 0 0");
  }
  run.slaves = [];
  run.vacant = { count: 2, failure: "no Deno" };
  shown.look();
  const { status, rows, rate, slaves, tiles } = sections();
  assertEquals(
    textOf(status),
    "No job is submitted at the moment. The last failed: no Deno.",
  );
  assertMatch(textOf(rows), /slave 0 .*slave 1/);
  assert(rate.includes("<svg") && !textOf(rate).includes("-"));
  assertStringIncludes(textOf(slaves), "slave 0 vacant 30 0 0 slave 1 vacant 12 0 0");
  assertStringIncludes(textOf(tiles), "busy slaves 0 of 0");
  assertStringIncludes(textOf(sections(true).tiles), "slaves 2");
});

Deno.test("liveSections: of an array only those slaves have rows that have been submitted, and tell how many are vacant if they share one", () => {
  const { run, shown, clock, sections } = page();
  run.slaves = Array.from({ length: 100 }, (_, i) => slaveSurvey(1000 + i));
  shown.look();
  clock.pass(100);
  run.slaves = run.slaves.slice(1);
  shown.look();
  const { slaves } = sections();
  assertStringIncludes(textOf(slaves), "1000–1001 nodeA 1 busy 1 vacant 0");
  // One is that of the heads.
  assertEquals(slaves.match(/<tr>/g)!.length, 51);
});

Deno.test("liveSections: of a thousand slaves neighbours share a row", () => {
  const { run, shown, clock, sections } = page();
  run.slaves = Array.from({ length: 1000 }, (_, i) =>
    slaveSurvey(i, {
      standing: i % 4 === 0 ? "busy" : "idle",
      identity: { number: i, name: `slave ${i}`, host: `node${i % 10}` },
      tasksDone: 2,
    }));
  shown.look();
  clock.pass(100);
  const { rows, slaves } = sections();
  assertStringIncludes(rows, '<path class="row busy shade1"');
  assertStringIncludes(textOf(slaves), "Several share a row.");
  assertStringIncludes(textOf(slaves), "0–15 node0, node1, node2 and 7 more 4 busy 12 idle 32 0 0");
  assertEquals(slaves.match(/<tr>/g)!.length, 64);
});

Deno.test("livePage: whatever tasks, slaves and schedulers say is text", () => {
  const { run, shown, clock, sections } = page();
  const evil = `<script>alert("x")</script><img src=x onerror=alert(1)>'&`;
  const code: Code = { number: 0, reference: { type: "inline", name: evil, source: "" } };
  const task = new LabelledTask(1, { code, cancel() {} }, "[]", evil);
  const identity = { number: 0, name: evil, host: evil };
  run.contexts = [contextSurvey(0, { name: evil })];
  run.slaves = [
    slaveSurvey(0, { identity, task, loss: evil }),
    slaveSurvey(1, {
      identity: { ...identity, number: 1 },
      standing: "queued",
      job: evil,
      waitReason: evil,
    }),
    slaveSurvey(2, { identity: { ...identity, number: 2 }, standing: "lost", loss: evil }),
  ];
  shown.look();
  const reason = new RemoteError(evil, { task, slave: identity });
  reason.stack = `${evil}\n    at ${evil} (${evil})`;
  const numbers = { timeMs: 0, context: 0, attempts: 1, runTimeMs: 1, bytesIn: 1 };
  shown.tell({ type: "task-failed", ...numbers, task, slave: identity, input: evil, reason });
  shown.tell({ type: "warning", timeMs: 0, message: evil });
  clock.pass(5000);
  for (const isOver of [false, true]) {
    const parts = {
      title: evil,
      place: evil,
      viewer: "v",
      frame: 1,
      sections: sections(isOver),
      isOver,
    };
    const html = livePage(parts, "NONCE");
    assert(!html.includes("<img") && !html.includes("onerror=alert(1)>"));
    assertEquals(html.match(/<script/g)!.length, 1);
    assertEquals(html.match(/<script nonce="NONCE">/g)!.length, 1);
    assert(!/ style=/.test(html), "the policy refuses styles in attributes");
    assert(!/(src|href)="(?!data:)/.test(html));
    assertStringIncludes(html, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;");
  }
});
