import { DispatchSlave } from "../../lib/master/board/dispatch_slave.ts";
import type { GroupPort, ProcessPort, SlavePort } from "../../lib/master/board/ports.ts";

/** A slave that does nothing, and its process. */
export const IDLE_SLAVE: SlavePort & ProcessPort = {
  run: () => {},
  recall: () => {},
  endContext: () => {},
  flush: () => {},
  restart: () => {},
  recycle: () => {},
  dismiss: () => {},
};

/** A slave that does this, and nothing else. Its port is that of its process as well. */
export function slaveWith(
  number: number,
  port: Partial<SlavePort & ProcessPort>,
  array?: object,
): DispatchSlave {
  const identity = { number, name: `slave ${number}`, host: "" };
  return new DispatchSlave(identity, { ...IDLE_SLAVE, ...port }, array);
}

/** The process of a slave whose port is that of its process as well. */
export function processOf({ port }: DispatchSlave): ProcessPort {
  return port as SlavePort & ProcessPort;
}

/** A group of tasks that nobody reads, and that has no source. */
export const IDLE_GROUP: GroupPort = {
  deliver: () => {},
  pull: () => {},
  wake: () => {},
};
