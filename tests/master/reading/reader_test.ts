import { assertEquals, assertRejects } from "@std/assert";
import type { Outcome } from "../../../lib/master/outcome.ts";
import { Reader } from "../../../lib/master/reading/reader.ts";
import { ContextCore } from "../../../lib/master/reading/context_core.ts";
import type { TaskGroup } from "../../../lib/master/reading/task_group.ts";
import { makeSurroundings } from "../../support/surroundings.ts";
import type { Task } from "../../../lib/task.ts";

/** Tasks of a manager that has no slaves: the test delivers what becomes of them. */
class Bench {
  readonly group: TaskGroup;
  /** How many readers keep the script from ending. */
  waiting = 0;
  /** Resolves when the first of them begins to wait. */
  readonly begun: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor() {
    const surroundings = makeSurroundings({
      begin: () => {
        this.waiting++;
        this.begun.resolve();
      },
      end: () => this.waiting--,
    });
    this.group = new ContextCore(surroundings, 0).added;
  }

  add(x: number): Task {
    return this.group.add(this.group.origins.resolve((x: number) => x), [x]);
  }

  read(signal?: AbortSignal): Reader<unknown> {
    const pick = (outcome: Outcome) => outcome.status === "fulfilled" ? outcome.value : undefined;
    return new Reader(this.group, { order: "unordered", signal, progress: false, pick });
  }

  deliver(task: Task, value: unknown): void {
    // As the dispatcher does it.
    this.group.board.take();
    this.group.board.addResults(1);
    const slave = { number: 0, name: "slave 0", host: "" };
    const outcome: Outcome = { task, slave, attempts: 1, runTimeMs: 0, status: "fulfilled", value };
    this.group.board.port.deliver([outcome]);
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
