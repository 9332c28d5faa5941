/**
 * Starts and ends processes. Only this module uses `Deno.Command`.
 *
 * @module
 */

import { type Clock, setPatience, SYSTEM_CLOCK } from "../clock.ts";
import { messageOf } from "../message_of.ts";
import { permissionRemedy } from "../slave_program.ts";
import type { LeaveSignals } from "../wire/messages.ts";
import type { LaunchOrder } from "./slave.ts";

/** How a process ended. */
export interface ProcessEnd {
  /** Its exit code; 128 and the signal's number if a signal ended it; `null` if nobody knows. */
  readonly code: number | null;
  /** The signal that ended it; `null` if none did, or nobody knows. */
  readonly signal: string | null;
  /** What else is known about its end, such as a scheduler's reason. */
  readonly reason?: string;
  /** Where it ran, if a scheduler has said so. */
  readonly host?: string;
  /** Its last output, if this did not go to the sink of the slave's output. */
  readonly tail?: string;
  /**
   * Whether a scheduler ended it, because of a limit, for another job or with its node, and not its user or a fault: then a job array
   * submits another while there is work. Missing if nobody knows: then the task that ran may be to blame.
   */
  readonly isTakenAway?: boolean;
  /** Whether another try may succeed soon; see {@linkcode SlaveProcess.renew}. */
  readonly mayPass?: boolean;
}

/** The state of a process that has not ended, according to its scheduler. */
export type ProcessStanding = "queued" | "running" | "suspended";

/**
 * What was started for a slave: its process or, on another machine, the program or job that brings an agent, which starts the slave's
 * process.
 */
export interface SlaveProcess {
  /** Which process it is, for messages: `process 4711`. */
  readonly name: string;
  /** Its process id on this machine, if it has one. Everything in the process group of this id ends with the process. */
  readonly pid?: number;
  /** Resolves when the process runs, if a scheduler may keep it waiting. Never rejects. */
  readonly started?: Promise<void>;
  /** Why its scheduler keeps it waiting now; missing if it does not wait, or nobody knows. */
  readonly waitReason?: string;
  /** Which limit ended it, as a clause, if its scheduler announced its end and nobody had deleted it. */
  readonly limit?: string;
  /** How many milliseconds after its start a scheduler ends it, if that is known. */
  readonly timeLimitMs?: number;
  /** How a scheduler announces the end of a slave on another machine; missing if it does not. After that the slave takes no tasks. */
  readonly leaveSignals?: LeaveSignals;
  /**
   * Resolves when the process itself has ended: its children may still run, and print. Never rejects. By default it resolves when
   * {@linkcode SlaveProcess.ended} does.
   */
  readonly exited?: Promise<unknown>;
  /** Resolves when the process has ended and all that it printed has been taken. Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /**
   * Starts a new process in place of this one to bring an agent, and returns it. Called when the agent has gone, and when this process has
   * ended before its agent connected: for a reason that may pass, or while bringing back an agent that has gone. Never throws. Without it,
   * slaves of a process are lost with their agent.
   */
  renew?(): SlaveProcess;
  /** Where its slaves find the master, if not at the master's own addresses, as with a tunnel. */
  readonly masterAt?: { readonly hosts: readonly string[]; readonly port: number };
  /** Told that the agent has connected from a host with that name, or is heard again. */
  served?(host: string): void;
  /** Told that the agent is no longer heard. */
  missed?(): void;
  /**
   * Asks the scheduler about the process now, and not at the next regular time. The promise, if there is one, resolves when that has been
   * answered, or cannot be answered. Never rejects.
   */
  hurry?(): void | Promise<void>;
  /**
   * Reports each change of the process's standing, according to the scheduler. A process that is `queued` after it ran was ended, and its
   * scheduler will start it again. One that is `suspended` is late, however long it is silent. Call this once.
   */
  onStanding?(tell: (standing: ProcessStanding) => void): void;
  /** Ends the process at once. Does nothing if it has ended. */
  kill(): void;
}

const encoder = new TextEncoder();

/**
 * How long to wait for the next piece of output once the process has ended. A process that has left the group may keep the output open
 * forever.
 */
const OUTPUT_GRACE_MS = 300;
/**
 * The most pieces, of up to 64 KiB each, that are taken after the end. A pipe holds at most 1 MiB of the process's output. A process that
 * has left the group may print forever.
 */
const LAST_PIECES = 20;

/**
 * Starts a process that runs a slave: writes the connection to its standard input, and takes its output.
 *
 * @param command Program and arguments; those of the order by default.
 * @param clock Tells the time; the system's by default.
 * @param hiddenVariables Variables that it does not inherit; by default it inherits all.
 * @throws {Error} If the program cannot be started, naming it.
 */
export function spawnSlave(
  order: Pick<LaunchOrder, "command" | "connection" | "output"> & { readonly cwd?: string },
  command: readonly string[] = order.command,
  clock: Clock = SYSTEM_CLOCK,
  hiddenVariables?: HiddenVariables,
): SlaveProcess {
  const { connection, output, cwd } = order;
  const pipes = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  const child = spawn(command, pipes, {
    isDeno: command[0] === order.command[0],
    hiddenVariables,
    cwd,
  });
  // The reader of results keeps the script from ending, not the slaves.
  child.unref();
  const pumps = [
    new Pump(child.stdout, (bytes) => output.write(bytes, "stdout")),
    new Pump(child.stderr, (bytes) => output.write(bytes, "stderr")),
  ];
  const fed = feed(child.stdin, connection);
  return {
    name: `process ${child.pid}`,
    pid: child.pid,
    exited: child.status,
    ended: waitForEnd(child, pumps, fed, clock),
    kill: () => kill(child),
  };
}

/**
 * Starts a process for each order; orders may share one. If one cannot be started, those already started are ended.
 *
 * @throws What `start` threw.
 */
export async function spawnEach(
  orders: readonly LaunchOrder[],
  start: (order: LaunchOrder) => SlaveProcess,
): Promise<SlaveProcess[]> {
  const processes: SlaveProcess[] = [];
  try {
    for (const order of orders) processes.push(start(order));
    return processes;
  } catch (error) {
    for (const process of processes) process.kill();
    await Promise.all(processes.map(({ ended }) => ended));
    throw error;
  }
}

/** Stands for a process that could not be started, if others should be started all the same. */
export function neverStarted(reason: string): SlaveProcess {
  return {
    name: "a process that was not started",
    ended: Promise.resolve({ code: null, signal: null, reason }),
    kill: () => {},
  };
}

async function waitForEnd(
  child: Deno.ChildProcess,
  pumps: readonly Pump[],
  fed: Promise<void>,
  clock: Clock,
): Promise<Pick<Deno.CommandStatus, "code" | "signal">> {
  const { code, signal } = await child.status;
  for (const pump of pumps) pump.processEnded(clock);
  await Promise.all([fed, ...pumps.map((pump) => pump.ended)]);
  return { code, signal };
}

/** What a reader returns at the end. */
const END = { done: true, value: undefined } as const;

/** Takes a piece of a process's output; resolves when more may follow. */
type Take = (bytes: Uint8Array) => void | Promise<void>;

/** Passes a process's output on to whoever takes it. */
class Pump {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Whether it waits for the next piece, and not until the last one has been taken. */
  #isReading = false;
  /** Tells the time, once the process has ended. */
  #clock: Clock | undefined;
  #timer: Disposable | undefined;
  /** How many pieces it may still pass on. */
  #piecesLeft = Infinity;
  /** Resolves when there is nothing more to pass on. Never rejects. */
  readonly ended: Promise<void>;

  constructor(source: ReadableStream<Uint8Array>, take: Take) {
    this.#reader = source.getReader();
    this.ended = this.#run(take);
  }

  /** The process has ended, and all its output is there. If others hold the output open, they are not waited for forever. */
  processEnded(clock: Clock): void {
    this.#clock = clock;
    this.#piecesLeft = LAST_PIECES;
    if (this.#isReading) this.#limitWait();
  }

  /** Limits only the wait for a piece, and not the time until it is taken: output that is there must not be lost. */
  #limitWait(): void {
    this.#timer = this.#clock?.setTimer(() => this.stop(), OUTPUT_GRACE_MS);
  }

  /** Passes nothing more on. */
  stop(): void {
    this.#reader.cancel().catch(() => {}); // It has failed, and so ended, by itself.
  }

  async #run(take: Take): Promise<void> {
    for (;;) {
      this.#isReading = true;
      this.#limitWait();
      // If the output cannot be read, only the output is lost.
      const { done, value } = await this.#reader.read().catch(() => END);
      this.#isReading = false;
      this.#timer?.[Symbol.dispose]();
      if (done || this.#piecesLeft-- === 0) return this.stop();
      // The slave's work matters more than its output. If nobody read on, its next line would block it. The sink reports failures.
      await Promise.try(take, value).catch(() => {});
    }
  }
}

async function feed(input: WritableStream<Uint8Array>, text: string): Promise<void> {
  const bytes = encoder.encode(text);
  const writer = input.getWriter();
  try {
    await writer.write(bytes);
    await writer.close();
  } catch {
    // The process has ended without reading: its exit code and output say why.
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    // It has ended.
  }
}

/** Kills a process and its children, as far as they are in its group. Without permission to kill everything, kills only the process. */
function killGroup(child: Deno.ChildProcess): void {
  const { state } = Deno.permissions.querySync({ name: "run" });
  if (state === "granted" && Deno.build.os !== "windows") {
    try {
      Deno.kill(-child.pid, "SIGKILL");
    } catch {
      // All have ended, or the permission to run all programs is missing after all.
    }
  }
  kill(child);
}

/**
 * Variables that a program does not inherit: the beginnings of their names, or a function that picks them from the names of all. Without
 * `--allow-env` it inherits them nevertheless.
 */
export type HiddenVariables = readonly string[] | ((names: readonly string[]) => readonly string[]);

/** The output of a program that has ended. */
export interface ProgramOutput {
  /** Its exit code. */
  readonly code: number;
  /** Its standard output, without blanks around it. */
  readonly stdout: string;
  /** Its standard error, without blanks around it. */
  readonly stderr: string;
}

/**
 * Runs a program to its end.
 *
 * @param command Program and arguments.
 * @param timeoutMs After this time it is killed, with its children.
 * @param options.input Text for its standard input.
 * @param options.hiddenVariables Variables that it does not inherit.
 * @param options.cwd Absolute path of the folder that it runs in; the present one by default.
 * @param options.clock Tells the time; the system's by default.
 * @param options.signal Aborted when nobody wants its output any more: then it is killed as well, or not started.
 * @throws {Deno.errors.TimedOut} If it does not end in time.
 * @throws {Error} If it cannot be started.
 * @throws The reason of the signal, if the signal is aborted.
 */
export async function runProgram(
  command: readonly string[],
  timeoutMs: number,
  { input = "", hiddenVariables, cwd, clock = SYSTEM_CLOCK, signal }: {
    input?: string;
    hiddenVariables?: HiddenVariables;
    cwd?: string;
    clock?: Clock;
    signal?: AbortSignal;
  } = {},
): Promise<ProgramOutput> {
  signal?.throwIfAborted();
  const pipes = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  const child = spawn(command, pipes, { hiddenVariables, cwd });
  const stdout = new Collector(child.stdout);
  const stderr = new Collector(child.stderr);
  const end = () => {
    killGroup(child);
    // A process that has left the group lives on, and may keep them open.
    stdout.pump.stop();
    stderr.pump.stop();
  };
  let isTooLate = false;
  using _timer = setPatience(clock, () => {
    isTooLate = true;
    end();
  }, timeoutMs);
  using _signal = onAbort(signal, end);
  const fed = feed(child.stdin, input);
  // The timeout is for the process. The wait for the rest of its output has its own limit.
  const { code } = await waitForEnd(child, [stdout.pump, stderr.pump], fed, SYSTEM_CLOCK);
  signal?.throwIfAborted();
  if (isTooLate) {
    throw new Deno.errors.TimedOut(
      `${command[0]} did not end within ${timeoutMs / 1000} s, and was killed`,
    );
  }
  return { code, stdout: stdout.takeText().trim(), stderr: stderr.takeText().trim() };
}

/** Calls a function when a signal is aborted, until it is disposed of. Leaves no listener on the signal. */
function onAbort(signal: AbortSignal | undefined, run: () => void): Disposable {
  signal?.addEventListener("abort", run);
  return { [Symbol.dispose]: () => signal?.removeEventListener("abort", run) };
}

/**
 * Runs a program to its end synchronously, for a process that ends. It has no time limit.
 *
 * @param command Program and arguments.
 * @param options.hiddenVariables Variables that it does not inherit.
 * @throws {Error} If it cannot be started.
 */
export function runProgramNow(
  command: readonly string[],
  { hiddenVariables }: { hiddenVariables?: HiddenVariables } = {},
): ProgramOutput {
  const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  const run = (made: Deno.Command) => made.outputSync();
  const { code, stdout, stderr } = start(command, pipes, { hiddenVariables }, run);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout).trim(), stderr: decoder.decode(stderr).trim() };
}

/** Collects a process's output as a text. */
class Collector {
  readonly #decoder = new TextDecoder();
  readonly #parts: string[] = [];
  readonly pump: Pump;

  constructor(source: ReadableStream<Uint8Array>) {
    this.pump = new Pump(source, (bytes) => {
      this.#parts.push(this.#decoder.decode(bytes, { stream: true }));
    });
  }

  /** All of the text, once the pump has ended. */
  takeText(): string {
    return this.#parts.join("") + this.#decoder.decode();
  }
}

/** How programs are started, apart from their pipes. */
interface SpawnOptions {
  readonly isDeno?: boolean;
  readonly hiddenVariables?: HiddenVariables;
  readonly cwd?: string | undefined;
}

/**
 * Starts a program in its own session and process group: signals of the terminal, such as those of ctrl-C and ctrl-Z, do not reach it,
 * except in its first millisecond, and it cannot read from the terminal or be stopped for trying.
 *
 * @param options.isDeno Whether the program comes from the manager's option `deno`.
 * @param options.hiddenVariables Variables that it does not inherit.
 * @param options.cwd Absolute path of the folder that it runs in; the present one by default.
 * @throws {Error} If it cannot be started. The message names the program and says what to do.
 */
export function spawn(
  command: readonly string[],
  pipes: Pipes,
  options: SpawnOptions = {},
): Deno.ChildProcess {
  return start(command, pipes, options, (made) => made.spawn());
}

type Pipes = Pick<Deno.CommandOptions, "stdin" | "stdout" | "stderr">;

function start<Result>(
  command: readonly string[],
  pipes: Pipes,
  { isDeno = false, hiddenVariables = [], cwd }: SpawnOptions,
  run: (made: Deno.Command) => Result,
): Result {
  const { program, ...session } = ofItsOwnSession(command);
  const options = { ...pipes, ...session, cwd };
  try {
    try {
      return run(new Deno.Command(program, { ...options, ...without(hiddenVariables) }));
    } catch (error) {
      const emptied = refusedLinkerVariables(error);
      if (emptied.length === 0) throw error;
      const { clearEnv, env } = without(hiddenVariables);
      const emptiedToo = { ...env, ...Object.fromEntries(emptied) };
      return run(new Deno.Command(program, { ...options, clearEnv, env: emptiedToo }));
    }
  } catch (error) {
    throw startError(command[0], error, isDeno);
  }
}

/** setsid(1), which makes a session for its own process and then becomes another program, where util-linux and BusyBox install it. */
const SETSID = "/usr/bin/setsid";

/**
 * How a program gets into its own session. Deno makes one by forking this whole process, whose memory is then copied page by page: 10 ms
 * for an empty script, 60 ms for one that holds 1 GB, and up to seconds when that memory is next written to. Without a new session Deno
 * starts a program in 3 ms, however much memory this process holds, and the program can be setsid(1). For a millisecond, until setsid runs,
 * the program is in this process's group: if it is killed then, it has done nothing yet. An invalid program ends with code 126 or 127.
 */
function ofItsOwnSession(
  command: readonly string[],
): Pick<Deno.CommandOptions, "args" | "detached"> & { program: string } {
  const [program, ...args] = command;
  // setsid starts whatever it is told. A program that this script may not run, or that does not exist, Deno must refuse at once.
  if (mayRun(SETSID) && mayRun(program) && isThere(SETSID) && isThere(program)) {
    return { program: SETSID, args: [...command] };
  }
  // Windows has no process groups: there it would mean a program without a console.
  return { program, args, detached: Deno.build.os !== "windows" };
}

function mayRun(program: string): boolean {
  return Deno.permissions.querySync({ name: "run", command: program }).state === "granted";
}

/** Whether a program certainly exists: at its absolute path, or in a folder of `PATH`. */
function isThere(program: string): boolean {
  if (program.startsWith("/")) return isExecutable(program);
  if (program.includes("/") || !mayReadEnvironment()) return false;
  const folders = Deno.env.get("PATH")?.split(":") ?? [];
  return folders.some((folder) => folder.startsWith("/") && isExecutable(`${folder}/${program}`));
}

function isExecutable(path: string): boolean {
  // On a terminal Deno would ask for the permission, and everything would wait for the answer.
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return false;
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch {
    // It does not exist, or its folder may not be searched.
    return false;
  }
}

/**
 * Deno refuses LD_LIBRARY_PATH and its like, which `module load` on a cluster sets, unless any program may be run. It accepts empty ones,
 * which the linker ignores, and setting them needs no permission to read them.
 *
 * @returns The refused variables, each empty; none if the error is about something else.
 */
function refusedLinkerVariables(error: unknown): [name: string, value: ""][] {
  if (!(error instanceof Deno.errors.NotCapable)) return [];
  const names = error.message.match(/\b(?:LD|DYLD)_\w+/g) ?? [];
  return names.map((name) => [name, ""]);
}

/** The environment without some variables; all of it if it may not be read. */
function without(hidden: HiddenVariables): Pick<Deno.CommandOptions, "clearEnv" | "env"> {
  const hidesNone = typeof hidden !== "function" && hidden.length === 0;
  if (hidesNone || !mayReadEnvironment()) return {};
  const env = Deno.env.toObject();
  const names = Object.keys(env);
  const gone = typeof hidden === "function"
    ? hidden(names)
    : names.filter((name) => hidden.some((start) => name.startsWith(start)));
  for (const name of gone) delete env[name];
  return { clearEnv: true, env };
}

function mayReadEnvironment(): boolean {
  return Deno.permissions.querySync({ name: "env" }).state === "granted";
}

/** What to add to a remedy if the name of a program has blanks: it may be meant as a program and its arguments. */
function asList(program: string): string {
  if (!/\s/.test(program)) return "";
  return `; if it has several words, to a list of them: ${JSON.stringify(program.split(/\s+/))}`;
}

function startError(program: string, cause: unknown, isDeno: boolean): Error {
  const message = messageOf(cause).replace(SETSID, program).replace(/\.+$/, "");
  return new Error(`Cannot start ${program}: ${message}. ${startRemedy(program, cause, isDeno)}`, {
    cause,
  });
}

/** What to do for a system error number that says why a program cannot be started: see errno(3). */
const SYSTEM_REMEDIES = new Map([
  [
    "os error 7",
    "A slave without the permission to read every file is told in its arguments which modules tasks come from: name fewer, or give " +
    "{ read: true } in the option permissions of the manager. Long lists in that option are arguments as well",
  ],
  [
    "os error 24",
    "This is the limit of open files, see ulimit -n: in the master each slave takes 7. Raise it, or add fewer slaves",
  ],
  [
    "os error 11",
    "This is the limit of processes and threads, see ulimit -u: each slave is a process of several. Raise it, or add fewer slaves",
  ],
  ["os error 12", "This machine has no memory for another process: add fewer slaves"],
]);

function startRemedy(program: string, cause: unknown, isDeno: boolean): string {
  if (cause instanceof Deno.errors.NotCapable) return permissionRemedy(`--allow-run=${program}`);
  if (/\b(?:No such cwd|cwd is not a directory) /.test(messageOf(cause))) {
    return "Programs are started in the folder in which the manager was made: it has to stay there until the manager is closed";
  }
  const [errorNumber] = /os error \d+/.exec(messageOf(cause)) ?? [];
  const known = errorNumber === undefined ? undefined : SYSTEM_REMEDIES.get(errorNumber);
  if (known !== undefined) return known;
  return isDeno
    ? `Set the option deno of the manager to a command that starts Deno${asList(program)}`
    : "It has to be installed on this machine, and on PATH";
}
