import { assert, assertEquals } from "@std/assert";
import { LoopTurn } from "../../lib/master/event_loop.ts";
import { runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestClock } from "../support/test_clock.ts";

const MODULE = new URL("../../lib/master/event_loop.ts", import.meta.url).href;

/**
 * What scripts do, and what they print until they end by themselves. Timers here keep no script alive: `later` does something at once,
 * if something else keeps it alive; `mustEnd` tells after a minute if the script is still alive.
 */
const SCRIPTS: Readonly<Record<string, { does: string; prints: string }>> = {
  "nobody waits": { does: "mustEnd();", prints: "" },
  "somebody waits, and then no longer": {
    does: `keepAlive.begin();
      later(() => {
        print("kept");
        keepAlive.end();
        mustEnd();
      });`,
    prints: "kept\n",
  },
  "one of two waits no longer": {
    does: `keepAlive.begin();
      keepAlive.begin();
      later(() => {
        keepAlive.end();
        later(() => {
          print("kept");
          keepAlive.end();
          mustEnd();
        });
      });`,
    prints: "kept\n",
  },
  "somebody waits again": {
    does: `keepAlive.begin();
      later(() => {
        keepAlive.end();
        keepAlive.begin();
        later(() => {
          print("kept");
          keepAlive.end();
          mustEnd();
        });
      });`,
    prints: "kept\n",
  },
  "the wait is over before the slaves are launched": {
    does: `keepAlive.begin();
      keepAlive.end();
      mustEnd();`,
    prints: "",
  },
  "it is disposed of while somebody waits": {
    does: `keepAlive.begin();
      later(() => {
        keepAlive[Symbol.dispose]();
        mustEnd();
      });`,
    prints: "",
  },
  "it is disposed of before the slaves are launched": {
    does: `keepAlive.begin();
      keepAlive[Symbol.dispose]();
      mustEnd();`,
    prints: "",
  },
};

for (const [what, { does, prints }] of Object.entries(SCRIPTS)) {
  Deno.test(`KeepAlive: a script ends when nobody waits, and not before: ${what}`, async () => {
    await using folder = new TempFolder();
    const script = `import { KeepAlive } from ${JSON.stringify(MODULE)};
      const keepAlive = new KeepAlive({ launched: () => Promise.resolve() });
      const print = (text) => console.log(text);
      const later = (run, ms) => Deno.unrefTimer(setTimeout(run, ms));
      const mustEnd = () => later(() => Deno.exit(1), 60_000);
      ${does}`;
    const { code, stdout, stderr } = await runScript(folder, script, [
      "--no-check",
      "--allow-read",
    ]);
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: prints, stderr: "" });
  });
}

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
