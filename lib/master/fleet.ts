/**
 * The slaves of a manager: launches them, knows which process is whose, and replaces or gives up those that end.
 *
 * @module
 */

import { NetworkError } from "../errors.ts";
import type { ProcessEnd, SlaveProcess } from "../launch/command.ts";
import { openOutputSink } from "../launch/output_sink.ts";
import { type LaunchOrder, Slave } from "../launch/slave.ts";
import type { SlaveArray } from "../launch/slave_array.ts";
import { Watchdog } from "../launch/watchdog.ts";
import {
  type ConnectionInfo,
  type Hello,
  hostAndPort,
  importSecret,
  newSecret,
} from "../wire/handshake.ts";
import type { MessageStream } from "../wire/message_stream.ts";
import type { ToMaster } from "../wire/messages.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import { DispatchSlave } from "./dispatch_slave.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { ManagerEventBody } from "./events.ts";
import { permissionFlags } from "./permissions.ts";
import { Reception } from "./reception.ts";
import { Session } from "./session.ts";
import type { ManagerSettings } from "./settings.ts";
import { SlaveSlot } from "./slave_slot.ts";

const SLAVE_PROGRAM = new URL("../../slave.ts", import.meta.url).href;
const LOOPBACK = "127.0.0.1";
/** How long an idle slave may take to end by itself when its connection is closed. */
const END_GRACE_MS = 1000;
/** How long a connection may outlive its process, or a process its connection, before the other is ended too. */
const PARTING_GRACE_MS = 2000;

/** What a fleet needs of its manager. */
export interface FleetOptions {
  readonly settings: ManagerSettings;
  readonly dispatcher: Dispatcher;
  /** Modules that tasks are known to come from. */
  readonly modules: ReadonlySet<string>;
  contextOf(number: number): DispatchContext | undefined;
  /** Called when something has been told to the dispatcher. */
  onNews(nowMs: number): void;
  emit(event: ManagerEventBody): void;
}

/** The slaves of one manager. */
export class Fleet implements AsyncDisposable {
  readonly #options: FleetOptions;
  readonly #secret = newSecret();
  readonly #key = importSecret(this.#secret);
  readonly #slots: SlaveSlot[] = [];
  readonly #bySlave = new Map<DispatchSlave, SlaveSlot>();
  readonly #sources = new Map<SlaveSlot, Slave | SlaveArray>();
  #waiting: { source: Slave | SlaveArray; slots: SlaveSlot[] }[] = [];
  readonly #watches = new Set<Promise<void>>();
  #reception: Reception | undefined;
  #watchdog: Watchdog | undefined;
  #isClosing = false;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Adds a slave, or all slaves of an array. {@linkcode Fleet.launch} starts them. */
  add(source: Slave | SlaveArray): void {
    if (source.isRemote) {
      throw new TypeError(
        `Cannot add a ${source.kind}: slaves on other machines are not supported yet`,
      );
    }
    const count = source instanceof Slave ? 1 : source.count;
    const slots: SlaveSlot[] = [];
    for (let i = 0; i < count; i++) {
      const number = this.#slots.length;
      const slot = new SlaveSlot(
        new DispatchSlave({ number, name: `${source.kind} ${number}`, host: "" }),
      );
      this.#slots.push(slot);
      this.#bySlave.set(slot.slave, slot);
      this.#sources.set(slot, source);
      this.#options.dispatcher.addSlave(slot.slave);
      slots.push(slot);
    }
    this.#waiting.push({ source, slots });
  }

  /**
   * Starts the slaves that have been added and not been started.
   *
   * @throws {NetworkError} If there is no address to listen on.
   */
  launch(): void {
    if (this.#waiting.length === 0) return;
    this.#reception ??= this.#listen();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { source, slots } of waiting) this.#watch(this.#launchAll(source, slots));
  }

  /** The connection to a slave that serves. */
  sessionOf(slave: DispatchSlave): Session | undefined {
    return this.#bySlave.get(slave)?.session;
  }

  /** Tells the slaves that a context has no more tasks. */
  forget(context: DispatchContext): void {
    for (const { session } of this.#slots) session?.forget(context);
  }

  /** Ends the process of a slave and starts it anew. */
  restart(slave: DispatchSlave, reason: string): void {
    const slot = this.#bySlave.get(slave)!;
    slot.replacement = reason;
    slot.session?.[Symbol.dispose]();
    slot.process?.kill();
  }

  /** Why no slave is left, in words. */
  describeLosses(): string {
    const lost = this.#slots.filter(({ slave }) => slave.state.state === "lost");
    const last = lost.at(-1)?.slave;
    if (last?.state.state !== "lost") {
      return "Cannot run tasks: the manager has no slaves. Add some with Manager.addSlave(new LocalSlave())";
    }
    const which = lost.length === 1
      ? "the only slave is lost"
      : `all ${lost.length} slaves are lost`;
    return `Cannot run tasks: ${which} (last: ${last.identity.name}, ${last.state.reason}). ` +
      "Look into their output, or add slaves with Manager.addSlave()";
  }

  /** Ends all slaves and stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    this.#reception?.[Symbol.dispose]();
    await Promise.all(this.#slots.map((slot) => this.#end(slot)));
    while (this.#watches.size > 0) await Promise.all(this.#watches);
    await this.#watchdog?.[Symbol.asyncDispose]();
    for (const { output } of this.#slots) await output?.[Symbol.asyncDispose]();
  }

  #listen(): Reception {
    const { settings, emit } = this.#options;
    const hostname = settings.host ?? LOOPBACK;
    try {
      return new Reception({
        hostname,
        port: settings.port,
        key: this.#key,
        admit: (hello, stream) => this.#admit(hello, stream as MessageStream<ToMaster>),
        warn: (message) => emit({ type: "warning", message }),
      });
    } catch (cause) {
      throw new NetworkError(listenFailure(hostname, settings.port, cause), { cause });
    }
  }

  async #launchAll(source: Slave | SlaveArray, slots: readonly SlaveSlot[]): Promise<void> {
    try {
      const orders = slots.map((slot) => this.#order(slot));
      const processes = source instanceof Slave
        ? [await source.launch(orders[0])]
        : await source.launch(orders);
      for (let i = 0; i < slots.length; i++) this.#started(slots[i], processes[i]);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      for (const slot of slots) this.#died(slot, reason, true);
    }
  }

  #order(slot: SlaveSlot): LaunchOrder {
    const { settings } = this.#options;
    slot.output ??= openOutputSink(settings.output, slot.number);
    slot.output.clearTail();
    slot.state = { state: "launching" };
    slot.replacement = undefined;
    const info: ConnectionInfo = {
      hosts: [settings.host ?? LOOPBACK],
      port: this.#reception!.port,
      secret: this.#secret,
      role: "runner",
      slave: slot.number,
      launch: slot.launches++,
    };
    return {
      number: slot.number,
      command: this.#command(info),
      connection: JSON.stringify(info) + "\n",
      output: slot.output,
    };
  }

  #command({ hosts, port }: ConnectionInfo): string[] {
    const { settings, modules } = this.#options;
    const master = hosts.map((host) => hostAndPort(host, port));
    return [
      ...settings.deno,
      "run",
      "--quiet",
      ...(settings.config === undefined ? ["--no-config"] : ["--config", settings.config]),
      ...permissionFlags(settings.permissions, { master, program: SLAVE_PROGRAM, modules }),
      SLAVE_PROGRAM,
    ];
  }

  #started(slot: SlaveSlot, process: SlaveProcess): void {
    const { settings, emit } = this.#options;
    const connectTimer = setTimeout(() => process.kill(), settings.connectTimeoutMs);
    Deno.unrefTimer(connectTimer);
    slot.state = { state: "running", process, connectTimer };
    emit({ type: "slave-started", slave: slot.slave.identity, process: process.name });
    this.#watch(this.#watchProcess(slot, process));
    // The manager was closed, or the slave was to be started anew, while this was under way.
    if (this.#isClosing || slot.replacement !== undefined) process.kill();
  }

  /** Keeps a promise until it is done, so that closing can wait for it. It must not fail. */
  #watch(promise: Promise<void>): void {
    this.#watches.add(promise);
    promise.finally(() => this.#watches.delete(promise));
  }

  #admit(hello: Hello, stream: MessageStream<ToMaster>): string | undefined {
    const slot = this.#slots[hello.slave];
    if (slot?.state.state !== "running" || hello.launch !== slot.launches - 1) {
      return `The manager does not expect slave ${hello.slave}, launch ${hello.launch}`;
    }
    const { process, connectTimer } = slot.state;
    const { dispatcher, contextOf, onNews, emit } = this.#options;
    clearTimeout(connectTimer);
    const session = new Session(stream, { slave: slot.slave, dispatcher, contextOf, onNews });
    slot.state = { state: "connected", process, session, pid: hello.pid };
    slot.slave.identity = { ...slot.slave.identity, host: hello.host };
    this.#guard(process, hello.pid);
    this.#watch(this.#watchSession(process, session));
    emit({ type: "slave-connected", slave: slot.slave.identity });
    const nowMs = performance.now();
    dispatcher.slaveConnected(slot.slave, nowMs);
    onNews(nowMs);
    return undefined;
  }

  /** Has the process killed if the master is. Not for one on another machine, whose id means nothing here. */
  #guard(process: SlaveProcess, pid: number): void {
    if (process.pid === undefined) return;
    try {
      this.#watchdog ??= new Watchdog(this.#options.settings.deno);
    } catch (error) {
      this.#options.emit({
        type: "warning",
        message: `Slaves may outlive the master if it is killed: ${error}`,
      });
      return;
    }
    this.#watchdog.add(process.pid);
    if (pid !== process.pid) this.#watchdog.add(pid);
  }

  /** A slave that has lost its connection ends, or is ended. */
  async #watchSession(process: SlaveProcess, session: Session): Promise<void> {
    const error = await session.ended;
    if (error !== undefined) process.kill();
    else await settleWithin(process.ended, PARTING_GRACE_MS, () => process.kill());
  }

  /** Waits for the end of a process, and for all that it had sent. */
  async #watchProcess(slot: SlaveSlot, process: SlaveProcess): Promise<void> {
    const end = await process.ended;
    if (slot.process !== process) return;
    const { state } = slot;
    let fault: Error | undefined;
    if (state.state === "connected") {
      fault = await settleWithin(
        state.session.ended,
        PARTING_GRACE_MS,
        () => state.session[Symbol.dispose](),
      );
      if (process.pid !== undefined) this.#watchdog?.remove(process.pid);
      if (state.pid !== process.pid) this.#watchdog?.remove(state.pid);
    } else if (state.state === "running") {
      clearTimeout(state.connectTimer);
    }
    if (this.#isClosing) {
      slot.state = { state: "ended" };
      this.#options.emit({ type: "slave-ended", slave: slot.slave.identity });
    } else if (slot.replacement !== undefined) {
      this.#relaunch(slot, slot.replacement);
    } else {
      this.#died(slot, this.#describeEnd(slot, state.state === "connected", end, fault), false);
    }
  }

  #died(slot: SlaveSlot, reason: string, isFinal: boolean): void {
    const { dispatcher, emit, onNews } = this.#options;
    const next = dispatcher.slaveDied(slot.slave, { reason, isFinal: isFinal || this.#isClosing });
    slot.state = { state: "ended" };
    if (next === "restart") this.#relaunch(slot, reason);
    else if (!this.#isClosing) emit({ type: "slave-lost", slave: slot.slave.identity, reason });
    onNews(performance.now());
  }

  #relaunch(slot: SlaveSlot, reason: string): void {
    this.#options.emit({ type: "slave-restarted", slave: slot.slave.identity, reason });
    slot.state = { state: "waiting" };
    this.#watch(this.#launchAll(this.#sources.get(slot)!, [slot]));
  }

  /** Says how a process ended: `exit code 137 (SIGKILL), output in slave3.output; it printed last: …`. */
  #describeEnd(
    slot: SlaveSlot,
    wasConnected: boolean,
    { code, signal }: ProcessEnd,
    fault: Error | undefined,
  ): string {
    const { target, tail } = slot.output!;
    const parts = [`exit code ${code}${signal === null ? "" : ` (${signal})`}`];
    if (fault !== undefined) parts.unshift(`its connection was closed: ${fault.message}`);
    if (!wasConnected) {
      parts.push(
        `before it connected; the command was ${
          this.#options.settings.deno.join(" ")
        } run … ${SLAVE_PROGRAM}`,
      );
    }
    if (target !== "null" && target !== "inherit") parts.push(`output in ${target}`);
    return parts.join(", ") + (tail === "" ? "" : `; it printed last: ${tail}`);
  }

  /** Ends the process of one slave, because the manager closes. */
  async #end(slot: SlaveSlot): Promise<void> {
    const { process, session } = slot;
    if (process === undefined) return;
    const { state } = slot.slave;
    const isIdle = state.state === "serving" && state.sent.size === 0;
    session?.[Symbol.dispose]();
    if (isIdle) await settleWithin(process.ended, END_GRACE_MS, () => process.kill());
    else process.kill();
    await process.ended;
  }
}

/** Waits for a promise; calls `onTimeout`, which is to bring it about, if that takes too long. */
async function settleWithin<Value>(
  promise: Promise<Value>,
  ms: number,
  onTimeout: () => void,
): Promise<Value> {
  const timer = setTimeout(onTimeout, ms);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

function listenFailure(hostname: string, port: number, cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const where = `${hostname}:${port}`;
  if (cause instanceof Deno.errors.NotCapable) {
    return `Cannot listen for slaves on ${where}: ${message}. Run the master with --allow-net=${hostname}`;
  }
  if (cause instanceof Deno.errors.AddrInUse) {
    return `Cannot listen for slaves on ${where}: the port is in use. Choose another, or leave out the option port to take a free one`;
  }
  return `Cannot listen for slaves on ${where}: ${message}. Set the options host and port of the manager to an address of this machine`;
}
