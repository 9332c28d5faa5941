import { assert, assertEquals } from "@std/assert";
import { Deadlines } from "../../../lib/master/board/deadlines.ts";
import { DispatchSlave } from "../../../lib/master/board/dispatch_slave.ts";
import { IDLE_SLAVE } from "../../support/idle_ports.ts";

const [FIRST, SECOND] = [0, 1].map((number) =>
  new DispatchSlave({ number, name: `slave ${number}`, host: "" }, IDLE_SLAVE)
);

Deno.test("Deadlines: limits that do not come again leave nothing behind", () => {
  const deadlines = new Deadlines();
  deadlines.set(FIRST, { number: 0, what: "run", limitMs: 5 }, 0);
  for (let number = 0; number < 1000; number++) {
    deadlines.set(SECOND, { number, what: "run", limitMs: 1000 + number }, 0);
  }
  assert(deadlines.limits < 50, `${deadlines.limits} limits are kept`);
  assertEquals(deadlines.nextMs(), 5);
  assertEquals(deadlines.passed(10_000), [FIRST, SECOND]);
});
