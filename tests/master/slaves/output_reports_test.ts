import { assertEquals } from "@std/assert";
import type { SlaveIdentity } from "../../../lib/errors.ts";
import { Hub } from "../../../lib/master/observe/hub.ts";
import { OutputReports } from "../../../lib/master/slaves/output_reports.ts";

function slave(number: number): SlaveIdentity {
  return { number, name: `slave ${number}`, host: "" };
}

/** What is told of each event: the file of a slave that prints, or a warning. */
function told(report: (reports: OutputReports) => void): string[] {
  const lines: string[] = [];
  const hub = new Hub();
  hub.subscribe({
    wantsTasks: false,
    tell(event): void {
      if (event.type === "slave-printed") lines.push(`${event.slave.name}: ${event.file}`);
      if (event.type === "warning") lines.push(event.message);
    },
  });
  report(new OutputReports(hub));
  hub.flush();
  return lines;
}

Deno.test("OutputReports: tells of each slave's file, and once that files are shared", () => {
  const lines = told((reports) => {
    reports.tell(slave(0), "0.txt", { type: "output-begun", isShared: false });
    for (const number of [1, 2]) {
      reports.tell(slave(number), `${number}.txt`, { type: "output-begun", isShared: true });
    }
  });
  assertEquals(lines, [
    "slave 0: 0.txt",
    "slave 1: 1.txt",
    "Another run, or another manager of this script, writes 1.txt as well: what slaves of both print is mixed there. " +
    'Give each manager an option output of its own, such as "first/slave%d.output"',
    "slave 2: 2.txt",
  ]);
});

Deno.test("OutputReports: tells each reason of a failure once, whichever slaves it befalls", () => {
  const lines = told((reports) => {
    for (let i = 0; i < 3; i++) {
      reports.tell(slave(i), `${i}.txt`, { type: "output-failed", reason: "No space left" });
    }
    reports.tell(slave(0), "inherit", { type: "output-failed", reason: "Broken pipe" });
  });
  const then = "Tasks go on; what slaves print is lost until it can be written";
  assertEquals(lines, [
    `Cannot write what slave 0 prints to 0.txt: No space left. ${then}`,
    `Cannot write what slave 0 prints to standard error: Broken pipe. ${then}`,
  ]);
});
