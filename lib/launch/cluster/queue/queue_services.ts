import type { Clock } from "../../../clock.ts";
import type { Scheduler } from "../scheduler.ts";
import type { FollowedTasks } from "./followed_tasks.ts";

/** What all parts of a queue share. */
export interface QueueServices {
  readonly scheduler: Scheduler;
  readonly followed: FollowedTasks;
  readonly clock: Clock;
  /** Tells the user something. */
  readonly tell: (message: string) => void;
}
