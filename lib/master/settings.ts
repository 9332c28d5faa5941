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
 * Options of a {@linkcode Manager}. Paths are relative to the folder in which it is made; slaves run there too, even if the script changes
 * its folder later.
 */
export interface ManagerOptions {
  /**
   * Command that starts Deno on the slaves: a program, or a program and its first arguments, such as a wrapper script.
   * The default is the Deno that runs the master: `Deno.execPath()`, or `deno` if only that may be run. A program made by `deno compile` is
   * not Deno, and has to name one. Flags of `deno run` may follow the program: `["deno", "--v8-flags=--max-old-space-size=8192"]` gives
   * each slave a heap of 8 GB, `["deno", "--unstable-kv"]` an unstable API. The master's own flags do not reach the slaves.
   */
  readonly deno?: string | readonly string[];
  /**
   * Name or address at which slaves reach the master. The default is `127.0.0.1` for slaves on this machine, and for others this machine's
   * host name and its other addresses on networks, which they try in turn.
   */
  readonly host?: string;
  /** TCP port to listen on; 0, the default, for any free port. */
  readonly port?: number;
  /**
   * Where a slave's standard output and error go: a path with `%d` in the file's own name for the slave's number,
   * `"inherit"` (the master's standard error, each line with the slave's number), or `"null"`.
   * The default is `slave%d.output`, and on a slave, for a manager that a task makes, `"inherit"`: the output of its slaves goes where that
   * slave's output goes. A file is made at the first byte. A file of an earlier run is emptied first. A file that this process has begun is
   * appended to; so is one that another process writes, where files can be locked (not on Windows). Output that cannot be written, as on a
   * full disk, is lost, with one warning.
   */
  readonly output?: string;
  /** What the code of tasks may do. The default is `"inherit"`: each kind of permission that the master has in full. */
  readonly permissions?: SlavePermissions;
  /**
   * Configuration file (import map, compiler options), or a `package.json`, that the slaves' modules resolve with. The default is the one
   * that Deno uses for the script, if it may be read: the nearest `deno.json`, `deno.jsonc` or `package.json` from the main module upwards.
   * For a manager that a task makes it is the configuration of that task's slave.
   */
  readonly config?: string | URL;
  /** How often a slave on another machine says that it is alive, in milliseconds; 10 000 by default. */
  readonly heartbeatIntervalMs?: number;
  /**
   * Silence after which a slave on another machine is lost, in milliseconds; 60 000 by default. It must be longer than
   * `heartbeatIntervalMs`.
   */
  readonly heartbeatTimeoutMs?: number;
  /**
   * How long a started slave may take to connect, in milliseconds; 7 200 000 (two hours) by default. For a job the time starts when it
   * runs; it may wait in the queue for longer.
   */
  readonly connectTimeoutMs?: number;
  /**
   * How many slaves may die running the same task before the task is given up; 3 by default. A slave whose process ends in the startup of a
   * context this many times, or three times if that is less, gets no more tasks of that context.
   */
  readonly maxAttempts?: number;
  /** When the process of a slave is replaced by a new one, between two tasks: see {@linkcode RecycleOptions}. By default never. */
  readonly recycle?: RecycleOptions;
  /**
   * Whether connections are encrypted, with certificates made for the run. By default those that leave the machine are; `true` or `false`
   * decides for all.
   */
  readonly tls?: boolean;
  /**
   * Told each event, once the code that runs at that time is done. The default prints to standard error: warnings, the file of the first
   * slave that prints, and what happens to slaves that die.
   * It may do anything: add tasks or slaves, read results, close the manager. If it throws, or is async and rejects, the error is printed
   * to standard error at once, and the run goes on: neither a slave nor a result is lost. The script then ends with exit code 1, unless it
   * sets `Deno.exitCode` itself or calls `Deno.exit()` with a number. A repeated error is printed the first time, and then each time that
   * its count has doubled.
   */
  readonly onEvent?: (event: ManagerEvent) => void;
  /**
   * Path of a file that gets a line for each task, with fields separated by tabs, for spreadsheets and for `report.ts`: number, context,
   * function, slave, host, start, run time, bytes, attempts, source (`run` or `journal`), status, message, input, label and deaths of
   * slaves. The job log of an earlier run is replaced when the first slave has connected. Any other file that is not empty is refused, if
   * it may be read.
   */
  readonly joblog?: string;
  /**
   * Path of a file that gets the timeline of the run in the Trace Event Format, for https://ui.perfetto.dev and chrome://tracing. The
   * timeline of an earlier run is replaced, and any other file refused, as with `joblog`.
   */
  readonly trace?: string;
  /**
   * `true` for a page that shows the run in a browser as it goes on. Its address, with a token without which nobody sees anything, is
   * printed to standard error when the manager is made. {@linkcode DashboardOptions} set its host and port. After the script has ended, the
   * page in the browser stays as a report. By default there is none.
   */
  readonly dashboard?: boolean | DashboardOptions;
}

/** Where the page of a run listens: see {@linkcode ManagerOptions.dashboard}. */
export interface DashboardOptions {
  /**
   * Name or address of this machine to listen on; `127.0.0.1` by default, which no other machine reaches. The page is plain HTTP: on
   * another address, anybody who can listen in on the network can read it.
   */
  readonly host?: string;
  /** TCP port to listen on; 0, the default, for any free port. */
  readonly port?: number;
}

/**
 * When the process of a slave is replaced by a new one, for tasks that leak memory, or that must not follow each other in one process. One
 * of the two options is needed.
 *
 * It is replaced between two tasks: no task is lost or charged, and waiting tasks go to others or to the new process, where the startup of
 * a context runs again before its first task.
 */
export interface RecycleOptions {
  /** After how many tasks; 1 gives each task its own process, whose start takes about 50 ms. By default there is no limit. */
  readonly tasks?: number;
  /**
   * When the process holds more than this many bytes of memory at the end of a task, including garbage that has not been collected. By
   * default there is no limit. A slave that has loaded nothing holds about 46 MB; the least value is 100 000 000.
   */
  readonly memoryBytes?: number;
}

/** How tasks that threw run again: see {@linkcode ContextOptions.retries}. */
export interface RetryOptions {
  /** How often a task may run again; `Infinity` for no limit. */
  readonly count: number;
  /**
   * How long a task waits, in milliseconds, before its first retry. Each further wait is twice as long. The default is 0.
   */
  readonly delayMs?: number;
  /**
   * Decides whether a task runs again, by returning `true` or `false`. By default every task does.
   *
   * It must not be async. If it throws, or returns anything else, the task fails: then the `cause` of the error is an `AggregateError` with
   * the task's error, and the error of this function as its `cause`.
   *
   * @param error The error that the task fails with if it does not run again: its `cause` is what was thrown.
   * @param attempt How often the task has thrown so far: 1, 2, 3 …
   */
  readonly when?: (error: RemoteError, attempt: number) => boolean;
}

/** Options of `Manager.getContext()`. */
export interface ContextOptions {
  /**
   * A task that runs longer than this many milliseconds is killed and fails with a `RemoteError`. By default there is no limit. Startup and
   * the loading of the task's module do not count. But a module counts as failing to load if it is not loaded within ten minutes, and an
   * inline function if it has not begun within one; or within this time, if that is longer. Time in which the master itself stood still, as
   * on a machine that slept, does not count either.
   */
  readonly taskTimeoutMs?: number;
  /**
   * How often a task that threw runs again, on another slave if one has room, before it has failed: a number, or {@linkcode RetryOptions}.
   * The default is 0. Deaths of slaves do not count, see {@linkcode ManagerOptions.maxAttempts}. A task does not run again if its time ran
   * out, it was cancelled, its startup failed, or its code or arguments cannot be loaded.
   */
  readonly retries?: number | RetryOptions;
  /**
   * Path of a file that each outcome is written to before it is delivered, relative to the present folder. A script that is started again
   * with it gets those outcomes again, and runs only the missing tasks. A task is identified by its function and its arguments, and tasks
   * with the same ones by the order in which they are added.
   */
  readonly journal?: string;
  /**
   * Whether tasks that have failed according to the journal run again: `true` for all, `false` for none. By default a failed task runs
   * again if its code has changed, or if the failure was not its own: a permission or a module was missing, its time ran out, or it was
   * given up after slaves had died.
   */
  readonly rerunFailed?: boolean;
  /**
   * `true` accepts outcomes in the journal although the code of tasks, or the startup function, has changed since: there is no warning, in
   * this run and, until the next change, in later runs. Outcomes of another startup function are accepted as well; without this option they
   * are refused. The default is `false`.
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
  /** `Infinity` for no limit. */
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
 * @throws {ParallelError} If the slaves would be this program again, and not Deno; or if the present folder is gone.
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
 * @throws {RangeError} If a timer cannot be set to the time limit.
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
  // `undefined` is for scripts that have a journal only if one is asked for.
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
 * @returns Nothing if no task runs again.
 * @throws {TypeError} If the option, or an option in it, is unknown or of the wrong type.
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

/** @throws {TypeError} If the option `signal` is given, and is not a signal. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrongOption("signal", "an AbortSignal, such as the signal of an AbortController", signal);
  }
}

/** @throws {TypeError | RangeError} If an option is not a time in milliseconds that a timer can be set to. */
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

/** @throws {TypeError} If the option `label` for many tasks is given, and is not a function. */
export function checkLabelOf(label: unknown): void {
  if (label !== undefined && typeof label !== "function") {
    throw wrongOption("label", "a function that makes a text of an input", label);
  }
}

/**
 * Checks the user's label for a task.
 *
 * @throws {TypeError} If it is not a text, or is empty.
 */
export function checkLabel(label: unknown): void {
  if (!isText(label)) {
    throw new TypeError(
      `A task's label must be a text that is not empty, not ${Deno.inspect(label, { depth: 1 })}`,
    );
  }
}

/**
 * Refuses options that do not exist, which are usually misspelt.
 *
 * @throws {TypeError} Naming the option, and those that exist.
 */
export function checkKnown(options: object, known: readonly string[], owner: string): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Expected an object of options for ${owner}, got ${Deno.inspect(options)}`);
  }
  // It has no properties of its own, and would count as no options at all.
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

/** Where an option belongs that was given in the wrong place; empty if no option has that name. */
function placeOf(name: string): string {
  if (KNOWN.includes(name)) return `. It is an option of new Manager({ ${name}: … })`;
  if (!KNOWN_OF_CONTEXT.includes(name)) return "";
  return `. It is an option of a context: getContext(startup, { ${name}: … }), or getContext(undefined, …) without a startup`;
}

/** @returns Nothing if there is no page. */
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

/** A name, or an address without the brackets that it has in a URL. */
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

/** If a task makes a manager, the manager's slaves must not write the files of the slave that runs the task. */
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
