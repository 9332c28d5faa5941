import { assertEquals } from "@std/assert";
import { HeldAnswers } from "../../lib/slave/held_answers.ts";
import { MessageStream } from "../../lib/wire/message_stream.ts";
import type { ToMaster, ToSlave } from "../../lib/wire/messages.ts";
import { SocketPair } from "../support/socket_pair.ts";
import { TestClock } from "../support/test_clock.ts";

/** More than leaves with others. */
const LARGE = "x".repeat(64 * 1024);

/** Held answers, and what their master gets of them. */
class Bench implements Disposable {
  readonly clock = new TestClock();
  readonly answers: HeldAnswers;
  readonly #slave: MessageStream<ToSlave>;
  readonly #master: MessageStream<ToMaster>;

  private constructor(near: Deno.Conn, far: Deno.Conn) {
    this.#slave = new MessageStream(near);
    this.#master = new MessageStream(far);
    this.answers = new HeldAnswers(this.#slave, this.clock);
  }

  static async open(): Promise<Bench> {
    const { near, far } = await SocketPair.open();
    return new Bench(near, far);
  }

  /** Sends what is held. Returns the messages that come: the first task of each, and how many results there are. */
  async sent(): Promise<string[]> {
    await this.answers.sent();
    this.#slave.postMessage({ type: "exiting", running: null, code: 0 });
    this.#slave.flush();
    const messages: string[] = [];
    for (;;) {
      for (const message of (await this.#master.receive())!.messages) {
        if (message.type === "exiting") return messages;
        messages.push(
          message.type === "results"
            ? `${message.values.length} results from ${message.first}`
            : message.type,
        );
      }
    }
  }

  [Symbol.dispose](): void {
    this.#slave[Symbol.dispose]();
    this.#master[Symbol.dispose]();
  }
}

Deno.test("HeldAnswers: a large result has a message of its own, behind those held before it", async () => {
  using bench = await Bench.open();
  for (const [task, value] of [1, 2, LARGE].entries()) bench.answers.addResult(task, 0, value);
  assertEquals(await bench.sent(), ["2 results from 0", "1 results from 2"]);
  const bytes = new Uint8Array(LARGE.length + 1);
  for (const [task, value] of [1, bytes].entries()) bench.answers.addResult(3 + task, 0, value);
  assertEquals(await bench.sent(), ["1 results from 3", "1 results from 4"]);
});

Deno.test("HeldAnswers: results that are not large leave together, those of tasks that follow one another", async () => {
  using bench = await Bench.open();
  const { answers } = bench;
  for (const task of [0, 1, 2]) answers.addResult(task, 0, task);
  // Tasks 3 and 4 were answered for in another way.
  for (const task of [5, 6]) answers.addResult(task, 0, "x".repeat(1000));
  answers.addFailure(7, 0, { failure: "threw", thrown: new Error("on purpose") });
  answers.addResult(8, 0, null);
  assertEquals(await bench.sent(), [
    "3 results from 0",
    "2 results from 5",
    "failed",
    "1 results from 8",
  ]);
});

Deno.test("HeldAnswers: what cannot be sent is a failure in its place", async () => {
  using bench = await Bench.open();
  bench.answers.addResult(0, 0, 1);
  bench.answers.addResult(1, 0, () => 2);
  bench.answers.addResult(2, 0, 3);
  assertEquals(await bench.sent(), ["1 results from 0", "failed", "1 results from 2"]);
});

Deno.test("HeldAnswers.mayWaitFor: a task of the same context, if few answers wait and none is large", async () => {
  using bench = await Bench.open();
  const { answers } = bench;
  const now = bench.clock.now();
  const tasks = { context: 1, maxHeld: 2 };
  assertEquals(answers.mayWaitFor(tasks, now, false), true, "there is nothing to wait");
  answers.addResult(0, 0, 1);
  assertEquals(answers.mayWaitFor(tasks, now, false), true);
  assertEquals(answers.mayWaitFor({ ...tasks, context: 2 }, now, false), false, "another context");
  answers.addResult(1, 0, 1);
  assertEquals(
    answers.mayWaitFor({ ...tasks, context: 2 }, now, false),
    false,
    "as many as are allowed",
  );
  await bench.sent();
  answers.addResult(2, 0, LARGE);
  assertEquals(answers.mayWaitFor({ ...tasks, context: 2 }, now, false), false, "it is large");
  await bench.sent();
  assertEquals(answers.mayWaitFor({ ...tasks, context: 2 }, now, false), true, "all have left");
});

Deno.test("HeldAnswers.mayWaitFor: a task that starts up to 5 ms after the last answers left, or after there was none", async () => {
  using bench = await Bench.open();
  const { answers, clock } = bench;
  const mayWait = (areTelling = false) =>
    answers.mayWaitFor({ context: 1, maxHeld: 10 }, clock.now(), areTelling);
  mayWait();
  for (const begin of [() => bench.sent(), () => answers.noteSilence()]) {
    clock.pass(1000);
    answers.addResult(0, 0, 1);
    assertEquals(mayWait(), false, "a second has gone by");
    await begin();
    clock.pass(1);
    assertEquals([mayWait(), mayWait(true)], [true, true]);
    clock.pass(4);
    assertEquals([mayWait(), mayWait(true)], [true, false], "where tasks tell, 1 ms");
    clock.pass(1);
    assertEquals(mayWait(), false);
  }
});
