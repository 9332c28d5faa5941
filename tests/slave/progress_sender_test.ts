import { assert, assertEquals } from "@std/assert";
import { ProgressSender } from "../../lib/slave/progress_sender.ts";
import type { ToMaster } from "../../lib/wire/messages.ts";
import { TestClock } from "../support/test_clock.ts";

type Message = ToMaster & { type: "progress" };

/** A sender, by the test's time, and what it has sent. */
class Bench {
  readonly clock = new TestClock();
  readonly sent: Message[] = [];
  /** Whether the connection is busy with something else. */
  isBusy = false;
  /** Whether the event loop gets no turn. */
  isBlocked = false;
  readonly sender = new ProgressSender(this, this.clock);

  constructor() {
    this.sender.everyMs = 100;
  }

  sendNote(message: object): boolean {
    if (!this.isBusy) this.sent.push(message as Message);
    return !this.isBusy;
  }

  get unsettledNotes(): number {
    return this.isBlocked ? this.sent.length : 0;
  }

  /** Begins a task. */
  begin(task: number): void {
    this.sender.run(task, () => {}, [], []);
  }

  /** The running task tells how much it has done, every so many milliseconds. */
  tell(count: number, everyMs: number): void {
    for (let done = 1; done <= count; done++) {
      this.sender.take({ done });
      if (this.isBlocked) this.clock.stop(everyMs);
      else this.clock.pass(everyMs);
    }
  }
}

Deno.test("ProgressSender: sends no more than 20 messages in any second, the latest among them", () => {
  const bench = new Bench();
  bench.begin(3);
  bench.tell(10_000, 1);
  for (let from = 0; from + 20 < bench.sent.length; from++) {
    // What is sent tells the time: one is told each millisecond.
    assert(bench.sent[from + 20].done - bench.sent[from].done >= 1000);
  }
  assert(bench.sent.length >= 95, `${bench.sent.length} in ten seconds`);
  bench.clock.pass(100);
  assertEquals(bench.sent.at(-1), { type: "progress", task: 3, done: 10_000 });
});

Deno.test("ProgressSender: with many slaves each tells as seldom as it is asked to", () => {
  const bench = new Bench();
  bench.sender.everyMs = 10_000;
  bench.begin(3);
  bench.tell(1000, 100);
  assert(bench.sent.length <= 20, `${bench.sent.length} in 100 s`);
  assert(bench.sent.at(-1)!.done > 880, "The last is one of the last 12 s");
});

Deno.test("ProgressSender: a new text, and the last part, are not kept back behind others", () => {
  const bench = new Bench();
  bench.isBlocked = true;
  bench.begin(0);
  for (let done = 0; done < 1000; done++) bench.sender.take({ done, total: 2000, text: "loading" });
  bench.sender.take({ done: 1000, total: 2000, text: "fitting" });
  assertEquals(bench.sent.at(-1)?.text, "fitting");
  for (let done = 1000; done < 2000; done++) {
    bench.sender.take({ done, total: 2000, text: "fitting" });
  }
  bench.sender.take({ done: 2000, total: 2000, text: "fitting" });
  assertEquals(bench.sent.at(-1)?.done, 2000);
  for (let i = 0; i < 1000; i++) bench.sender.take({ done: i, text: `text ${i}` });
  assertEquals(bench.sent.length, 10, "All of them together are bounded");
});

Deno.test("ProgressSender: what it keeps of a task that blocks the event loop for an hour stays small, and the latest is fresh", () => {
  const bench = new Bench();
  bench.isBlocked = true;
  bench.begin(0);
  bench.tell(360_000, 10);
  assert(bench.sent.length < 2000, `${bench.sent.length} are kept`);
  assert(bench.sent.at(-1)!.done > 360_000 - 500, "The last one is younger than 5 s");
});

Deno.test("ProgressSender: what could not leave does so later, the latest alone", () => {
  const bench = new Bench();
  bench.begin(1);
  bench.isBusy = true;
  bench.sender.take({ done: 1 });
  bench.sender.take({ done: 2 });
  bench.clock.pass(100);
  assertEquals(bench.sent, []);
  bench.isBusy = false;
  bench.clock.pass(100);
  assertEquals(bench.sent, [{ type: "progress", task: 1, done: 2 }]);
  assertEquals(bench.clock.timers, 0);
});

Deno.test("ProgressSender: nothing of a task is sent when it has ended", () => {
  const bench = new Bench();
  bench.begin(1);
  bench.isBusy = true;
  bench.sender.take({ done: 1 });
  bench.sender.end();
  bench.isBusy = false;
  bench.sender.take({ done: 2 });
  bench.begin(2);
  bench.clock.pass(1000);
  assertEquals([bench.sent, bench.clock.timers], [[], 0]);
});

Deno.test("ProgressSender: short tasks that tell set no timer each", () => {
  const bench = new Bench();
  for (let task = 0; task < 100; task++) {
    bench.begin(task);
    bench.tell(1, 0);
    bench.sender.end();
  }
  assertEquals(bench.clock.timers, 1);
  bench.sender[Symbol.dispose]();
  assertEquals(bench.clock.timers, 0);
});

Deno.test("ProgressSender: what a task has left behind does not speak for the next one", async () => {
  const bench = new Bench();
  bench.sender.moduleLoaded();
  const left = Promise.withResolvers<void>();
  const { sender } = bench;
  let speaking: Promise<void> | undefined;
  const first = async () => {
    sender.take({ done: 1 });
    speaking = (async () => {
      await left.promise;
      sender.take({ done: 2 });
    })();
    await undefined;
  };
  await sender.run(1, first, [], []);
  sender.end();
  const second = async () => {
    left.resolve();
    await speaking;
    sender.take({ done: 3 });
  };
  await sender.run(2, second, [], []);
  assertEquals(bench.sent.map(({ task, done }) => [task, done]), [[1, 1], [2, 3]]);
});

Deno.test("ProgressSender: nothing is sent while nobody wants to know", () => {
  const bench = new Bench();
  bench.sender.everyMs = undefined;
  bench.begin(1);
  bench.tell(10, 100);
  assertEquals(bench.sent, []);
  bench.sender.everyMs = 100;
  bench.tell(1, 0);
  assertEquals(bench.sent, [{ type: "progress", task: 1, done: 1 }]);
});

Deno.test("ProgressSender: a text becomes one line of bounded length", () => {
  const bench = new Bench();
  bench.begin(1);
  bench.sender.take({ done: 1, text: "\x1b[2J\r\nfit\tting\u2028\u202e" });
  bench.sender.take({ done: 1, text: "😀".repeat(1000) });
  bench.sender.take({ done: 1, text: "" });
  assertEquals(bench.sent[0].text, "\\u001b[2J\\u000d\\u000afit\\u0009ting\\u2028\\u202e");
  assertEquals(bench.sent[1].text, `${"😀".repeat(66)}…${"😀".repeat(33)}`);
  assert(!("text" in bench.sent[2]));
});
