import type { JobQueue } from "../../lib/launch/cluster/queue/job_queue.ts";
import type { FakeCommands } from "./grid_fake_commands.ts";
import type { TestClock } from "./test_clock.ts";

/** Has a queue ask its scheduler, and waits until it is to ask again. */
export async function lookOnce(clock: TestClock): Promise<void> {
  await clock.fire();
  await clock.timerSet();
}

/** Closes a queue, and then removes the commands of its scheduler. */
export async function closeQueue(queue: JobQueue, commands: FakeCommands): Promise<void> {
  await queue.deleteJobs([]);
  await queue[Symbol.asyncDispose]();
  await commands[Symbol.asyncDispose]();
}
