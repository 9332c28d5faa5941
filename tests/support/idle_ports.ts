import type { GroupPort, SlavePort } from "../../lib/master/board/ports.ts";

/** A slave that does nothing. */
export const IDLE_SLAVE: SlavePort = {
  run: () => {},
  recall: () => {},
  endContext: () => {},
  flush: () => {},
  restart: () => {},
  recycle: () => {},
  dismiss: () => {},
};

/** A group of tasks that nobody reads, and that has no source. */
export const IDLE_GROUP: GroupPort = {
  deliver: () => {},
  pull: () => {},
  wake: () => {},
};
