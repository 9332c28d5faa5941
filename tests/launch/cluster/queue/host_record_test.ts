import { assertEquals } from "@std/assert";
import { HostRecord } from "../../../../lib/launch/cluster/queue/host_record.ts";

/** A record of what happened: `+a` is an agent that was brought on host a, `-a` a job that could not. */
function recordOf(happened: string): HostRecord {
  const record = new HostRecord();
  for (const [sign, ...host] of happened.split(" ")) {
    if (sign === "+") record.served(host.join(""));
    else record.failed(host.join(""));
  }
  return record;
}

for (
  const [happened, isBad] of [
    ["+a -b -b", false],
    ["+a -b -b -b", true],
    ["-b -b -b +a", true],
    ["+a -b -b +b -b", false],
    // No other host is known: there may be better ones.
    ["-b -b -b", true],
    // What is wrong is wrong everywhere.
    ["-a -b -b -b", false],
    ["+a -b.example.org -B -b", true],
  ] as const
) {
  Deno.test(`HostRecord: after ${happened} host b is ${isBad ? "" : "not "}bad`, () => {
    assertEquals(recordOf(happened).isBad("b"), isBad);
  });
}
