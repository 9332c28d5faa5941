import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ArrayBounds } from "../../../../lib/launch/slave_count.ts";
import type { Demand } from "../../../../lib/master/board/dispatcher.ts";
import { ArrayKeeper } from "../../../../lib/master/slaves/elastic/array_keeper.ts";
import type { Fleet } from "../../../../lib/master/slaves/fleet.ts";
import type { Seat } from "../../../../lib/master/slaves/seat.ts";
import { TestClock } from "../../../support/test_clock.ts";

type Standing = "vacant" | "queued" | "idle" | "busy" | "lost";

/** A seat that only stands somewhere. */
class PlayedSeat {
  readonly slave = { tasksDone: 0 };
  keeper: ArrayKeeper | undefined;
  state: Standing = "queued";

  get isOver(): boolean {
    return this.state === "lost";
  }

  standing(): Standing | undefined {
    return this.state === "vacant" ? undefined : this.state;
  }

  vacate(): void {
    this.state = "vacant";
  }

  retire(): void {
    this.state = "vacant";
  }

  giveUp(): void {
    if (this.state === "vacant") this.state = "lost";
  }
}

/** A keeper whose slaves, work and time the test plays. */
class Bench implements Disposable {
  readonly clock = new TestClock();
  readonly seats: readonly PlayedSeat[];
  readonly keeper: ArrayKeeper;
  demand: Pick<Demand, "tasks" | "taskMs"> = { tasks: 0, taskMs: undefined };
  /** Slaves that are barred for what waits. */
  readonly barred = new Set<unknown>();
  readonly warnings: string[] = [];
  /** When slaves were started, and which. */
  readonly starts: [ms: number, seats: number[]][] = [];

  constructor(count: number, bounds: ArrayBounds) {
    this.seats = Array.from({ length: count }, () => new PlayedSeat());
    const dispatcher = { demandOf: () => ({ ...this.demand, barred: this.barred }) };
    const fleet = {
      closing: new AbortController().signal,
      options: { clock: this.clock, dispatcher },
      launchSeats: (seats: readonly PlayedSeat[]) => {
        this.starts.push([this.clock.now(), seats.map((seat) => this.seats.indexOf(seat))]);
        for (const seat of seats) seat.state = "queued";
      },
      warn: (message: string) => this.warnings.push(message),
      newsTold: () => {},
    };
    const seats = this.seats as unknown as readonly Seat[];
    this.keeper = new ArrayKeeper(seats, bounds, fleet as unknown as Fleet);
    this.keeper.begin();
  }

  get standings(): string {
    return this.seats.map(({ state }) => state).join(" ");
  }

  /** Slaves that are queued come to run. */
  connect(state: "idle" | "busy" = "busy"): void {
    for (const seat of this.seats) if (seat.state === "queued") seat.state = state;
    this.keeper.served();
  }

  [Symbol.dispose](): void {
    this.keeper[Symbol.dispose]();
  }
}

const BOUNDS = { min: 0, max: 3, idleMs: 60_000 };

Deno.test("ArrayKeeper: grows as work waits, shrinks when there has been none for idleMs, and grows again", () => {
  using bench = new Bench(3, BOUNDS);
  bench.clock.pass(10_000);
  assertEquals(bench.standings, "vacant vacant vacant");
  bench.demand = { tasks: 2, taskMs: 3_600_000 };
  bench.clock.pass(1000);
  assertEquals(bench.standings, "queued queued vacant");
  bench.connect();
  bench.demand = { tasks: 100, taskMs: 3_600_000 };
  bench.clock.pass(1000);
  assertEquals(bench.standings, "busy busy queued");
  bench.connect();
  bench.demand = { tasks: 0, taskMs: 3_600_000 };
  for (const seat of bench.seats) seat.state = "idle";
  bench.clock.pass(1000);
  bench.clock.pass(59_000);
  assertEquals(bench.standings, "idle idle idle");
  bench.clock.pass(1000);
  assertEquals(bench.standings, "vacant vacant vacant");
  bench.demand = { tasks: 1, taskMs: 3_600_000 };
  bench.clock.pass(1000);
  assertEquals(bench.standings, "queued vacant vacant");
});

Deno.test("ArrayKeeper: a slave that does short tasks between two looks is not idle", () => {
  using bench = new Bench(1, { ...BOUNDS, max: 1 });
  bench.demand = { tasks: 1, taskMs: 1 };
  bench.clock.pass(1000);
  bench.connect("idle");
  bench.demand = { tasks: 0, taskMs: 1 };
  for (let second = 0; second < 200; second++) {
    bench.seats[0].slave.tasksDone++;
    bench.clock.pass(1000);
  }
  assertEquals(bench.standings, "idle");
  bench.clock.pass(61_000);
  assertEquals(bench.standings, "vacant");
});

Deno.test("ArrayKeeper: tasks of which none ends want more and more slaves", () => {
  using bench = new Bench(3, BOUNDS);
  bench.demand = { tasks: 3, taskMs: undefined };
  bench.clock.pass(1000);
  assertEquals(bench.standings, "queued vacant vacant");
  bench.clock.pass(10_000);
  assertEquals(bench.standings, "queued queued queued");
});

Deno.test("ArrayKeeper: an array of a fixed size is submitted as a whole, and what is taken away when there is work", () => {
  using bench = new Bench(3, { min: 3, max: 3, idleMs: Infinity });
  assertEquals(bench.starts, [[0, [0, 1, 2]]]);
  bench.connect("idle");
  bench.seats[1].vacate();
  bench.clock.pass(100_000);
  assertEquals(bench.standings, "idle vacant idle");
  bench.demand = { tasks: 1, taskMs: 1 };
  bench.clock.pass(1000);
  assertEquals(bench.standings, "idle queued idle");
});

Deno.test("ArrayKeeper: beside slaves that cannot run what waits others are started, and none without end", () => {
  using bench = new Bench(9, { ...BOUNDS, max: 9 });
  bench.demand = { tasks: 1, taskMs: 1 };
  bench.clock.pass(1000);
  for (let place = 0; place < 3; place++) {
    assertEquals(bench.starts.length, place + 1);
    bench.connect("idle");
    bench.barred.add(bench.seats[place].slave);
    bench.clock.pass(1000);
  }
  // Another one is on its way, and comes.
  bench.clock.pass(10_000);
  bench.connect();
  bench.clock.pass(10_000);
  assertEquals(bench.starts.map(([, places]) => places), [[0], [1], [2], [3]]);
  // The board has given up.
  bench.barred.clear();
  bench.demand = { tasks: 0, taskMs: 1 };
  bench.seats[3].state = "idle";
  bench.clock.pass(60_000);
  assertEquals(bench.seats.slice(0, 3).map(({ state }) => state), ["vacant", "vacant", "vacant"]);
});

Deno.test("ArrayKeeper: failures bring longer and longer pauses, and after five in a row nothing is submitted any more", () => {
  using bench = new Bench(3, { ...BOUNDS, max: 3 });
  bench.demand = { tasks: 1, taskMs: 1 };
  const answers: boolean[] = [];
  for (let failure = 0; failure < 5; failure++) {
    while (bench.seats[0].state !== "queued") bench.clock.pass(500);
    const mayStartAgain = bench.keeper.failed("it ended");
    answers.push(mayStartAgain);
    bench.seats[0].state = mayStartAgain ? "vacant" : "lost";
  }
  assertEquals(answers, [true, true, true, true, false]);
  const times = bench.starts.map(([ms]) => ms);
  assertEquals(times.slice(1).map((ms, i) => ms - times[i]), [1000, 2000, 4000, 8000]);
  assertEquals(bench.standings, "lost lost lost");
  assertEquals(bench.warnings, [
    "Jobs of slaves ended before they connected, or were not submitted, 5 times in a row, and no more are submitted. The last: it ended",
  ]);
  bench.clock.pass(100_000);
  assertEquals(bench.starts.length, 5);
});

Deno.test("ArrayKeeper: an array that has served is submitted again when its scheduler was away for an hour, and not without end", () => {
  using bench = new Bench(1, { ...BOUNDS, max: 1 });
  bench.demand = { tasks: 1, taskMs: 1 };
  bench.clock.pass(1000);
  bench.keeper.launched();
  bench.connect();
  bench.seats[0].vacate();
  const startMs = bench.clock.now();
  const times: number[] = [];
  for (let isTriedAgain = true; isTriedAgain;) {
    while (bench.seats[0].state !== "queued") bench.clock.pass(500);
    times.push(bench.clock.now() - startMs);
    isTriedAgain = bench.keeper.launchFailed("it does not answer");
    bench.seats[0].state = isTriedAgain ? "vacant" : "lost";
  }
  assert(times.at(-1)! > 3_600_000 && times.at(-1)! < 4_000_000, `${times}`);
  assert(times.slice(1).every((ms, i) => ms - times[i] <= 300_000), `${times}`);
  assertEquals(bench.warnings.length, 1);
  assertMatch(bench.warnings[0], /, 21 times in a row, /);
});

Deno.test("ArrayKeeper: a job that brings its agent ends a row of failures", () => {
  using bench = new Bench(1, { ...BOUNDS, max: 1 });
  bench.demand = { tasks: 1, taskMs: 1 };
  for (let failure = 0; failure < 20; failure++) {
    assertEquals(bench.keeper.failed("it ended"), true);
    if (failure % 4 === 3) bench.keeper.served();
    // A failure while nothing is submitted would not count.
    bench.clock.pass(10_000);
  }
});

Deno.test("ArrayKeeper: knows how the last job failed, until another brings its agent", () => {
  using bench = new Bench(1, { ...BOUNDS, max: 1 });
  assertEquals(bench.keeper.failure, undefined);
  bench.keeper.failed("no memory");
  bench.keeper.failed("no Deno");
  assertEquals(bench.keeper.failure, "no Deno");
  bench.keeper.served();
  assertEquals(bench.keeper.failure, undefined);
});

Deno.test("ArrayKeeper: jobs that end at one moment, as on a node that cannot launch any, are one failure", () => {
  using bench = new Bench(8, { min: 8, max: 8, idleMs: Infinity });
  bench.keeper.served();
  bench.demand = { tasks: 100, taskMs: 3_600_000 };
  const rounds = 20;
  for (let round = 0; round < rounds; round++) {
    for (const seat of bench.seats) {
      assertEquals(bench.keeper.failed("no folder"), true);
      seat.vacate();
    }
    // The last of them is heard of a little later.
    bench.clock.pass(500);
    assertEquals(bench.keeper.failed("no folder"), true);
    while (bench.starts.length < round + 2) bench.clock.pass(500);
  }
  const times = bench.starts.map(([ms]) => ms);
  assertEquals(times.slice(1, 5).map((ms, i) => ms - times[i]), [1000, 2000, 4000, 8000]);
  assertEquals([bench.keeper.stopReason, bench.warnings], [undefined, []]);
  assertEquals(bench.keeper.failed("no folder"), false);
  assertEquals(bench.keeper.stopReason, "no folder");
});

Deno.test("ArrayKeeper: jobs of an array of a fixed size of which none has ever brought an agent are lost at once", () => {
  using bench = new Bench(3, { min: 3, max: 3, idleMs: Infinity });
  assertEquals(bench.keeper.failed("no Deno"), false);
  bench.keeper.served();
  assertEquals(bench.keeper.failed("no Deno"), true);
});

Deno.test("ArrayKeeper: what cannot be submitted at first is an error at once, and is tried again when others have been", () => {
  using wrong = new Bench(3, BOUNDS);
  assertEquals(wrong.keeper.launchFailed("unknown queue"), false);
  assertEquals(wrong.standings, "lost lost lost");
  using late = new Bench(3, BOUNDS);
  late.keeper.launched();
  assertEquals(late.keeper.launchFailed("too many jobs"), true);
});
