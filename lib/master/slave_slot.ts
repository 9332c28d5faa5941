import type { SlaveProcess } from "../launch/command.ts";
import type { OutputSink } from "../launch/output_sink.ts";
import type { DispatchSlave } from "./dispatch_slave.ts";
import type { Session } from "./session.ts";

/** What `setTimeout` returns. */
type Timer = ReturnType<typeof setTimeout>;

/** What there is of a slave at the moment. */
export type SlotState =
  /** Waits to be launched. */
  | { readonly state: "waiting" }
  /** Its launch is under way. */
  | { readonly state: "launching" }
  /** Its process runs, and has not connected. */
  | { readonly state: "running"; readonly process: SlaveProcess; readonly connectTimer: Timer }
  | {
    readonly state: "connected";
    readonly process: SlaveProcess;
    readonly session: Session;
    readonly pid: number;
  }
  /** Its process has ended for good. */
  | { readonly state: "ended" };

/** One numbered slave of a manager: the processes that fill it one after another, and where they print. */
export class SlaveSlot {
  readonly slave: DispatchSlave;
  state: SlotState = { state: "waiting" };
  /** How often it has been launched. */
  launches = 0;
  /** Set when the first process is launched. */
  output: OutputSink | undefined;
  /** Why the present process is to be replaced by a new one as soon as it has ended, if it is. */
  replacement: string | undefined;

  constructor(slave: DispatchSlave) {
    this.slave = slave;
  }

  get number(): number {
    return this.slave.identity.number;
  }

  /** The present process, if there is one. */
  get process(): SlaveProcess | undefined {
    return this.state.state === "running" || this.state.state === "connected"
      ? this.state.process
      : undefined;
  }

  /** The connection to the present process, if there is one. */
  get session(): Session | undefined {
    return this.state.state === "connected" ? this.state.session : undefined;
  }
}
