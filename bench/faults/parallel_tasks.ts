/** Computes for 50 ms; one of the tasks has a fault, and notes when. */
export function work(i: number, fault: string, folder: string): unknown {
  if (fault === "orphans") {
    Deno.writeTextFileSync(`${folder}/${Deno.pid}`, "");
    for (;;);
  }
  if (i === 3) {
    Deno.writeTextFileSync(`${folder}/fault-${Deno.pid}`, String(Date.now()));
    if (fault === "throws") throw new Error("on purpose");
    if (fault === "exits 1") Deno.exit(1);
    if (fault === "SIGKILL") Deno.kill(Deno.pid, "SIGKILL");
    if (fault === "SIGSTOP") Deno.kill(Deno.pid, "SIGSTOP");
    if (fault === "uncloneable result") return () => {};
    if (fault === "endless loop") { for (;;); }
    const all: number[][] = [];
    for (;;) all.push(new Array(10_000).fill(1.5));
  }
  const end = performance.now() + 50;
  while (performance.now() < end);
  return i;
}
