import { assert, assertEquals } from "@std/assert";
import { LoopTurn } from "../../lib/master/loop_turn.ts";
import { TestClock } from "../support/test_clock.ts";

/** After how many results a reader gives others a turn that computes so long for each. */
function resultsUntilDue(turn: LoopTurn, clock: TestClock, computesMs: number): number {
  let count = 0;
  for (; !turn.isDue; count++) clock.pass(computesMs);
  return count;
}

Deno.test("LoopTurn: a reader has its results for 20 ms, and then others have their turn", async () => {
  const clock = new TestClock();
  const turn = new LoopTurn(clock);
  assert(turn.isDue, "nobody knows since when the loop has had no turn");
  await turn.pass();
  // It looks at the clock for the first one, the third, the seventh, and so on.
  assertEquals(resultsUntilDue(turn, clock, 21), 2);
  assert(turn.isDue);
  clock.pass(1000);
  turn.begin(clock.now());
  assertEquals(resultsUntilDue(turn, clock, 1), 30, "something came off a socket");
});

Deno.test("LoopTurn: looks at the clock less and less often where results are taken fast", async () => {
  const clock = new TestClock();
  let looks = 0;
  const now = clock.now.bind(clock);
  clock.now = () => {
    looks++;
    return now();
  };
  const turn = new LoopTurn(clock);
  await turn.pass();
  looks = 0;
  for (let i = 0; i < 10_000; i++) assert(!turn.isDue);
  assert(looks < 200, `${looks} looks`);
});
