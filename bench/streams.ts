import type { Contestant } from "./contestant.ts";
import type { Figures, WorkOf } from "./work.ts";

/** As many as it takes until everything is compiled that is worth it. */
const WARM_UP_TASKS = 100_000;

/** No-op tasks whose argument is a number, or an object. */
export function noops(
  tasks: number,
  chunk = 1,
  rounds = 1,
  payload: WorkOf<"stream">["payload"] = "index",
): WorkOf<"stream"> {
  const whole = Math.max(1, Math.round(tasks / chunk)) * chunk;
  const warmUpTasks = Math.ceil(Math.min(WARM_UP_TASKS, whole * rounds) / chunk) * chunk;
  return { kind: "stream", tasks: whole, warmUpTasks, rounds, chunk, micros: 0, payload };
}

/** The rate of a stream; tasks in a chunk count one by one. */
export function tasksPerSecond({ seconds }: Figures, { work }: Contestant): number {
  const { tasks, rounds = 1 } = work as WorkOf<"stream">;
  return tasks * rounds / seconds;
}
