import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Outcome } from "../../../lib/master/outcome.ts";
import { Reader } from "../../../lib/master/reading/reader.ts";
import { ContextCore } from "../../../lib/master/reading/context_core.ts";
import type { TaskGroup } from "../../../lib/master/reading/task_group.ts";
import { JournalError, NoMoreSlavesError, ParallelError } from "../../../mod.ts";
import { HeldDisk } from "../../support/held_disk.ts";
import { assertLinear } from "../../support/linear.ts";
import { makeSurroundings } from "../../support/surroundings.ts";
import { TempFolder } from "../../support/temp_folder.ts";
import type { Task } from "../../../lib/task.ts";

/** Tasks of a manager that has no slaves: the test delivers what becomes of them. */
class Bench {
  readonly core: ContextCore;
  readonly group: TaskGroup;
  /** How many readers keep the script from ending. */
  waiting = 0;
  /** Resolves when the first of them begins to wait. */
  readonly begun: PromiseWithResolvers<void> = Promise.withResolvers();

  /** @param journal Path of a journal. */
  constructor(journal?: string) {
    const surroundings = makeSurroundings({
      begin: () => {
        this.waiting++;
        this.begun.resolve();
      },
      end: () => this.waiting--,
    });
    const use = journal === undefined ? undefined : { path: journal };
    this.core = new ContextCore(surroundings, 0, { journal: use });
    this.group = this.core.added;
  }

  add(x: number, group = this.group): Task {
    return group.add(group.origins.resolve((x: number) => x), [x]);
  }

  read(signal?: AbortSignal, group = this.group): Reader<unknown> {
    const pick = (outcome: Outcome) => outcome.status === "fulfilled" ? outcome.value : undefined;
    const isOnly = group !== this.group;
    return new Reader(group, { order: "unordered", signal, progress: false, isOnly, pick });
  }

  deliver(task: Task, value: unknown, { board } = this.group): void {
    // As the dispatcher does it.
    board.take();
    board.addResults(1);
    const slave = { number: 0, name: "slave 0", host: "" };
    const outcome: Outcome = { task, slave, attempts: 1, runTimeMs: 0, status: "fulfilled", value };
    board.port.deliver([outcome]);
  }
}

Deno.test("Reader: one that waits is woken when an outcome comes, and keeps the script alive until then", async () => {
  const bench = new Bench();
  const task = bench.add(1);
  const reader = bench.read();
  const next = reader.next();
  await bench.begun.promise;
  bench.deliver(task, "done");
  assertEquals(await next, { value: "done", done: false });
  assertEquals(bench.waiting, 0);
  assertEquals(await reader.next(), { value: undefined, done: true });
});

Deno.test("Reader: calls are answered one after another, each in its turn", async () => {
  const bench = new Bench();
  const tasks = [bench.add(0), bench.add(1)];
  const reader = bench.read();
  const calls = [reader.next(), reader.next(), reader.return(), reader.next()];
  for (const task of tasks) bench.deliver(task, task.id);
  assertEquals(await Promise.all(calls), [
    { value: 0, done: false },
    { value: 1, done: false },
    { value: undefined, done: true },
    { value: undefined, done: true },
  ]);
});

Deno.test("Reader: one that waits is told of a signal that aborts, and its tasks are dropped", async () => {
  const bench = new Bench();
  bench.add(0);
  const abort = new AbortController();
  const reader = bench.read(abort.signal);
  const next = reader.next();
  await bench.begun.promise;
  abort.abort(new Error("enough"));
  await assertRejects(() => next, Error, "enough");
  assertEquals(bench.group.board.waiting, 0);
  assertEquals(await bench.read().next(), { value: undefined, done: true });
});

Deno.test("Reader: a second one is refused, and leaves the tasks of the first, also if its signal was aborted", async () => {
  const bench = new Bench();
  const task = bench.add(1);
  const next = bench.read().next();
  await bench.begun.promise;
  const second = bench.read(AbortSignal.abort());
  await assertRejects(() => second.next(), TypeError, "twice at the same time");
  bench.deliver(task, "done");
  assertEquals(await next, { value: "done", done: false });
});

Deno.test("Reader: one whose signal was aborted before it begins drops its tasks", async () => {
  const bench = new Bench();
  bench.add(1);
  await assertRejects(() => bench.read(AbortSignal.abort()).next(), DOMException);
  assertEquals(await bench.read().next(), { value: undefined, done: true });
});

for (const who of ["the inputs", "the labels"]) {
  Deno.test(`Reader: when ${who} abort it no task is made of the input that was about to come`, async () => {
    const bench = new Bench();
    const aborter = new AbortController();
    bench.group.addSource((x: number) => x, inputs(), () => {
      if (who === "the labels") aborter.abort();
      return "label";
    });
    const next = bench.read(aborter.signal).next();
    const rejected = assertRejects(() => next, DOMException);
    await bench.begun.promise;
    bench.group.pull(3, undefined);
    await rejected;
    assertEquals(bench.group.hasTasks, false);

    function* inputs(): Generator<number> {
      if (who === "the inputs") aborter.abort();
      for (;;) yield 1;
    }
  });
}

Deno.test("Reader: results that reading in order had kept back are read one by one as they finish, each as fast as if there were few", async () => {
  let rest: Task[] = [];
  let { group } = new Bench();
  let read: unknown[] = [];
  await assertLinear(
    () => {
      read = rest.map(() => group.take("unordered")?.task);
    },
    // Only reading them counts.
    (length) => {
      const bench = new Bench();
      group = bench.group;
      rest = Array.from({ length: length / 2 }, () => bench.add(1)).slice(1);
      group.beginReading("ordered");
      for (const task of rest) bench.deliver(task, task.id);
      // The first one is missing.
      assertEquals(group.take("ordered"), undefined);
      group.endReading();
      group.beginReading("unordered");
      return "";
    },
  );
  assert(read.every((task, i) => task === rest[i]));
  assertEquals([read.length > 0, group.take("unordered"), group.hasReady], [
    true,
    undefined,
    false,
  ]);
});

Deno.test("Reader: when the manager closes it is told to read all before, and the inputs clean up at once", async () => {
  const bench = new Bench();
  let isClean = false;
  bench.group.addSource((x: number) => x, inputs());
  const reader = bench.read();
  const next = reader.next();
  await bench.begun.promise;
  bench.group.pull(1, undefined);
  bench.core.managerCloses();
  assertEquals(isClean, true);
  // Slaves may ask for more until they have ended.
  bench.group.pull(1, undefined);
  await assertRejects(() => next, ParallelError, "Read all results before closing it");
  await bench.core.finish();

  function* inputs(): Generator<number> {
    try {
      for (;;) yield 1;
    } finally {
      isClean = true;
    }
  }
});

Deno.test("Reader: when the manager closes while nothing but inputs is left, it is told so, and does not just end", async () => {
  const bench = new Bench();
  bench.group.addSource((x: number) => x, [1]);
  const next = bench.read().next();
  await bench.begun.promise;
  bench.core.managerCloses();
  await assertRejects(() => next, ParallelError, "Read all results before closing it");
});

Deno.test("Reader: one that was never begun does not keep another from reading", async () => {
  const bench = new Bench();
  const task = bench.add(0);
  bench.read();
  const ended = bench.read();
  await ended.return();
  const reader = bench.read();
  bench.deliver(task, "done");
  assertEquals(await reader.next(), { value: "done", done: false });
  await assertRejects(() => bench.read().next(), TypeError, "twice at the same time");
  await reader.return();
});

Deno.test("Reader: outcomes of cancelled tasks hold up sources until they are read, and are no results", async () => {
  const bench = new Bench();
  const { board } = bench.group;
  // Of results as large as this four may wait.
  board.addResults(1, 2 ** 26);
  board.takeResult();
  const reader = bench.read();
  const tasks = Array.from({ length: 5 }, (_, i) => bench.add(i));
  const first = reader.next();
  for (const task of tasks) task.cancel();
  await first;
  assertEquals([board.takesTasks, board.isOpen], [false, true]);
  for (let i = 1; i < tasks.length; i++) await reader.next();
  assertEquals([board.takesTasks, board.isOpen], [true, true]);
});

/** What may be closed while the last outcomes of a context are being written. */
const ENDS: Record<string, (core: ContextCore) => Promise<void>> = {
  context: (core) => core.close(),
  manager: (core) => {
    core.managerCloses();
    return core.finish();
  },
};

for (const [what, close] of Object.entries(ENDS)) {
  Deno.test(`Reader: outcomes that are being written when the ${what} is closed are read, and then the end`, async () => {
    await using folder = new TempFolder();
    using disk = new HeldDisk();
    const bench = new Bench(folder.file("run.jsonl"));
    const tasks = [bench.add(0), bench.add(1)];
    const reader = bench.read();
    const next = reader.next();
    await bench.begun.promise;
    for (const task of tasks) bench.deliver(task, task.id);
    const written = await disk.nextSync();
    const closing = close(bench.core);
    written.resolve();
    assertEquals(await next, { value: 0, done: false });
    assertEquals(await reader.next(), { value: 1, done: false });
    assertEquals(await reader.next(), { value: undefined, done: true });
    await closing;
  });

  Deno.test(`Reader: outcomes that are being written when the ${what} is closed are read before it is told of tasks that are given up`, async () => {
    await using folder = new TempFolder();
    using disk = new HeldDisk();
    const bench = new Bench(folder.file("run.jsonl"));
    const task = bench.add(0);
    bench.add(1);
    const reader = bench.read();
    const next = reader.next();
    await bench.begun.promise;
    bench.deliver(task, "done");
    const written = await disk.nextSync();
    const closing = close(bench.core);
    written.resolve();
    assertEquals(await next, { value: "done", done: false });
    await assertRejects(
      () => reader.next(),
      ParallelError,
      `Cannot run tasks: the ${what} is closed. Read all results before closing it`,
    );
    await closing;
  });

  Deno.test(`Reader: it is told if outcomes that are being written when the ${what} is closed get lost`, async () => {
    await using folder = new TempFolder();
    using disk = new HeldDisk();
    const bench = new Bench(folder.file("run.jsonl"));
    const task = bench.add(0);
    const next = bench.read().next();
    await bench.begun.promise;
    bench.deliver(task, "done");
    const written = await disk.nextSync();
    const closing = close(bench.core);
    written.reject(new Error("No space left on device"));
    await assertRejects(() => next, JournalError, "No space left on device");
    await closing;
    await assertRejects(
      () => bench.read().next(),
      ParallelError,
      `Cannot run tasks: the ${what} is closed. Read all results before closing it`,
    );
  });
}

Deno.test("Reader: outcomes of a map that are being written when the last slave is lost are read before it is told of that", async () => {
  await using folder = new TempFolder();
  using disk = new HeldDisk();
  const bench = new Bench(folder.file("run.jsonl"));
  const map = bench.core.map();
  const task = bench.add(0, map);
  bench.add(1, map);
  const reader = bench.read(undefined, map);
  const next = reader.next();
  await bench.begun.promise;
  bench.deliver(task, "done", map);
  const written = await disk.nextSync();
  const { dispatcher } = bench.core.around;
  const death = { reason: "its job ended", isFinal: true, isHeardOut: true };
  for (const slave of dispatcher.inventory.slaves) dispatcher.slaveDied(slave, death);
  written.resolve();
  assertEquals(await next, { value: "done", done: false });
  await assertRejects(() => reader.next(), NoMoreSlavesError);
  await bench.core.close();
});

Deno.test("Reader: one that waits is told at once that the manager is closed, also while outcomes of others are being written", async () => {
  await using folder = new TempFolder();
  using disk = new HeldDisk();
  const bench = new Bench(folder.file("run.jsonl"));
  bench.add(0);
  const map = bench.core.map();
  const other = bench.add(1, map);
  const next = bench.read().next();
  await bench.begun.promise;
  bench.deliver(other, "done", map);
  const written = await disk.nextSync();
  bench.core.managerCloses();
  await assertRejects(() => next, ParallelError, "the manager is closed");
  written.resolve();
  await bench.core.finish();
});

/** What the reader of a group is told if the group's only outcome cannot be written. */
async function messageOfFullDisk(
  bench: Bench,
  group: TaskGroup,
  hasWritten: () => void = () => {},
): Promise<string> {
  using disk = new HeldDisk();
  const task = bench.add(0, group);
  const next = bench.read(undefined, group).next();
  await bench.begun.promise;
  bench.deliver(task, "done", group);
  const written = await disk.nextSync();
  hasWritten();
  written.reject(new Error("No space left on device"));
  const { message } = await assertRejects(() => next, JournalError);
  return message;
}

Deno.test("Reader: of a journal that cannot be written it is told to read again, where that is possible", async () => {
  await using folder = new TempFolder();
  const path = folder.file("run.jsonl");
  const bench = new Bench(path);
  assertEquals(
    await messageOfFullDisk(bench, bench.group),
    `Cannot write the journal ${path}: No space left on device. Outcomes that are not on disk are not delivered. ` +
      "Mend it and read results again",
  );
  assertEquals(await bench.read().next(), { value: "done", done: false });
  await bench.core.close();
});

for (const why of ["of a map", "when its context is closed"]) {
  Deno.test(`Reader: of a journal that cannot be written one ${why} is told to start the script again`, async () => {
    await using folder = new TempFolder();
    const path = folder.file("run.jsonl");
    const bench = new Bench(path);
    const message = why === "of a map"
      ? await messageOfFullDisk(bench, bench.core.map())
      : await messageOfFullDisk(bench, bench.group, () => void bench.core.close());
    assertEquals(
      message,
      `Cannot write the journal ${path}: No space left on device. Outcomes that are not on disk are not delivered. ` +
        "Mend it and start the script again: what is on disk does not run again",
    );
    await bench.core.close();
  });
}
