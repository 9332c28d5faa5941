import { assert, assertEquals, assertRejects } from "@std/assert";
import { ParallelError } from "../../../lib/errors.ts";
import { JournalError } from "../../../lib/master/journal/journal_file.ts";
import { idleReason } from "../../../lib/master/observe/dashboard/idle_reason.ts";
import { newContext } from "../../../lib/master/reading/context.ts";
import { ContextCore } from "../../../lib/master/reading/context_core.ts";
import { HeldDisk } from "../../support/held_disk.ts";
import { slaveSurvey } from "../../support/made_up_run.ts";
import { makeSurroundings } from "../../support/surroundings.ts";
import { TempFolder } from "../../support/temp_folder.ts";

Deno.test("PromisedTasks: runs that are refused leave nothing behind, whatever their time limits", async () => {
  const surroundings = makeSurroundings({ begin: () => {}, end: () => {} });
  const core = new ContextCore(surroundings, 0);
  const context = newContext(core);
  const { read } = surroundings.dispatcher.inventory;
  const uncloneable = (() => 1) as never;
  for (let timeoutMs = 1; timeoutMs <= 10; timeoutMs++) {
    const run = context.run((x: unknown) => x, [uncloneable], { timeoutMs });
    await assertRejects(() => run, DOMException, "args[0]");
  }
  assertEquals(read.size, 0);
  await context.close();
  await assertRejects(() => context.run(() => 1, [], { timeoutMs: 5 }), ParallelError, "closed");
  assertEquals(read.size, 0);
});

Deno.test("PromisedTasks: the live page says that nobody reads what was added, also if promises were settled before", async () => {
  const core = new ContextCore(makeSurroundings({ begin: () => {}, end: () => {} }), 0);
  const context = newContext(core);
  const run = context.run(() => 1, []);
  assert(core.survey().isRead);
  const { board } = core.promised();
  const task = board.take()!;
  const slave = { number: 0, name: "slave 0", host: "" };
  board.port.deliver([{ task, slave, attempts: 1, runTimeMs: 0, status: "fulfilled", value: 1 }]);
  assertEquals(await run, 1);
  context.addTask(() => 2);
  const state = { contexts: [core.survey()], slaves: [slaveSurvey(0, { standing: "idle" })] };
  assertEquals(
    idleReason({ ...state, vacant: { count: 0, failure: undefined }, tasksEnded: 1 }),
    "The script does not read the results of the tasks that wait: they run when it does.",
  );
  await context.close();
});

Deno.test("PromisedTasks: of a journal that cannot be written a promise says to start the script again", async () => {
  await using folder = new TempFolder();
  const path = folder.file("run.jsonl");
  using disk = new HeldDisk();
  const surroundings = makeSurroundings({ begin: () => {}, end: () => {} });
  const core = new ContextCore(surroundings, 0, { journal: { path } });
  const run = newContext(core).run(() => 1, []);
  const { board } = core.promised();
  const task = board.take()!;
  const slave = { number: 0, name: "slave 0", host: "" };
  board.port.deliver([{ task, slave, attempts: 1, runTimeMs: 0, status: "fulfilled", value: 1 }]);
  (await disk.nextSync()).reject(new Error("No space left on device"));
  const { message } = await assertRejects(() => run, JournalError);
  assertEquals(
    message,
    `Cannot write the journal ${path}: No space left on device. Outcomes that are not on disk are not delivered. ` +
      "Mend it and start the script again: what is on disk does not run again",
  );
  // What has no place on disk is tried once more at the end.
  const closed = core.close();
  (await disk.nextSync()).reject(new Error("No space left on device"));
  await closed;
});
