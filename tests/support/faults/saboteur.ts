import type { ConnectionInfo } from "../../../lib/wire/handshake.ts";
import type { Fault, FaultPlan, Moment } from "./fault_plan.ts";

/** Of a large result this much leaves before the fault. */
const BEGINNING_BYTES = 64 * 1024;
/** More than a pipe holds. */
const PRINTED_BYTES = 200_000;
const GARBAGE = new Uint8Array(100).fill(0xab);
/** The head of a frame of 1,000 bytes, and of its text the first byte. */
const HALF_FRAME = new Uint8Array([0xe8, 3, 0, 0, 0xe0, 3, 0, 0, 0, 0, 0, 0, 91]);
/** Tells the test that it happens now. */
const STRIKE = new TextEncoder().encode("!");

declare global {
  /** The saboteur of this process, for its tasks. */
  var saboteur: Saboteur;
}

/** Does in a slave's process what a plan says, when the moment has come. */
export class Saboteur {
  readonly #plan: FaultPlan;
  readonly #control: Deno.TcpConn;
  /** Writes to the master, past what is done wrong here. */
  #write: (bytes: Uint8Array) => Promise<number> = () => Promise.reject(new Error("not connected"));
  #isArmed: boolean;
  #isLargeResultDue = false;
  #isSilent = false;

  private constructor(plan: FaultPlan, control: Deno.TcpConn, isArmed: boolean) {
    this.#plan = plan;
    this.#control = control;
    this.#isArmed = isArmed;
  }

  /** Tells the test of this process, and begins to watch its connection to the master. */
  static async enter(plan: FaultPlan, { slave, launch }: ConnectionInfo): Promise<Saboteur> {
    const control = await Deno.connect({ hostname: "127.0.0.1", port: plan.port });
    const isArmed = plan.isEverywhere || (slave === 0 && launch === 0);
    const saboteur = new Saboteur(plan, control, isArmed);
    globalThis.saboteur = saboteur;
    await control.write(new TextEncoder().encode(JSON.stringify({ slave, launch })));
    saboteur.#watchConnections();
    saboteur.#obey();
    return saboteur;
  }

  /**
   * Says that a moment has come.
   *
   * @returns What a task or startup is to return instead of its value, if that is what is wrong.
   */
  async reach(moment: Moment): Promise<unknown> {
    if (!this.#isArmed || this.#plan.moment !== moment) return undefined;
    // In the place of the hello, when there is a connection to write it to.
    if (moment === "before hello" && this.#plan.fault.includes("frame")) return undefined;
    this.#isArmed = this.#plan.isEverywhere;
    if (moment === "while sending a large result") return await this.#spoilResult();
    return await this.#strike();
  }

  /** The fault itself. */
  async #strike(): Promise<unknown> {
    await this.#control.write(STRIKE);
    const { fault } = this.#plan;
    switch (fault) {
      case "throws":
        throw new Error("thrown on purpose");
      case "exits 0":
        return Deno.exit(0);
      case "exits 1":
        return Deno.exit(1);
      case "SIGKILL":
        return Deno.kill(Deno.pid, "SIGKILL");
      case "SIGSTOP":
        return Deno.kill(Deno.pid, "SIGSTOP");
      case "out of memory":
        return fillMemory();
      case "endless loop":
        for (;;);
      case "uncloneable result":
        return () => {};
      case "half a frame, then silence":
        await this.#write(HALF_FRAME);
        this.#isSilent = true;
        return await new Promise(() => {});
      case "garbage frame":
        await this.#write(GARBAGE);
        return await new Promise(() => {});
      case "prints to a full disk":
        console.log("x".repeat(PRINTED_BYTES));
        console.error("x".repeat(PRINTED_BYTES));
        return undefined;
      case "out of files":
        return openAllFiles();
      default:
        return fault satisfies never;
    }
  }

  /** Arms what leaves next, or makes the result such that it cannot leave. */
  async #spoilResult(): Promise<unknown> {
    const { fault } = this.#plan;
    if (fault !== "uncloneable result" && fault !== "throws") {
      this.#isLargeResultDue = true;
      return undefined;
    }
    await this.#control.write(STRIKE);
    if (fault === "uncloneable result") return () => {};
    return {
      get broken(): never {
        throw new Error("thrown on purpose");
      },
    };
  }

  /** An idle process fails when the test says so. */
  async #obey(): Promise<void> {
    await this.#control.read(new Uint8Array(1));
    // As from code that a task has left behind.
    setTimeout(() => this.reach("idle"));
  }

  #watchConnections(): void {
    const connect = Deno.connect;
    Deno.connect = (async (options: Deno.ConnectOptions) => {
      const connection = await connect(options);
      const { port } = connection.remoteAddr;
      return port === this.#plan.port || !this.#isMaster(options)
        ? connection
        : this.#watch(connection);
    }) as typeof Deno.connect;
    const startTls = Deno.startTls;
    Deno.startTls = async (connection, options) => this.#watch(await startTls(connection, options));
  }

  /** Tasks have connections of their own. */
  #isMaster(options: Deno.ConnectOptions): boolean {
    return "signal" in options;
  }

  #watch<Connection extends Deno.Conn>(connection: Connection): Connection {
    const write = connection.write.bind(connection);
    this.#write = write;
    connection.write = (bytes) => this.#intercept(bytes, write);
    return connection;
  }

  #intercept(bytes: Uint8Array, write: (bytes: Uint8Array) => Promise<number>): Promise<number> {
    if (this.#isSilent) return new Promise(() => {});
    const { fault, moment } = this.#plan;
    if (moment === "before hello" && this.#isArmed && !isSurvived(fault)) {
      this.#isArmed = this.#plan.isEverywhere;
      return this.#strike() as Promise<never>;
    }
    if (!this.#isLargeResultDue) return write(bytes);
    if (this.#plan.fault === "garbage frame") return this.#strike() as Promise<never>;
    return bytes.length > BEGINNING_BYTES ? this.#cutOff(bytes, write) : write(bytes);
  }

  async #cutOff(
    bytes: Uint8Array,
    write: (bytes: Uint8Array) => Promise<number>,
  ): Promise<number> {
    await write(bytes.subarray(0, BEGINNING_BYTES));
    if (isSurvived(this.#plan.fault)) {
      this.#isLargeResultDue = false;
      await this.#strike();
      return BEGINNING_BYTES;
    }
    if (this.#plan.fault !== "half a frame, then silence") return await this.#strike() as never;
    await this.#control.write(STRIKE);
    return await new Promise(() => {});
  }
}

/** Whether the process goes on with what it was about. */
function isSurvived(fault: Fault): boolean {
  return fault === "prints to a full disk" || fault === "out of files";
}

/** Takes all files that the process may have, for ever. */
function openAllFiles(): void {
  try {
    for (;;) files.push(Deno.openSync("/dev/null"));
  } catch (error) {
    if (Reflect.get(error as Error, "code") !== "EMFILE") throw error;
  }
}

const files: Deno.FsFile[] = [];

function fillMemory(): never {
  const all: number[][] = [];
  for (;;) all.push(new Array(10_000).fill(1.5));
}
