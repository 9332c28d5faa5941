import { readdirSync, readFileSync } from "node:fs";

// By a variable: it is installed beside a copy of this file, and not here.
const installed = "piscina";
const { Piscina } = await import(installed);
const [fault, folder] = process.argv.slice(2);
const pool = new Piscina({
  filename: new URL("./piscina_tasks.mjs", import.meta.url).href,
  minThreads: 2,
  maxThreads: 2,
  resourceLimits: { maxOldGenerationSizeMb: 40 },
});
const isTimed = fault === "endless loop";
let noticedAt, told, rest = 0, lastAt = 0;
const tasks = Array.from({ length: 20 }, async (_, i) => {
  // A time limit is the caller's own, and counts from when the task is added.
  const signal = isTimed && i === 3 ? { signal: AbortSignal.timeout(1000) } : {};
  try {
    await pool.run({ i, fault, folder }, signal);
    rest++;
    lastAt = Date.now();
  } catch (error) {
    if (i !== 3) return;
    noticedAt = Date.now();
    told = error.name;
  }
});
const hang = new Promise((resolve) => setTimeout(resolve, 10_000));
await Promise.race([Promise.all(tasks), hang]);
const times = readdirSync(folder).map((name) => Number(readFileSync(`${folder}/${name}`, "utf8")));
const faultAt = Math.min(...times);
console.log(JSON.stringify({
  noticedMs: noticedAt && noticedAt - faultAt,
  restMs: Math.max(0, lastAt - faultAt),
  rest,
  told,
}));
process.exit(0);
