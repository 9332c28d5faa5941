import type { ContextPort, SlavePort } from "../../lib/master/board/ports.ts";

/** A slave that does nothing. */
export const IDLE_SLAVE: SlavePort = {
  run: () => {},
  recall: () => {},
  flush: () => {},
  restart: () => {},
  dismiss: () => {},
};

/** A context that nobody reads, and that has no source. */
export const IDLE_CONTEXT: ContextPort = {
  noteSent: () => {},
  deliver: () => {},
  pull: () => {},
  wake: () => {},
};
