import { assertEquals } from "@std/assert";
import { DispatchLoop } from "../../../lib/master/board/dispatch_loop.ts";
import { type Demand, Dispatcher } from "../../../lib/master/board/dispatcher.ts";
import { LoopTurn } from "../../../lib/master/event_loop.ts";
import { Hub } from "../../../lib/master/observe/hub.ts";
import { asSettings } from "../../../lib/master/settings.ts";
import { Fleet } from "../../../lib/master/slaves/fleet.ts";
import { type LaunchOrder, LocalSlave, SlaveArray, type SlaveProcess } from "../../../mod.ts";
import { EventLog } from "../../support/event_log.ts";
import { KeepAlive } from "../../support/keep_alive.ts";
import { TestClock } from "../../support/test_clock.ts";

/** A board on which one long task waits. */
class BusyDispatcher extends Dispatcher {
  override demandOf(): Demand {
    return { tasks: 1, taskMs: 3_600_000, barred: new Set() };
  }
}

/** An array whose jobs end before they bring an agent. */
class FailingArray extends SlaveArray {
  override readonly kind = "far slave";
  override readonly count = 3;

  override get bounds() {
    return { min: 0, max: 3, idleMs: 60_000 };
  }

  override isRemoteAt(): boolean {
    return true;
  }

  override launch(orders: readonly LaunchOrder[]): Promise<SlaveProcess[]> {
    const ended = Promise.resolve({ code: null, signal: null, reason: "no Deno there" });
    return Promise.resolve(orders.map(() => ({ name: "job 7", ended, kill() {} })));
  }
}

Deno.test("Fleet.surveyVacant: counts the slaves that Fleet.survey leaves out, and says how their last job failed", async () => {
  using _alive = new KeepAlive();
  const clock = new TestClock();
  const hub = new Hub();
  const log = new EventLog();
  hub.subscribe({ wantsTasks: false, tell: log.onEvent });
  const dispatcher = new BusyDispatcher(1);
  await using fleet = new Fleet({
    settings: asSettings({ output: "null" }),
    dispatcher,
    loop: new DispatchLoop(dispatcher, clock),
    clock,
    modules: new Set(),
    watched: new Set(),
    hub,
    turn: new LoopTurn(),
  });
  fleet.add(new FailingArray());
  const numbers = () => fleet.survey().map(({ identity }) => identity.number);
  assertEquals([numbers(), fleet.surveyVacant()], [[], { count: 3, failure: undefined }]);
  fleet.launch();
  fleet.add(new LocalSlave());
  assertEquals([numbers(), fleet.surveyVacant()], [[0, 3], { count: 2, failure: undefined }]);
  await log.until("slave-restarted");
  assertEquals([numbers(), fleet.surveyVacant()], [[3], { count: 3, failure: "no Deno there" }]);
});
