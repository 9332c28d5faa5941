import { assertEquals } from "@std/assert";
import { describeEnd, explainLosses } from "../../../lib/master/slaves/losses.ts";

/** What V8 prints last, as far as the master keeps it, where the heap is full; it has several words for that. */
const HEAP_WORDS = [
  `[4711:0x55a6c42a1000]      397 ms: Mark-Compact (reduce) 58.9 (59.9) -> 58.9 (59.9) MB, pooled: 0.0 MB, 46.21 / 0.00 ms last resort;
#
# Fatal JavaScript out of memory: CALL_AND_RETRY_LAST
#
==== C stack trace ===============================`,
  `[4711:0x55a6c42a1000]      397 ms: Mark-Compact 58.9 (59.9) -> 58.9 (59.9) MB, pooled: 0.0 MB
# Fatal JavaScript out of memory: Reached heap limit`,
  `[4711:0x55a6c42a1000]      397 ms: Mark-Compact 58.9 (59.9) -> 58.9 (59.9) MB, pooled: 0.0 MB
FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory`,
];
const THREAD_WORDS = `============================================================
Deno could not start: unable to create worker threads.

This usually happens when running in a container with a low
PID limit. Try increasing the limit (e.g. --pids-limit=40).`;

const OUTPUT = { file: "slave3.output", tail: "" };

Deno.test("describeEnd: V8's words for a heap that is full become one short sentence", () => {
  for (const tail of HEAP_WORDS) {
    assertEquals(
      describeEnd(
        { code: 133, signal: "SIGTRAP" },
        { ...OUTPUT, tail },
        { command: undefined, fault: undefined },
      ),
      "it ran out of memory: its heap was full with 58 MB, exit code 133 (SIGTRAP), output in slave3.output",
    );
  }
});

Deno.test("describeEnd: V8's words of another program, which a task ran, are no reason", () => {
  assertEquals(
    describeEnd(
      { code: 1, signal: null, tail: HEAP_WORDS[2] },
      OUTPUT,
      { command: undefined, fault: undefined },
    ),
    `exit code 1, output in slave3.output; it printed last: ${HEAP_WORDS[2]}`,
  );
});

Deno.test("describeEnd: a process that could make no threads is told by the limit, also before it has connected", () => {
  const end = { code: 1, signal: null, tail: THREAD_WORDS };
  const beginning = "it reached the limit of processes and threads, see ulimit -u, exit code 1";
  assertEquals(
    describeEnd(end, OUTPUT, { command: undefined, fault: undefined }),
    `${beginning}, output in slave3.output`,
  );
  assertEquals(
    describeEnd(end, OUTPUT, { command: "deno run … slave.ts", fault: undefined }),
    `${beginning}, before it connected; the command was deno run … slave.ts, output in slave3.output`,
  );
});

Deno.test("describeEnd: a limit of address space is told without V8's words, also of a job, whose exit code nobody knows", () => {
  const tail = "#\n# Fatal process out of memory: Oilpan: CagedHeap reservation.\n#";
  const reason = "it ended before its agent connected";
  assertEquals(
    describeEnd({ code: null, signal: null, reason, tail }, { ...OUTPUT, file: undefined }, {
      command: "deno run … slave.ts",
      fault: undefined,
    }),
    `its address space is limited, and Deno reserves about 36 GB of it, whatever it uses, ${reason}`,
  );
});

Deno.test("explainLosses: where a limit ended slaves, more slaves are no remedy", () => {
  const reason = "it reached the limit of processes and threads, see ulimit -u, exit code 1";
  assertEquals(
    explainLosses([{ name: "local slave 0", reason }, { name: "local slave 1", reason }]).message,
    `Cannot run tasks: all 2 slaves are lost (last: local slave 0 to local slave 1, ${reason}). Each slave is a process of ` +
      "several threads: raise ulimit -u, or the limit of the container, or add fewer slaves",
  );
  assertEquals(
    explainLosses([{ name: "local slave 0", reason: "exit code 1" }]).message,
    "Cannot run tasks: the only slave is lost (last: local slave 0, exit code 1). Add slaves with Manager.addSlave()",
  );
});

for (
  const [memoryBytes, text] of [[734_003_200, "734 MB"], [3_940_000_000, "3.9 GB"]] as const
) {
  Deno.test(`describeEnd: what SIGKILL has ended is told with its memory, ${text}`, () => {
    const circumstances = { command: undefined, fault: undefined, memoryBytes };
    assertEquals(
      describeEnd({ code: 137, signal: "SIGKILL" }, OUTPUT, circumstances),
      `exit code 137 (SIGKILL), it last used ${text} of memory, output in slave3.output`,
    );
    const tail = "Killed\nThe agent ended with exit code 137";
    assertEquals(
      describeEnd(
        { code: null, signal: null, reason: "its job has ended", tail },
        OUTPUT,
        circumstances,
      ),
      `its job has ended, it last used ${text} of memory, output in slave3.output; it printed last: ${tail}`,
    );
    assertEquals(
      describeEnd({ code: 1, signal: null }, OUTPUT, circumstances),
      "exit code 1, output in slave3.output",
    );
  });
}
