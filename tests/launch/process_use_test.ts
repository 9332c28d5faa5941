import { assert, assertEquals } from "@std/assert";
import { processUse } from "../../lib/launch/process_use.ts";
import { skipIf } from "../support/skip.ts";

const notLinux = Deno.build.os === "linux" ? undefined : "there is no /proc";

Deno.test(skipIf(notLinux, "processUse: tells memory and processor time of a process"), () => {
  const { memoryBytes, cpuMs } = processUse(Deno.pid);
  assert(memoryBytes! > 10e6 && memoryBytes! < 100e9, `${memoryBytes}`);
  assert(cpuMs! >= 10 && cpuMs! < 3_600_000, `${cpuMs}`);
});

Deno.test("processUse: knows nothing of a process that is not there", () => {
  assertEquals(processUse(undefined), { memoryBytes: undefined, cpuMs: undefined });
});
