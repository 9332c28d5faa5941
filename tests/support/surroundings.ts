import { NoMoreSlavesError } from "../../lib/errors.ts";
import { DispatchLoop } from "../../lib/master/board/dispatch_loop.ts";
import { DispatchSlave } from "../../lib/master/board/dispatch_slave.ts";
import { Dispatcher } from "../../lib/master/board/dispatcher.ts";
import { CodeRegistry } from "../../lib/master/code_registry.ts";
import { LoopTurn } from "../../lib/master/event_loop.ts";
import { type CalendarClock, SYSTEM_CALENDAR_CLOCK } from "../../lib/clock.ts";
import { Hub } from "../../lib/master/observe/hub.ts";
import { ProgressOnDemand } from "../../lib/master/observe/progress_on_demand.ts";
import type { Surroundings } from "../../lib/master/reading/context_core.ts";
import { ForgottenTasks } from "../../lib/master/reading/forgotten_tasks.ts";
import { IDLE_SLAVE } from "./idle_ports.ts";

const NO_SLAVES = { queued: 0, starting: 0, idle: 0, busy: 0, lost: 0 };

/** What contexts share whose manager has one slave, which never connects: the test delivers what becomes of tasks. */
export function makeSurroundings(
  keepAlive: Surroundings["keepAlive"],
  clock: CalendarClock = SYSTEM_CALENDAR_CLOCK,
): Surroundings {
  const dispatcher = new Dispatcher(3);
  dispatcher.addSlave(new DispatchSlave({ number: 0, name: "slave 0", host: "" }, IDLE_SLAVE));
  const loop = new DispatchLoop(dispatcher, {
    now: () => 0,
    microtask: queueMicrotask,
    setTimer: () => ({ [Symbol.dispose]: () => {} }),
  });
  const hub = new Hub(clock);
  const forgotten = new ForgottenTasks(hub);
  forgotten[Symbol.dispose]();
  return {
    codes: new CodeRegistry(),
    dispatcher,
    loop,
    hub,
    slaves: { explainLosses: () => new NoMoreSlavesError("none is left") },
    keepAlive,
    turn: new LoopTurn(),
    progress: new ProgressOnDemand(hub, { count: () => NO_SLAVES, toldTasks: () => [] }),
    forgotten,
  };
}
