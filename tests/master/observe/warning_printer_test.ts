import { assertEquals } from "@std/assert";
import type { ManagerEvent, SlaveIdentity } from "../../../mod.ts";
import { WarningPrinter } from "../../../lib/master/observe/warning_printer.ts";

/** Other slaves are left. */
const SLAVES = { areAllLost: false };

/** What is printed to standard error while events are told and one turn later. */
async function printed(
  tell: (printer: WarningPrinter) => void,
  slaves = SLAVES,
): Promise<string[]> {
  const lines: string[] = [];
  const { error } = console;
  console.error = (line: string) => lines.push(line);
  try {
    tell(new WarningPrinter(slaves));
    await Promise.resolve();
  } finally {
    console.error = error;
  }
  return lines;
}

function slave(number: number): SlaveIdentity {
  return { number, name: `slave ${number}`, host: "" };
}

function lost(number: number, reason: string): ManagerEvent {
  return { timeMs: 0, type: "slave-lost", slave: slave(number), reason };
}

function restarted(reason: string, isAsked: boolean): ManagerEvent {
  return {
    timeMs: 0,
    type: "slave-restarted",
    slave: slave(0),
    reason,
    isAsked,
    hasDied: !isAsked,
  };
}

Deno.test("WarningPrinter: prints losses, restarts and warnings, and nothing else", async () => {
  const lines = await printed((printer) => {
    printer.tell({ timeMs: 0, type: "slave-connected", slave: slave(0) });
    printer.tell(restarted("exit code 1", false));
    printer.tell(lost(0, "exit code 2"));
    printer.tell({ timeMs: 0, type: "warning", message: "The disk is full" });
  });
  assertEquals(lines, [
    "parallel: slave 0 is started anew: exit code 1",
    "parallel: slave 0 is lost: exit code 2",
    "parallel: The disk is full",
  ]);
});

Deno.test("WarningPrinter: does not print that a slave is started anew since the user gave its task up", async () => {
  const lines = await printed((printer) => {
    printer.tell(restarted("its task was cancelled", true));
    printer.tell(restarted("its task ran out of time", false));
  });
  assertEquals(lines, ["parallel: slave 0 is started anew: its task ran out of time"]);
});

function printedTo(file: string, number: number): ManagerEvent {
  return { timeMs: 0, type: "slave-printed", slave: slave(number), file };
}

Deno.test("WarningPrinter: names the file of the slave that prints first, and no file twice", async () => {
  const lines = await printed((printer) => {
    for (let i = 3; i < 6; i++) printer.tell(printedTo(`slave${i}.txt`, i));
    new WarningPrinter(SLAVES).tell(printedTo("slave3.txt", 3));
    new WarningPrinter(SLAVES).tell(printedTo("other/slave3.txt", 3));
  });
  assertEquals(lines, [
    "parallel: slaves print to files, such as slave3.txt (slave 3)",
    "parallel: slaves print to files, such as other/slave3.txt (slave 3)",
  ]);
});

Deno.test("WarningPrinter: goes on where nothing can be printed", async () => {
  const { error } = console;
  console.error = () => {
    throw new Error("No space left on device");
  };
  try {
    const printer = new WarningPrinter(SLAVES);
    for (let i = 0; i < 2; i++) printer.tell(lost(i, "refused"));
    printer.tell(printedTo("full.txt", 0));
    await Promise.resolve();
  } finally {
    console.error = error;
  }
});

Deno.test("WarningPrinter: slaves that are lost together for one reason are two lines", async () => {
  const lines = await printed((printer) => {
    for (let i = 0; i < 100; i++) printer.tell(lost(i, "refused"));
    for (let i = 100; i < 102; i++) printer.tell(lost(i, "exit code 1"));
    printer.tell(lost(102, "exit code 2"));
  });
  assertEquals(lines, [
    "parallel: slave 0 is lost: refused",
    "parallel: 99 more slaves are lost for the same reason",
    "parallel: slave 100 is lost: exit code 1",
    "parallel: another slave is lost for the same reason",
    "parallel: slave 102 is lost: exit code 2",
  ]);
});

Deno.test("WarningPrinter: the losses after which no slave is left are not printed: an error tells them", async () => {
  const slaves = { areAllLost: false };
  const lines = await printed((printer) => {
    printer.tell(lost(0, "exit code 1"));
    printer.tell({ timeMs: 0, type: "warning", message: "The disk is full" });
    for (let i = 1; i < 4; i++) printer.tell(lost(i, "refused"));
    slaves.areAllLost = true;
  }, slaves);
  assertEquals(lines, ["parallel: slave 0 is lost: exit code 1", "parallel: The disk is full"]);
});

Deno.test("WarningPrinter: of many slaves that are started anew for the same reason one is named", async () => {
  const reason = "its host is silent";
  const lines = await printed((printer) => {
    for (let number = 0; number < 3; number++) {
      printer.tell({ ...restarted(reason, false), slave: slave(number) } as ManagerEvent);
    }
    printer.tell(lost(3, reason));
  });
  assertEquals(lines, [
    "parallel: slave 0 is started anew: its host is silent",
    "parallel: 2 more slaves are started anew for the same reason",
    "parallel: slave 3 is lost: its host is silent",
  ]);
});
