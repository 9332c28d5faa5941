import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { CodeHistory } from "../../../lib/master/journal/code_history.ts";
import { JournalIndex } from "../../../lib/master/journal/journal_index.ts";
import type {
  FulfilledLine,
  RecordedOutcome,
  TaskLine,
} from "../../../lib/master/journal/journal_lines.ts";

const SLAVE = { name: "slave 0", number: 0, host: "here" };

/** An index whose runs all have the same code, and whose lines stand anywhere. */
class Index extends JournalIndex {
  readonly #codes: CodeHistory;

  constructor(codes = new CodeHistory()) {
    super(codes);
    this.#codes = codes;
  }

  override begin(line: { readonly rerunFailed?: boolean }): void {
    this.#codes.begin({ opened: "2026-05-04T09:00:00.000Z" }, undefined);
    super.begin(line);
  }

  override noteOutcomes(line: FulfilledLine | TaskLine): void {
    super.noteOutcomes(line, { line: 2, start: 100 });
  }
}

/** The line of tasks that follow each other. */
function fulfilled(first: number, values: readonly unknown[]): FulfilledLine {
  const results = { values, micros: values.map(() => 1) };
  return { fulfilled: [[first, values.length]], slave: SLAVE, results };
}

/** What a run of a script does with a task that its journal does not answer. */
type Fate = "ends" | "fails" | "is dropped" | "is cut off";

/** One run: for each task, of which kind it is and what becomes of it. */
interface Run {
  readonly rerunFailed: boolean;
  readonly tasks: readonly { readonly kind: number; readonly fate: Fate }[];
}

const FATES: readonly Fate[] = ["ends", "fails", "is dropped", "is cut off"];

function runs(kinds: fc.Arbitrary<number>, fates: readonly Fate[]): fc.Arbitrary<Run[]> {
  const task = fc.record({ kind: kinds, fate: fc.constantFrom(...fates) });
  return fc.array(
    fc.record({ rerunFailed: fc.boolean(), tasks: fc.array(task, { maxLength: 12 }) }),
  );
}

/** A journal as its lines, read anew at the beginning of each run. */
class Lines {
  readonly #lines: ((index: Index) => void)[] = [];
  #count = 0;

  /** Carries out a run; returns what the journal answered each of its tasks with. */
  run({ rerunFailed, tasks }: Run): (RecordedOutcome | undefined)[] {
    const index = this.open(rerunFailed);
    this.#lines.push((index) => index.begin({ rerunFailed }));
    return tasks.map(({ kind, fate }, id) => {
      const found = index.find(0, `${kind}`);
      if (found === undefined) this.#send(id, kind, fate);
      return found;
    });
  }

  open(rerunFailed: boolean): Index {
    const index = new Index();
    for (const line of this.#lines) line(index);
    index.begin({ rerunFailed });
    return index;
  }

  #send(id: number, kind: number, fate: Fate): void {
    this.#lines.push((index) => index.noteSent({ sent: id, function: 0, args: [kind] }));
    if (fate === "is dropped") this.#lines.push((index) => index.noteDropped({ dropped: [id] }));
    if (fate !== "ends" && fate !== "fails") return;
    const status = fate === "ends" ? "fulfilled" : "rejected";
    const value = this.#count++;
    const outcome = { status, value, runTimeMs: 1, attempts: 1, slave: SLAVE } as const;
    this.#lines.push((index) => index.noteOutcomes({ task: id, ...outcome }));
  }
}

Deno.test("JournalIndex: a script that does the same in each run gets what its tasks ended with", () => {
  const kind = fc.integer({ min: 0, max: 2 });
  const fates = fc.array(
    fc.array(fc.constantFrom<Fate>("ends", "fails", "is cut off"), { maxLength: 12 }),
  );
  fc.assert(
    fc.property(
      fc.array(kind, { maxLength: 12 }),
      fates,
      fc.boolean(),
      (kinds, runs, rerunFailed) => {
        const lines = new Lines();
        const known: (Fate | undefined)[] = [];
        const values: unknown[] = [];
        for (const fatesOfRun of runs) {
          const tasks = kinds.map((kind, i) => ({ kind, fate: fatesOfRun[i] ?? "is cut off" }));
          const found = lines.run({ rerunFailed, tasks });
          found.forEach((outcome, i) => {
            const isKnown = known[i] === "ends" || (known[i] === "fails" && !rerunFailed);
            assertEquals(outcome !== undefined, isKnown);
            if (outcome !== undefined) assertEquals(outcome.value, values[i] ??= outcome.value);
            else if (tasks[i].fate !== "is cut off") known[i] = tasks[i].fate;
          });
        }
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("JournalIndex: whatever runs did, each outcome is found, and once", () => {
  fc.assert(
    fc.property(runs(fc.integer({ min: 0, max: 2 }), FATES), (runs) => {
      const lines = new Lines();
      const ended = new Set<unknown>();
      let count = 0;
      for (const run of runs) {
        const found = lines.run({ ...run, rerunFailed: false });
        found.forEach((outcome, i) => {
          const { fate } = run.tasks[i];
          if (outcome === undefined && (fate === "ends" || fate === "fails")) ended.add(count++);
        });
      }
      const index = lines.open(false);
      const found: unknown[] = [];
      for (let kind = 0; kind < 3; kind++) {
        for (let i = 0; i < 1000; i++) {
          const outcome = index.find(0, `${kind}`);
          if (outcome !== undefined) found.push(outcome.value);
        }
      }
      assertEquals(found.toSorted(), [...ended].toSorted());
      assertEquals(index.isEmpty, true);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("JournalIndex: with rerunFailed the tasks that failed run again, and their last outcome counts", () => {
  const index = new Index();
  const end = (task: number, status: "fulfilled" | "rejected", value: string) =>
    index.noteOutcomes({ task, status, value, runTimeMs: 1, attempts: 1, slave: SLAVE });
  index.begin({ rerunFailed: false });
  index.noteSent({ sent: 0, function: 0, args: [1, 1, 1] });
  end(0, "fulfilled", "first");
  end(1, "rejected", "no");
  end(2, "fulfilled", "third");
  index.begin({ rerunFailed: true });
  index.noteSent({ sent: 1, function: 0, args: [1] });
  end(1, "fulfilled", "second");
  index.begin({ rerunFailed: true });
  const found = Array.from({ length: 4 }, () => index.find(0, "1")?.value);
  assertEquals(found, ["first", "second", "third", undefined]);
});

/** How a task failed, and whether it is not to run again when nothing is said. */
const FAILURES = {
  own: true,
  permission: false,
  module: false,
  timeout: false,
  deaths: false,
} as const;

for (const [failure, isFinal] of Object.entries(FAILURES)) {
  Deno.test(`JournalIndex: by default a failure is ${isFinal ? "" : "not "}final if it is of the kind ${failure}`, () => {
    const index = new Index();
    index.begin({});
    index.noteSent({ sent: 0, function: 0, args: [1, 1] });
    const end = { status: "rejected", runTimeMs: 1, attempts: 1, slave: SLAVE } as const;
    index.noteOutcomes({ task: 0, ...end, failure: failure as keyof typeof FAILURES });
    index.noteOutcomes(fulfilled(1, ["good"]));
    // In this run the first task is the one that failed, if that is not final; it ends well.
    index.begin({});
    assertEquals(index.find(0, "1")?.status, isFinal ? "rejected" : undefined);
    assertEquals(index.find(0, "1")?.value, "good");
  });
}

Deno.test("JournalIndex: a failure that was run again by default is answered by what came of that", () => {
  const index = new Index();
  const end = { runTimeMs: 1, attempts: 1, slave: SLAVE } as const;
  index.begin({});
  index.noteSent({ sent: 0, function: 0, args: [1, 1, 1] });
  index.noteOutcomes(fulfilled(0, ["first"]));
  index.noteOutcomes({ task: 1, status: "rejected", failure: "timeout", ...end });
  index.noteOutcomes({ task: 2, status: "rejected", failure: "own", value: "third", ...end });
  index.begin({});
  index.noteSent({ sent: 1, function: 0, args: [1] });
  index.noteOutcomes(fulfilled(1, ["second"]));
  index.begin({});
  assertEquals([1, 2, 3].map(() => index.find(0, "1")?.value), ["first", "second", "third"]);
});

Deno.test("JournalIndex: a number as version 3 wrote it is the same argument", () => {
  const index = new Index();
  index.begin({});
  index.noteSent({ sent: 0, function: 0, args: [[1], [[1]], [1, 2], [-0.5]] });
  index.noteOutcomes(fulfilled(0, ["a", "b", "c", "d"]));
  index.begin({});
  const args = ["1", "[[1]]", "[1,2]", "-0.5"];
  assertEquals(args.map((each) => index.find(0, each)?.value), ["a", "b", "c", "d"]);
});

Deno.test("JournalIndex: a task that took the place of one that was dropped is the first of its kind", () => {
  const index = new Index();
  index.begin({ rerunFailed: false });
  index.noteSent({ sent: 0, function: 0, args: [1] });
  index.noteDropped({ dropped: [0] });
  index.noteSent({ sent: 1, function: 0, args: [1] });
  index.noteOutcomes(fulfilled(1, ["done"]));
  index.begin({ rerunFailed: false });
  assertEquals(index.find(0, "1")?.value, "done");
});

Deno.test("JournalIndex: tasks take the places of those that were dropped in order, whatever order those have", () => {
  const order = fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 });
  fc.assert(
    fc.property(order, fc.integer({ min: 0, max: 5 }), (dropped, cut) => {
      const index = new Index();
      index.begin({ rerunFailed: false });
      index.noteSent({ sent: 0, function: 0, args: [1, 1, 1, 1, 1] });
      index.noteDropped({ dropped: dropped.slice(0, cut) });
      index.noteDropped({ dropped: dropped.slice(cut) });
      index.noteSent({ sent: 5, function: 0, args: [1, 1, 1, 1, 1] });
      const values = [5, 6, 7, 8, 9];
      index.noteOutcomes(fulfilled(5, values));
      index.begin({ rerunFailed: false });
      assertEquals(values.map(() => index.find(0, "1")?.value), values);
    }),
  );
});

Deno.test("JournalIndex: numbers of tasks, and what was dropped, belong to one run", () => {
  const index = new Index();
  index.begin({ rerunFailed: false });
  index.noteSent({ sent: 0, function: 0, args: [1, 1] });
  index.noteDropped({ dropped: [1] });
  index.begin({ rerunFailed: false });
  index.noteOutcomes(fulfilled(0, ["of no task"]));
  index.noteSent({ sent: 3, function: 0, args: [1, 1] });
  index.noteOutcomes(fulfilled(3, ["a", "b"]));
  index.begin({ rerunFailed: false });
  assertEquals([1, 2, 3].map(() => index.find(0, "1")?.value), ["a", "b", undefined]);
});

Deno.test("JournalIndex: an outcome whose task is not known, since somebody removed a line, is passed over", () => {
  const index = new Index();
  index.begin({ rerunFailed: false });
  index.noteOutcomes(fulfilled(0, [1, 2]));
  index.noteDropped({ dropped: [0, 7] });
  assertEquals(index.isEmpty, true);
});
