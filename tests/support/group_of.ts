import { DispatchContext, type RetryPolicy } from "../../lib/master/board/dispatch_context.ts";
import { DispatchGroup } from "../../lib/master/board/dispatch_group.ts";
import type { GroupPort } from "../../lib/master/board/ports.ts";
import type { Code } from "../../lib/task.ts";
import { IDLE_GROUP } from "./idle_ports.ts";

/** What the group of a context of its own is like. */
export interface GroupOptions {
  readonly startup?: Code;
  readonly retries?: RetryPolicy;
  readonly taskTimeoutMs?: number;
}

/** The only group of a context. */
export function groupOf(
  number: number,
  port: GroupPort = IDLE_GROUP,
  { taskTimeoutMs, ...options }: GroupOptions = {},
): DispatchGroup {
  return new DispatchGroup(new DispatchContext(number, options), port, taskTimeoutMs);
}
