import { assertEquals } from "@std/assert";
import { setPatience, unlessAborted } from "../lib/clock.ts";
import { Listeners } from "./support/listeners.ts";
import { RunningClock, TestClock } from "./support/test_clock.ts";

Deno.test("setPatience: gives up when the time is over, and not before", () => {
  const clock = new TestClock();
  let count = 0;
  setPatience(clock, () => count++, 5000);
  clock.pass(4999);
  assertEquals(count, 0);
  clock.pass(1);
  assertEquals([count, clock.timers], [1, 0]);
});

Deno.test("setPatience: waits as long again if this process stood still when the time was over", () => {
  const clock = new TestClock();
  let count = 0;
  setPatience(clock, () => count++, 5000);
  for (let night = 0; night < 3; night++) {
    clock.pass(4000);
    clock.stop(8 * 3600 * 1000);
    clock.pass(0);
    assertEquals(count, 0);
  }
  clock.pass(4999);
  assertEquals(count, 0);
  clock.pass(1);
  assertEquals(count, 1);
});

Deno.test("setPatience: disposed of, it does not give up, also after this process stood still", () => {
  const clock = new TestClock();
  const patience = [1, 2].map(() => setPatience(clock, () => assertEquals(0, 1), 5000));
  patience[0][Symbol.dispose]();
  clock.stop(60_000);
  clock.pass(0);
  patience[1][Symbol.dispose]();
  clock.pass(60_000);
  assertEquals(clock.timers, 0);
});

Deno.test("RunningClock: timers fire as the system's do, and at once when the test moves it", async () => {
  const clock = new RunningClock();
  const fired: string[] = [];
  const short = Promise.withResolvers<void>();
  clock.setTimer(() => fired.push("long"), 3_600_000);
  clock.setTimer(() => fired.push("never"), 0)[Symbol.dispose]();
  clock.setTimer(short.resolve, 0);
  const alive = setInterval(() => {}, 1000);
  await short.promise;
  clearInterval(alive);
  assertEquals(fired, []);
  clock.pass(3_600_000);
  assertEquals([fired, clock.timers], [["long"], 0]);
});

Deno.test("unlessAborted: resolves as the promise does, or without a value when the signal is aborted, and leaves nothing with that", async () => {
  const closing = new AbortController();
  const { signal } = closing;
  using listeners = new Listeners(signal);
  assertEquals(await unlessAborted(Promise.resolve(3), signal), 3);
  assertEquals(await unlessAborted(Promise.reject(3), signal).catch((reason) => [reason]), [3]);
  const never = new Promise<number>(() => {});
  const waiting = unlessAborted(never, signal);
  assertEquals(listeners.count, 1);
  closing.abort();
  assertEquals(await waiting, undefined);
  assertEquals(listeners.count, 0);
  assertEquals(await unlessAborted(never, signal), undefined);
});
