import { assertEquals } from "@std/assert";
import { SYSTEM_CALENDAR_CLOCK } from "../../../lib/clock.ts";
import { Calendar } from "../../../lib/master/observe/calendar.ts";
import { Hub } from "../../../lib/master/observe/hub.ts";
import { TestClock } from "../../support/test_clock.ts";

const HOUR_MS = 3_600_000;

/** The date of now, as a calendar has it that looks at it now. */
function dateOf(clock: TestClock, calendar: Calendar): number {
  calendar.follow();
  return calendar.dateOf(clock.now()) - clock.originMs;
}

Deno.test("Calendar: goes with the clock, to fractions of a millisecond, though the date has whole ones", () => {
  const clock = new TestClock();
  const calendar = new Calendar(clock);
  clock.pass(12.375);
  assertEquals(dateOf(clock, calendar), 12.375);
  clock.pass(5.5);
  assertEquals(dateOf(clock, calendar), 17.875);
});

Deno.test("Calendar: after a sleep of the machine it has the date again", () => {
  const clock = new TestClock();
  const calendar = new Calendar(clock);
  clock.pass(10);
  clock.sleep(HOUR_MS);
  assertEquals(dateOf(clock, calendar), HOUR_MS + 10);
  clock.pass(10);
  clock.sleep(HOUR_MS);
  assertEquals(dateOf(clock, calendar), 2 * HOUR_MS + 20);
});

Deno.test("Calendar: time in which the process was stopped is counted once", () => {
  const clock = new TestClock();
  const calendar = new Calendar(clock);
  clock.stop(HOUR_MS);
  assertEquals(dateOf(clock, calendar), HOUR_MS);
});

Deno.test("Calendar: a date that is set forward is followed, one that is set back is not", () => {
  const clock = new TestClock();
  const calendar = new Calendar(clock);
  clock.setDate(HOUR_MS);
  assertEquals(dateOf(clock, calendar), HOUR_MS);
  clock.setDate(-2 * HOUR_MS);
  clock.pass(10);
  assertEquals(dateOf(clock, calendar), HOUR_MS + 10);
});

Deno.test("Calendar: a process that has to wait between its looks at date and clock does not jump", () => {
  const clock = new TestClock();
  const calendar = new Calendar({
    originMs: clock.originMs,
    now: () => clock.now(),
    date() {
      const date = clock.date();
      clock.stop(HOUR_MS);
      return date;
    },
    microtask: queueMicrotask,
    setTimer: () => ({ [Symbol.dispose]: () => {} }),
  });
  assertEquals(dateOf(clock, calendar), HOUR_MS);
});

Deno.test("Calendar: that of the system has the present date", () => {
  const { now, date } = SYSTEM_CALENDAR_CLOCK;
  const calendar = new Calendar(SYSTEM_CALENDAR_CLOCK);
  const before = date();
  calendar.follow();
  const given = calendar.dateOf(now());
  assertEquals(given > before - 100 && given < date() + 100, true);
});

Deno.test("Hub: the first event after a sleep has the date of its moment, and so have those that follow", () => {
  const clock = new TestClock();
  const hub = new Hub(clock);
  const times: number[] = [];
  hub.subscribe({
    wantsTasks: false,
    tell: ({ timeMs }) => void times.push(timeMs - clock.originMs),
  });
  hub.warn("before");
  clock.pass(5);
  clock.sleep(HOUR_MS);
  hub.warn("after");
  hub.warn("and at the same time");
  clock.pass(5);
  hub.warn("later");
  clock.endTurn();
  assertEquals(times, [0, HOUR_MS + 5, HOUR_MS + 5, HOUR_MS + 10]);
});
