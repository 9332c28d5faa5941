import type { SlaveProcess } from "../launch/command.ts";
import type { OutputSink } from "../launch/output_sink.ts";
import type { Slave } from "../launch/slave.ts";
import type { SlaveArray } from "../launch/slave_array.ts";
import type { AgentLink } from "./agent_link.ts";
import type { DispatchSlave } from "./dispatch_slave.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Session } from "./session.ts";

/** What `setTimeout` returns. */
type Timer = ReturnType<typeof setTimeout>;

/** What there is of a slave at the moment. */
export type SlotState =
  /** It has not been launched, or is being launched. */
  | { readonly state: "launching" }
  /** The job that is to bring its agent has been submitted, or runs; the agent has not connected. */
  | { readonly state: "queued" }
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
  readonly source: Slave | SlaveArray;
  /** Whether it runs on another machine, started by an agent there. */
  readonly isRemote: boolean;
  state: SlotState = { state: "launching" };
  /** How often it has been launched. */
  launches = 0;
  /** Where its processes connect to; set when the first is launched. */
  endpoint: Endpoint | undefined;
  /** The only modules that the present process can load; any, if that is missing. */
  loadableModules: ReadonlySet<string> | undefined;
  /** Set when the first process is launched. */
  output: OutputSink | undefined;
  /** What brings its agent, such as a job of a scheduler. */
  job: SlaveProcess | undefined;
  /** The connection to its agent. */
  agent: AgentLink | undefined;
  /** Why the present process is to be replaced by a new one as soon as it has ended, if it is. */
  replacement: string | undefined;

  /** Why it is about to be ended by others, if it is. */
  departure: string | undefined;

  constructor(slave: DispatchSlave, source: Slave | SlaveArray, isRemote: boolean) {
    this.slave = slave;
    this.source = source;
    this.isRemote = isRemote;
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
