/**
 * A master that works while strangers besiege it. Says `port N` when its first slave works; a line on its standard input makes
 * it start another slave, `joined` says that this works as well, and at the end of input it ends, with `done N`, where N is how many
 * tasks were right.
 *
 * @module
 */

import { LocalSlave, Manager } from "../../../mod.ts";

const port = Number(Deno.args[0]);
let slaves = 1;
const connected = new Set<number>();
let isOver = false;
// What strangers do is said; it is not of interest here.
const manager = new Manager({
  output: "null",
  port,
  onEvent: (event) => {
    if (event.type !== "slave-connected" || connected.has(event.slave.number)) return;
    connected.add(event.slave.number);
    console.log(connected.size === 1 ? `port ${port}` : "joined");
  },
});
manager.addSlave(new LocalSlave());
const context = manager.getContext();
context.addTasks((x: number) => x * x, inputs());
obey();
let right = 0;
for await (const outcome of context.getOutcomesUnordered()) {
  if (outcome.status === "fulfilled" && outcome.value === outcome.task.id ** 2) right++;
  else console.log(`wrong: ${Deno.inspect(outcome)}`);
}
await manager.close();
console.log(`done ${right}`);

async function* inputs(): AsyncGenerator<number> {
  for (let i = 0; !isOver; i++) {
    yield i;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function obey(): Promise<void> {
  for await (const _ of Deno.stdin.readable) {
    if (slaves++ === 1) manager.addSlave(new LocalSlave());
  }
  isOver = true;
}
