// deno-lint-ignore-file explicit-module-boundary-types -- run by node as it is
import { writeFileSync } from "node:fs";

/** Computes for 50 ms; one of the tasks has a fault, and notes when. */
export default function work({ i, fault, folder }) {
  if (fault === "orphans") {
    writeFileSync(`${folder}/${process.pid}`, "");
    for (;;);
  }
  if (i === 3) {
    writeFileSync(`${folder}/fault-${Date.now()}`, String(Date.now()));
    if (fault === "throws") throw new Error("on purpose");
    if (fault === "exits 1") process.exit(1);
    if (fault === "SIGKILL") process.kill(process.pid, "SIGKILL");
    if (fault === "SIGSTOP") process.kill(process.pid, "SIGSTOP");
    if (fault === "uncloneable result") return () => {};
    if (fault === "endless loop") { for (;;); }
    const all = [];
    for (;;) all.push(new Array(10_000).fill(1.5));
  }
  const end = performance.now() + 50;
  while (performance.now() < end);
  return i;
}
