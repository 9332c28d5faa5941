import { LocalSlave, Manager, type ManagerOptions } from "../../mod.ts";

/**
 * A manager with slaves on this machine that leaves no files and prints nothing.
 *
 * @param slaves How many slaves it has.
 * @param options Replace what is chosen here.
 */
export function localManager(slaves: number, options: ManagerOptions = {}): Manager {
  const manager = new Manager({ output: "null", onEvent: () => {}, ...options });
  for (let i = 0; i < slaves; i++) manager.addSlave(new LocalSlave());
  return manager;
}
