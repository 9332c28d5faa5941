import { assertEquals } from "@std/assert";
import { lastLines } from "../../lib/launch/last_lines.ts";

/** What V8 prints when an address cannot be reserved, as Deno 2.8.0 has it. */
const FATAL = `
#
# Fatal process out of memory: Oilpan: CagedHeap reservation.
#
==== C stack trace ===============================

    /home/me/.deno/bin/deno(+0x2c6733e) [0x55bdf200e33e]
    /home/me/.deno/bin/deno(+0x2c6632b) [0x55bdf200d32b]
    /lib/x86_64-linux-gnu/libc.so.6(__libc_start_main+0x85) [0x7f812a4a9305]
`;

Deno.test("lastLines: has ten lines at most, without blanks around them", () => {
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`);
  assertEquals(lastLines(`\n  one\ntwo\n\n`), "one\ntwo");
  assertEquals(lastLines(lines.join("\n") + "\n"), lines.slice(20).join("\n"));
  assertEquals(lastLines("begin" + "x".repeat(5000) + "end"), "x".repeat(1997) + "end");
  assertEquals(lastLines(""), "");
});

Deno.test("lastLines: leaves out V8's stack of addresses, and nothing before or behind it", () => {
  const reason = "#\n# Fatal process out of memory: Oilpan: CagedHeap reservation.\n#";
  assertEquals(lastLines(FATAL), reason);
  assertEquals(
    lastLines(`begin\n${FATAL}Trace/breakpoint trap\n`),
    `begin\n\n${reason}\nTrace/breakpoint trap`,
  );
  assertEquals(lastLines(FATAL + FATAL), `${reason}\n${reason}`);
});

Deno.test("lastLines: leaves out the stack that Deno prints with RUST_BACKTRACE", () => {
  const error =
    "error: unexpected argument '--unstable-nothing' found\n\nUsage: deno run [OPTIONS]";
  const stack =
    "Stack backtrace:\n   0: <unknown>\n   1: main\n             at ./csu/start.c:58:16\n";
  assertEquals(lastLines(`${error}\n\n\n${stack}`), error);
});

Deno.test("lastLines: the stack of an error stays", () => {
  const text = "Error: x\n    at f (file:///main.ts:1:2)\n    at file:///main.ts:3:4";
  assertEquals(lastLines(text), text);
});
