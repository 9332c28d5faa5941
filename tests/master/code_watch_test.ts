import { assertEquals } from "@std/assert";
import { CodeWatch } from "../../lib/master/code_watch.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestClock } from "../support/test_clock.ts";

Deno.test("CodeWatch: looks at files once a second while slaves start, and whenever one is started anew", async () => {
  await using folder = new TempFolder();
  const clock = new TestClock();
  const warnings: string[] = [];
  const modules = new Set([folder.write("tasks.ts", "export const x = 1;")]);
  const watch = new CodeWatch(modules, (message) => warnings.push(message), clock);
  /** What is said when a slave starts after a change of the code, of which it tells. */
  const startAfterChange = (name: string, isRestart: boolean) => {
    folder.write("tasks.ts", `export const x = "${name}";`);
    watch.slaveStarted(name, isRestart);
    return warnings.splice(0).map((text) => /run goes on: (.*), which has/.exec(text)?.[1]);
  };
  watch.slaveStarted("slave 0", false);
  assertEquals(startAfterChange("slave 1", false), []);
  clock.pass(999);
  assertEquals(startAfterChange("slave 2", false), []);
  assertEquals(startAfterChange("slave 3", true), ["slave 3"]);
  watch.slaveStarted("slave 4", true);
  assertEquals(warnings, [], "it has been told");
  clock.pass(1000);
  assertEquals(startAfterChange("slave 5", false), ["slave 5"]);
});

Deno.test("CodeWatch: reads a file once for the first slave: with nothing to compare it with, a second time says nothing", async () => {
  await using folder = new TempFolder();
  const modules = new Set([folder.write("tasks.ts", "export const x = 1;")]);
  const watch = new CodeWatch(modules, () => {}, new TestClock());
  const readFile = Deno.readFileSync;
  let reads = 0;
  Deno.readFileSync = (path) => {
    reads++;
    return readFile(path);
  };
  try {
    watch.slaveStarted("slave 0", false);
    assertEquals(reads, 1);
    watch.slaveStarted("slave 0", true);
    assertEquals(reads, 2);
  } finally {
    Deno.readFileSync = readFile;
  }
});

Deno.test("CodeWatch: tells of a name that has come to stand for another version of a package", async () => {
  await using folder = new TempFolder();
  const name = (version: number) =>
    folder.write("deno.json", JSON.stringify({ imports: { k: `npm:two@${version}` } }));
  name(1);
  const warnings: string[] = [];
  const modules = new Set([folder.write("tasks.ts", 'import "k";')]);
  const watch = new CodeWatch(modules, (message) => warnings.push(message), new TestClock());
  watch.slaveStarted("slave 0", false);
  name(2);
  watch.slaveStarted("slave 0", true);
  assertEquals(warnings.map((text) => text.split(": ")[0]), [
    "what the name k stands for changed while the run goes on",
  ]);
});
