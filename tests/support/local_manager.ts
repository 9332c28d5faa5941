import { LocalSlave, Manager, type ManagerOptions } from "../../mod.ts";
import type { CalendarClock } from "../../lib/clock.ts";

/** As the class is for tests, which hand it the time. */
const ManagerByClock: new (options: ManagerOptions, clock?: CalendarClock) => Manager = Manager;

/** A manager by a clock of the test's, if it has one. */
export function managerBy(clock: CalendarClock | undefined, options: ManagerOptions): Manager {
  return new ManagerByClock(options, clock);
}

/**
 * A manager with slaves on this machine that leaves no files and prints nothing.
 *
 * @param slaves How many slaves it has.
 * @param options Replace what is chosen here.
 * @param clock Tells the time; the system's by default.
 */
export function localManager(
  slaves: number,
  options: ManagerOptions = {},
  clock?: CalendarClock,
): Manager {
  const manager = managerBy(clock, { output: "null", onEvent: () => {}, ...options });
  for (let i = 0; i < slaves; i++) manager.addSlave(new LocalSlave());
  return manager;
}
