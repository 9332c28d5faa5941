import { type LaunchOrder, SlaveArray, type SlaveProcess } from "../../mod.ts";
import { spawnSlave } from "../../lib/launch/command.ts";

/** Processes that the slaves are divided among. */
const PROCESSES = 2;

/** Slaves that answer each task at once, many of them in a process. */
export class SimulatedSlaves extends SlaveArray {
  override readonly kind = "simulated slave";
  override readonly count: number;
  #isLaunched = false;

  constructor(count: number) {
    super();
    this.count = count;
  }

  override isRemoteAt(_index: number): boolean {
    return false;
  }

  /** They are not replaced one by one: the death of a process would start as many as there were slaves in it. */
  override launch(orders: readonly LaunchOrder[]): Promise<readonly SlaveProcess[]> {
    if (this.#isLaunched) throw new Error("Simulated slaves are not started again");
    this.#isLaunched = true;
    const share = Math.ceil(orders.length / PROCESSES);
    const processes: SlaveProcess[] = [];
    for (let start = 0; start < orders.length; start += share) {
      const own = orders.slice(start, start + share);
      const process = spawnSlaves(own);
      for (const _ of own) processes.push(process);
    }
    return Promise.resolve(processes);
  }
}

function spawnSlaves(orders: readonly LaunchOrder[]): SlaveProcess {
  const program = import.meta.resolve("./simulated_slaves.ts");
  const [{ output }] = orders;
  const connection = orders.map((order) => order.connection).join("");
  const { name, ended, kill } = spawnSlave({
    command: [Deno.execPath(), "run", "--allow-all", "--quiet", "--no-check", program],
    connection,
    output,
  });
  // Without its id: the manager would have it watched once for each of its slaves.
  return { name, ended, kill };
}
