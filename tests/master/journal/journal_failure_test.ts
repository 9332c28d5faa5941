import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { JournalError } from "../../../mod.ts";
import type { Recorded } from "../../../lib/master/journal/journal_writer.ts";
import { JournalBench } from "../../support/journal_bench.ts";
import { localManager } from "../../support/local_manager.ts";
import { TempFolder } from "../../support/temp_folder.ts";
import { TestClock } from "../../support/test_clock.ts";

/** A disk that is full until there is room again. */
class FullDisk implements Disposable {
  readonly #syncData = Deno.FsFile.prototype.syncData;
  /** How often somebody tried to write. */
  attempts = 0;

  constructor() {
    Deno.FsFile.prototype.syncData = () => {
      this.attempts++;
      return Promise.reject(new Error("No space left on device"));
    };
  }

  [Symbol.dispose](): void {
    Deno.FsFile.prototype.syncData = this.#syncData;
  }
}

/** What a journal tells when it cannot be written. */
class Failures {
  readonly messages: string[] = [];
  /** Numbers of the tasks whose outcomes were told of as unwritten. */
  readonly told: number[] = [];
  #next = Promise.withResolvers<void>();

  readonly onFailure = ({ message }: JournalError, unwritten: readonly Recorded[]): void => {
    this.messages.push(message);
    for (const { outcomes } of unwritten) {
      for (const { task } of outcomes) this.told.push(task.id);
    }
    this.#next.resolve();
  };

  /** Waits for the next failure. */
  async next(): Promise<void> {
    await this.#next.promise;
    this.#next = Promise.withResolvers();
  }
}

Deno.test("journal: what could not be written is written when it is closed, if there is room again", async () => {
  await using folder = new TempFolder();
  const failures = new Failures();
  {
    await using bench = new JournalBench(folder, [1], failures);
    {
      using _ = new FullDisk();
      bench.send(0);
      bench.end(0);
      await failures.next();
    }
  }
  await using bench = new JournalBench(folder, [1]);
  assertEquals(bench.find(), [0]);
});

Deno.test("journal: while the disk is full it is tried once a second, and each outcome is told of once", async () => {
  await using folder = new TempFolder();
  const ids = Array.from({ length: 200 }, (_, i) => i);
  const clock = new TestClock();
  const failures = new Failures();
  await using bench = new JournalBench(folder, ids, { ...failures, clock });
  {
    using disk = new FullDisk();
    for (const id of ids) {
      bench.send(id);
      bench.end(id);
      if (id === 0) await failures.next();
      // Whoever writes at once has had a turn of the disk.
      else await Deno.lstat(folder.path);
      if (id % 50 < 49) continue;
      clock.pass(1000);
      await failures.next();
    }
    assertEquals(disk.attempts, 5);
    assertEquals(failures.told, ids);
  }
  bench.retry();
  await bench.hasDelivered(200);
  assertEquals(bench.delivered, ids);
});

/** What somebody does with the file of a journal that is in use, and what is said of that. */
const DEEDS: Record<string, readonly [deed: (path: string) => void, said: string]> = {
  "moved": [(path) => Deno.renameSync(path, `${path}.old`), "moved, removed or replaced"],
  "removed": [(path) => Deno.removeSync(path), "moved, removed or replaced"],
  "replaced": [(path) => {
    Deno.copyFileSync(path, `${path}.new`);
    Deno.renameSync(`${path}.new`, path);
  }, "moved, removed or replaced"],
  "truncated": [(path) => Deno.truncateSync(path), "it has 0 bytes, and not"],
  "written to": [
    (path) => Deno.writeTextFileSync(path, "\n", { append: true }),
    "somebody else has changed the file",
  ],
};

for (const [what, [deed, said]] of Object.entries(DEEDS)) {
  Deno.test(`journal: a file that somebody has ${what} is not written to, and that is told`, async () => {
    await using folder = new TempFolder();
    const path = folder.file("run.jsonl");
    const clock = new TestClock();
    const failures = new Failures();
    await using bench = new JournalBench(folder, [1, 2], { ...failures, clock });
    bench.send(0, 1);
    bench.end(0);
    await bench.hasDelivered(1);
    deed(path);
    const files = () => Array.from(Deno.readDirSync(folder.path), ({ name }) => folder.lines(name));
    const before = files();
    clock.pass(1000);
    bench.end(1);
    await failures.next();
    assertStringIncludes(failures.messages[0], said);
    assertEquals(bench.delivered, [0]);
    assertEquals(files(), before);
  });
}

Deno.test("journal: a file that was moved and is back is gone on with", async () => {
  await using folder = new TempFolder();
  const path = folder.file("run.jsonl");
  const failures = new Failures();
  await using bench = new JournalBench(folder, [1], failures);
  Deno.renameSync(path, `${path}.old`);
  bench.send(0);
  bench.end(0);
  await failures.next();
  Deno.renameSync(`${path}.old`, path);
  bench.retry();
  await bench.hasDelivered(1);
});

Deno.test("journal: a run whose journal somebody has moved is rejected", async () => {
  await using folder = new TempFolder();
  const path = folder.file("run.jsonl");
  await using manager = localManager(1);
  const context = manager.getContext(undefined, { journal: path });
  const double = (x: number) => 2 * x;
  assertEquals(await context.run(double, [1]), 2);
  Deno.removeSync(path);
  await assertRejects(
    () => context.run(double, [2]),
    JournalError,
    "moved, removed or replaced the file",
  );
});
