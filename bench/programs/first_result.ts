/** The shortest script that has a result. */

import { LocalSlave, Manager, remote } from "../../mod.ts";

const tasks = remote<typeof import("./same.ts")>(import.meta.resolve("./same.ts"));
await using manager = new Manager({ output: "null" });
manager.addSlave(new LocalSlave());
const context = manager.getContext();
context.addTask(tasks.same, 1);
for await (const result of context.getResultsUnordered()) console.log(result);
