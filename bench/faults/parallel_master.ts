import { LocalSlave, Manager, remote } from "../../mod.ts";

const { work } = remote<typeof import("./parallel_tasks.ts")>(
  import.meta.resolve("./parallel_tasks.ts"),
);
const [fault, folder] = Deno.args;

let noticedAt: number | undefined;
let told = "";
const notice = (what: string) => {
  noticedAt ??= Date.now();
  told ||= what;
};
await using manager = new Manager({
  output: "null",
  deno: [
    "/bin/sh",
    "-c",
    'run=$1; shift; exec "$0" "$run" --v8-flags=--max-old-space-size=40 "$@"',
    Deno.execPath(),
  ],
  onEvent: (event) => {
    if (event.type === "task-retried") notice("slave started anew");
  },
});
manager.addSlave(new LocalSlave());
manager.addSlave(new LocalSlave());
const isTimed = fault === "endless loop" || fault === "SIGSTOP";
const context = manager.getContext(undefined, isTimed ? { taskTimeoutMs: 1000 } : {});
for (let i = 0; i < 20; i++) context.addTask(work, i, fault, folder);
let rest = 0;
let lastAt = 0;
for await (const outcome of context.getOutcomesUnordered()) {
  if (outcome.status === "rejected") {
    const { reason } = outcome;
    const times = reason.attempts.length;
    notice(reason.name);
    if (times > 0) told += `, RemoteError after ${times} attempts`;
  } else {
    rest++;
    lastAt = Date.now();
  }
}
const times = [...Deno.readDirSync(folder)].map(({ name }) =>
  Number(Deno.readTextFileSync(`${folder}/${name}`))
);
const faultAt = Math.min(...times);
console.log(JSON.stringify({
  noticedMs: noticedAt && noticedAt - faultAt,
  restMs: Math.max(0, lastAt - faultAt),
  rest,
  told,
}));
