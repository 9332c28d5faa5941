import { MAX_TIMER_MS } from "../clock.ts";
import { slaveProgram } from "../slave_program.ts";
import { findConfig } from "./config.ts";
import { denoCommand } from "./deno_command.ts";
import type { ManagerEvent } from "./observe/events.ts";
import { ParallelError, type RemoteError } from "../errors.ts";
import { messageOf } from "../message_of.ts";
import type { RetryPolicy } from "./board/dispatch_context.ts";
import { checkPermissions, type SlavePermissions } from "./permissions.ts";

/**
 * Options of a {@linkcode Manager}. Paths are relative to the folder in which it is made; slaves run there, too, wherever the script
 * goes later.
 */
export interface ManagerOptions {
  /**
   * Command that starts Deno on the slaves: a program, or a program and its first arguments, such as a wrapper script.
   * The default is the Deno that runs the master: `Deno.execPath()`, or `deno` if only that may be run. A program that `deno compile`
   * made is not Deno, and has to name one. Flags of `deno run` may follow the program: `["deno", "--v8-flags=--max-old-space-size=8192"]`
   * gives each slave a heap of 8 GB, `["deno", "--unstable-kv"]` an unstable API. The master's own flags do not reach the slaves.
   */
  readonly deno?: string | readonly string[];
  /**
   * Name or address under which slaves reach the master. The default is `127.0.0.1` for slaves on this machine, and for others
   * this machine's host name and whatever other addresses it has on networks, which they try in turn.
   */
  readonly host?: string;
  /** TCP port to listen on; 0, the default, for any that is free. */
  readonly port?: number;
  /**
   * Where a slave's standard output and error go: a path with `%d` in the file's own name for the slave's number,
   * `"inherit"` (the master's standard error, each line with the slave's number), or `"null"`.
   * The default is `slave%d.output`, and on a slave, for a manager that a task makes, `"inherit"`: what its slaves print goes where that
   * slave's output goes. A file appears with the first byte. A file of an earlier run is emptied first. A file that this process has
   * begun is appended to; so is one that another process writes, where files can be locked (not on Windows). Output that cannot be
   * written, as on a full disk, is lost, of which there is one warning.
   */
  readonly output?: string;
  /** What the code of tasks may do. The default is `"inherit"`: each kind of permission that the master has in full. */
  readonly permissions?: SlavePermissions;
  /**
   * Configuration file (import map, compiler options), or a `package.json`, that the slaves' modules resolve with. The default is
   * what Deno takes for the script, if that may be read: the nearest `deno.json`, `deno.jsonc` or `package.json` from the main module
   * upwards. For a manager that a task makes it is what that task's own slave has.
   */
  readonly config?: string | URL;
  /** How often a slave on another machine says that it lives, in milliseconds; 10 000 by default. */
  readonly heartbeatIntervalMs?: number;
  /** Silence after which a slave on another machine is lost, in milliseconds; 60 000 by default. */
  readonly heartbeatTimeoutMs?: number;
  /**
   * How long a started slave may take to connect, in milliseconds; 7 200 000 (two hours) by default. For a job this counts from when it
   * runs; it may wait in the queue for longer.
   */
  readonly connectTimeoutMs?: number;
  /**
   * How many slaves may die running one and the same task before the task is given up; 3 by default. A slave whose process ends in
   * the startup of a context this many times, or three times if that is less, gets no more tasks of that context.
   */
  readonly maxAttempts?: number;
  /** When the process of a slave is replaced by a new one, between two tasks: see {@linkcode RecycleOptions}. By default it is not. */
  readonly recycle?: RecycleOptions;
  /**
   * Whether connections are encrypted, with certificates made for the run. By default those that leave the machine are;
   * `true` or `false` forces it for all.
   */
  readonly tls?: boolean;
  /**
   * Told each event, once the code that runs then is done. The default prints warnings, the file of the first slave that prints, and what becomes of
   * slaves that die, to standard error.
   *
   * It may do anything: add tasks or slaves, read results, close the manager. If it throws, or is async and rejects, that is
   * printed to standard error at once, and the run goes on: neither a slave nor a result is lost by it. The script then ends with exit
   * code 1, unless it sets `Deno.exitCode` itself or calls `Deno.exit()` with a number. An error that comes again and again is printed
   * the first time, and then each time that it has come twice as often.
   */
  readonly onEvent?: (event: ManagerEvent) => void;
  /**
   * Path of a file that gets a line for each task, with tabs between its fields, for spreadsheets and for `report.ts`: number,
   * context, function, slave, host, start, run time, bytes, attempts, source (`run` or `journal`), status and message. The job log
   * of an earlier run is replaced when the first slave has connected. Any other file that is not empty is refused, where it may be read.
   */
  readonly joblog?: string;
  /**
   * Path of a file that gets the timeline of the run in the Trace Event Format, for https://ui.perfetto.dev and
   * chrome://tracing. The timeline of an earlier run is replaced, and any other file refused, as with `joblog`.
   */
  readonly trace?: string;
  /**
   * `true` for a page that shows the run in a browser as it goes on. Its address, with a token without which nobody sees anything, is
   * printed to standard error when the manager is made. {@linkcode DashboardOptions} say where it is listened for. The page in the
   * browser stays as a report when the script has ended. By default there is none.
   */
  readonly dashboard?: boolean | DashboardOptions;
}

/** Where the page of a run is: see {@linkcode ManagerOptions.dashboard}. */
export interface DashboardOptions {
  /**
   * Name or address of this machine to listen on; `127.0.0.1` by default, which no other machine reaches. The page is plain HTTP: on
   * another address whoever can listen in on the network reads it.
   */
  readonly host?: string;
  /** TCP port to listen on; 0, the default, for any that is free. */
  readonly port?: number;
}

/**
 * When the process of a slave is replaced by a new one, for tasks that leak memory, or that may not follow each other in one process. One of
 * the two is needed.
 *
 * It is replaced between two tasks: no task is lost or charged, and those that waited there go to others or to the new process. In that
 * the startup of a context runs again before its first task.
 */
export interface RecycleOptions {
  /** After how many tasks; 1 gives each task a process of its own, whose start takes about 50 ms. By default after any number. */
  readonly tasks?: number;
  /**
   * When the process holds more than so many bytes of memory at the end of a task, what has not been collected as garbage included. By
   * default it may hold any. A slave that has loaded nothing holds about 46 MB: at least 100 000 000 have to be given.
   */
  readonly memoryBytes?: number;
}

/** How tasks that threw run again: see {@linkcode ContextOptions.retries}. */
export interface RetryOptions {
  /** How often a task may run again; `Infinity` for any number of times. */
  readonly count: number;
  /**
   * How long a task waits, in milliseconds, before it runs again for the first time. Each further wait is twice as long. The default
   * is 0.
   */
  readonly delayMs?: number;
  /**
   * Says whether a task runs again: `true` or `false`, at once. By default each does.
   *
   * It must not be async. If it throws, or returns anything else, the task fails: what was thrown by this function is the `cause` of the
   * error's `cause`, which is then an `AggregateError` that has what was thrown by the task.
   *
   * @param error What the task fails with if it does not run again: its `cause` is what was thrown.
   * @param attempt How often the task has thrown so far: 1, 2, 3 …
   */
  readonly when?: (error: RemoteError, attempt: number) => boolean;
}

/** Options of `Manager.getContext()`. */
export interface ContextOptions {
  /**
   * A task that runs longer than this many milliseconds is killed where it runs and fails with a `RemoteError`. By
   * default there is no limit. Startup and the loading of the task's module do not count; but a module that is not loaded within
   * ten minutes is taken to be one that does not load, and so is an inline function that has not begun within one; or within this
   * time, if that is longer. Neither does time count in which the master itself stood still, such as on a machine that slept.
   */
  readonly taskTimeoutMs?: number;
  /**
   * How often a task that threw runs again, on another slave if one has room, before it has failed: a number, or
   * {@linkcode RetryOptions}. The default is 0. Deaths of slaves do not count, see {@linkcode ManagerOptions.maxAttempts}. A task does
   * not run again whose time ran out, that was cancelled, whose startup failed, or whose code or arguments cannot be loaded.
   */
  readonly retries?: number | RetryOptions;
  /**
   * Path of a file that each outcome is written to before it is delivered, relative to the present folder. A script that is started
   * again with it is given those outcomes again, and runs only the tasks that are missing. A task is known by its function and its
   * arguments; tasks that agree in these are told apart by the order in which they are added.
   */
  readonly journal?: string;
  /**
   * Whether tasks that have failed according to the journal run again: `true` for all, `false` for none. By default a failed task
   * runs again if its code has changed, or if the failure was not its own: a permission or a module was missing, its time ran out,
   * or it was given up after slaves had died.
   */
  readonly rerunFailed?: boolean;
  /**
   * `true` says that outcomes in the journal are good though the code of tasks, or the startup function, has changed since: there
   * is no warning of that, in this run and, until the next change, in those that follow. Outcomes of another startup function are
   * good then as well; without it they are refused. The default is `false`.
   */
  readonly acceptChangedCode?: boolean;
}

/** The options of a manager, checked and complete. */
export interface ManagerSettings {
  /** Absolute path of the folder in which the manager was made. Slaves run there, and relative paths start there. */
  readonly cwd: string;
  readonly deno: readonly string[];
  readonly host: string | undefined;
  readonly port: number;
  readonly output: string;
  readonly permissions: SlavePermissions;
  readonly config: string | undefined;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxAttempts: number;
  /** `Infinity` where nothing is limited. */
  readonly recycle: Required<RecycleOptions>;
  readonly tls: boolean | undefined;
  readonly onEvent: ((event: ManagerEvent) => void) | undefined;
  readonly joblog: string | undefined;
  readonly trace: string | undefined;
  readonly dashboard: Required<DashboardOptions> | undefined;
}

/** A slave that has loaded nothing holds about half of this. */
const LEAST_MEMORY_BYTES = 100_000_000;

const KNOWN = [
  "deno",
  "host",
  "port",
  "output",
  "permissions",
  "config",
  "heartbeatIntervalMs",
  "heartbeatTimeoutMs",
  "connectTimeoutMs",
  "maxAttempts",
  "recycle",
  "tls",
  "onEvent",
  "joblog",
  "trace",
  "dashboard",
];
const KNOWN_OF_CONTEXT = [
  "args",
  "taskTimeoutMs",
  "retries",
  "journal",
  "rerunFailed",
  "acceptChangedCode",
];

/**
 * Checks a manager's options and fills in what is missing.
 *
 * @throws {TypeError} If an option is unknown or of the wrong type.
 * @throws {RangeError} If a number is out of range.
 * @throws {ParallelError} If the slaves would be this program again, and not Deno; if the present folder is gone.
 */
export function asSettings(options: ManagerOptions): ManagerSettings {
  checkKnown(options, KNOWN, "Manager");
  const { output = defaultOutput(), permissions = "inherit", tls, onEvent } = options;
  const host = options.host === undefined ? undefined : asHost("host", options.host);
  checkText("output", output);
  const { config } = options;
  if (config !== undefined && !(config instanceof URL)) checkText("config", config);
  checkPermissions(permissions);
  if (tls !== undefined && typeof tls !== "boolean") throw wrongOption("tls", "true or false", tls);
  if (onEvent !== undefined && typeof onEvent !== "function") {
    throw wrongOption("onEvent", "a function", onEvent);
  }
  const { joblog, trace } = options;
  if (joblog !== undefined) checkText("joblog", joblog);
  if (trace !== undefined) checkText("trace", trace);
  if (joblog !== undefined && joblog === trace) {
    throw new RangeError(
      `The options joblog and trace name one file, ${joblog}: give each its own`,
    );
  }
  const port = wholeNumber("port", options.port ?? 0, 0, 65535);
  const settings = {
    cwd: presentFolder(),
    deno: denoCommand(options.deno === undefined ? undefined : asCommand(options.deno)),
    host,
    port,
    output,
    permissions,
    config: findConfig(config),
    heartbeatIntervalMs: wholeNumber(
      "heartbeatIntervalMs",
      options.heartbeatIntervalMs ?? 10_000,
      1,
      MAX_TIMER_MS,
    ),
    heartbeatTimeoutMs: wholeNumber(
      "heartbeatTimeoutMs",
      options.heartbeatTimeoutMs ?? 60_000,
      1,
      MAX_TIMER_MS,
    ),
    connectTimeoutMs: wholeNumber(
      "connectTimeoutMs",
      options.connectTimeoutMs ?? 7_200_000,
      1,
      MAX_TIMER_MS,
    ),
    maxAttempts: wholeNumber("maxAttempts", options.maxAttempts ?? 3, 1, Infinity),
    recycle: asRecycle(options.recycle),
    tls,
    onEvent,
    joblog,
    trace,
    dashboard: asDashboard(options.dashboard, port),
  };
  if (settings.heartbeatTimeoutMs <= settings.heartbeatIntervalMs) {
    throw new RangeError(
      `The option heartbeatTimeoutMs, ${settings.heartbeatTimeoutMs}, must be larger than heartbeatIntervalMs, ` +
        `${settings.heartbeatIntervalMs}: give it at least twice that`,
    );
  }
  return settings;
}

function presentFolder(): string {
  try {
    return Deno.cwd();
  } catch (cause) {
    throw new ParallelError(
      `Cannot make a manager: the present folder, in which slaves would run, cannot be found: ${
        messageOf(cause)
      }. Go to another one by Deno.chdir()`,
      { cause },
    );
  }
}

/**
 * Checks the options of a context.
 *
 * @throws {TypeError} If an option is unknown or of the wrong type.
 * @throws {RangeError} If the time limit is not a time that a timer can be set to.
 */
export function checkContextOptions(
  options: ContextOptions & { readonly args?: readonly unknown[] },
): void {
  checkKnown(options, KNOWN_OF_CONTEXT, "Manager.getContext()");
  const { args, taskTimeoutMs, journal, rerunFailed, acceptChangedCode } = options;
  if (args !== undefined && !Array.isArray(args)) {
    throw wrongOption("args", "a list of the arguments of the startup function", args);
  }
  if (taskTimeoutMs !== undefined) timeLimit("taskTimeoutMs", taskTimeoutMs);
  if (journal !== undefined && !isText(journal)) {
    throw wrongOption("journal", 'the path of a file, such as "run.jsonl"', journal);
  }
  if (rerunFailed !== undefined && typeof rerunFailed !== "boolean") {
    throw wrongOption("rerunFailed", "true or false", rerunFailed);
  }
  if (acceptChangedCode !== undefined && typeof acceptChangedCode !== "boolean") {
    throw wrongOption("acceptChangedCode", "true or false", acceptChangedCode);
  }
  // A script that has a journal only if it is asked for one says so by `undefined`.
  if ("journal" in options) return;
  for (const [name, value] of Object.entries({ rerunFailed, acceptChangedCode })) {
    if (value === undefined) continue;
    throw new TypeError(
      `The option ${name} is about what is in a journal, and none is named. Write { journal: "run.jsonl", ${name}: ${value} }`,
    );
  }
}

/**
 * Checks the option `retries`, and fills in what is missing.
 *
 * @returns Nothing if no task is to run again.
 * @throws {TypeError} If it, or an option in it, is unknown or of the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function asRetryPolicy(retries: number | RetryOptions = 0): RetryPolicy | undefined {
  if (typeof retries === "number") {
    return policyOf({ count: wholeNumber("retries", retries, 0, Infinity) });
  }
  if (typeof retries !== "object" || retries === null) {
    throw wrongOption("retries", "a number, or { count, delayMs, when }", retries);
  }
  checkKnown(retries, ["count", "delayMs", "when"], "retries");
  const { count, delayMs = 0, when } = retries;
  if (when !== undefined && typeof when !== "function") {
    throw wrongOption("retries.when", "a function", when);
  }
  return policyOf({
    count: wholeNumber("retries.count", count, 0, Infinity),
    delayMs: wholeNumber("retries.delayMs", delayMs, 0, MAX_TIMER_MS),
    when,
  });
}

function asRecycle(recycle: RecycleOptions | undefined): Required<RecycleOptions> {
  if (recycle === undefined) return { tasks: Infinity, memoryBytes: Infinity };
  if (typeof recycle !== "object" || recycle === null) {
    throw wrongOption("recycle", "{ tasks, memoryBytes }, or one of the two", recycle);
  }
  checkKnown(recycle, ["tasks", "memoryBytes"], "recycle");
  const { tasks, memoryBytes } = recycle;
  if (tasks === undefined && memoryBytes === undefined) {
    throw new TypeError(
      "The option recycle is empty: say after how many tasks a slave is replaced, or above how many bytes of memory: " +
        "{ tasks: 1000 }, { memoryBytes: 2e9 }",
    );
  }
  return {
    tasks: wholeNumber("recycle.tasks", tasks ?? Infinity, 1, Infinity),
    memoryBytes: wholeNumber(
      "recycle.memoryBytes",
      memoryBytes ?? Infinity,
      LEAST_MEMORY_BYTES,
      Infinity,
    ),
  };
}

function policyOf({ count, delayMs = 0, when }: RetryOptions): RetryPolicy | undefined {
  return count === 0 ? undefined : { count, delayMs, when };
}

/** @throws {TypeError} If the option `signal` is given, and is none. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrongOption("signal", "an AbortSignal, such as the signal of an AbortController", signal);
  }
}

/** @throws {TypeError | RangeError} If an option is no time that a timer can be set to, in milliseconds. */
export function timeLimit(name: string, value: unknown): number {
  return wholeNumber(name, value, 1, MAX_TIMER_MS);
}

/**
 * Checks the options of a single task.
 *
 * @throws {TypeError} If an option is of the wrong type, or does not exist.
 */
export function checkTaskOptions(options: { readonly label?: string }): void {
  checkKnown(options, ["label"], "Context.addTaskWith()");
  if (options.label !== undefined) checkLabel(options.label);
}

/** @throws {TypeError} If the option `label` of many tasks is given, and is none. */
export function checkLabelOf(label: unknown): void {
  if (label !== undefined && typeof label !== "function") {
    throw wrongOption("label", "a function that makes a text of an input", label);
  }
}

/**
 * Checks what the user calls a task.
 *
 * @throws {TypeError} If it is no text, or empty.
 */
export function checkLabel(label: unknown): void {
  if (!isText(label)) {
    throw new TypeError(
      `A task's label must be a text that is not empty, not ${Deno.inspect(label, { depth: 1 })}`,
    );
  }
}

/**
 * Refuses options that do not exist, which are mostly ones misspelt.
 *
 * @throws {TypeError} Naming the option, and those that exist.
 */
export function checkKnown(options: object, known: readonly string[], owner: string): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Expected an object of options for ${owner}, got ${Deno.inspect(options)}`);
  }
  // It has no properties of its own, and would pass as no options at all.
  if (options instanceof AbortSignal) {
    const remedy = known.includes("signal") ? ". Write { signal }" : "";
    throw new TypeError(`Expected an object of options for ${owner}, got an AbortSignal${remedy}`);
  }
  if (Array.isArray(options)) {
    throw new TypeError(
      `Expected an object of options for ${owner}, got the list ${
        Deno.inspect(options, { depth: 0, iterableLimit: 4 })
      }`,
    );
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new TypeError(
      `Unknown option ${name} of ${owner}. There are: ${known.join(", ")}${placeOf(name)}`,
    );
  }
}

/** Where an option belongs that was given elsewhere; empty if there is none of that name. */
function placeOf(name: string): string {
  if (KNOWN.includes(name)) return `. It is an option of new Manager({ ${name}: … })`;
  if (!KNOWN_OF_CONTEXT.includes(name)) return "";
  return `. It is an option of a context: getContext(startup, { ${name}: … }), or getContext(undefined, …) without a startup`;
}

/** @returns Nothing if there is to be no page. */
function asDashboard(
  dashboard: boolean | DashboardOptions | undefined,
  slavesPort: number,
): Required<DashboardOptions> | undefined {
  if (dashboard === undefined || dashboard === false) return undefined;
  if (dashboard !== true && (typeof dashboard !== "object" || dashboard === null)) {
    throw wrongOption("dashboard", "true, false or { host, port }", dashboard);
  }
  const options = dashboard === true ? {} : dashboard;
  checkKnown(options, ["host", "port"], "dashboard");
  const host = asHost("dashboard.host", options.host ?? "127.0.0.1");
  const port = wholeNumber("dashboard.port", options.port ?? 0, 0, 65535);
  if (port !== 0 && port === slavesPort) {
    throw new RangeError(
      `The options port and dashboard.port name one port, ${port}: give each its own`,
    );
  }
  return { host, port };
}

/** A name, or an address without the brackets that stand around it in a URL. */
function asHost(option: string, value: string): string {
  checkText(option, value);
  const host = value.replace(/^\[(.*)\]$/, "$1");
  const isAddress = URL.canParse(`http://[${host.replace(/%\w+$/, "")}]/`);
  if (isAddress || (host === value && !/[\s:/\\@?#,[\]]/.test(host))) return host;
  const [, name = "", port] = /^(?:\w+:\/\/)?(\[.+\]|[^\s:/]+):(\d+)\/?$/.exec(value) ?? [];
  const remedy = port === undefined
    ? 'Give it such as "nodeA" or "192.168.0.5"'
    : `A port has an option of its own: { host: ${
      JSON.stringify(asHost(option, name))
    }, port: ${port} }`;
  throw new TypeError(
    `The option ${option} must be a name or an address of this machine and nothing else, not ${
      Deno.inspect(value)
    }. ${remedy}`,
  );
}

function asCommand(deno: string | readonly string[]): readonly string[] {
  const command = typeof deno === "string" ? [deno] : deno;
  if (!Array.isArray(command) || command.length === 0 || !command.every(isText)) {
    throw wrongOption("deno", "a program, or a list of a program and its first arguments", deno);
  }
  return [...command];
}

/** The slaves of a manager that a task makes do not write the files of the slave that the task is on. */
function defaultOutput(): string {
  return slaveProgram() === undefined ? "slave%d.output" : "inherit";
}

function checkText(name: string, value: unknown): void {
  if (!isText(value)) throw wrongOption(name, "a text that is not empty", value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function wholeNumber(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== "number") throw wrongOption(name, "a number", value);
  if ((!Number.isInteger(value) && value !== most) || value < least || value > most) {
    throw new RangeError(
      `The option ${name} must be a whole number from ${least} to ${most}, not ${value}`,
    );
  }
  return value;
}

export function wrongOption(name: string, expected: string, value: unknown): TypeError {
  return new TypeError(
    `The option ${name} must be ${expected}, not ${Deno.inspect(value, { depth: 1 })}`,
  );
}
