import type { SlaveProcess } from "../command.ts";
import type { LaunchOrder, SentFiles } from "../slave.ts";
import { SlaveArray } from "../slave_array.ts";
import { MOST_SLAVES } from "../slave_count.ts";
import type { SSHHostOptions } from "./ssh_host.ts";

/** A host of an {@linkcode SSHSlaveArray}. */
export interface SSHHostSlaves {
  /** The destination for `ssh`: a name from `~/.ssh/config`, `host`, `user@host`, an address, or `ssh://user@host:port`. */
  readonly host: string;
  /** How many slaves run there; 1 by default. */
  readonly slaves?: number;
}

/** Options of an {@linkcode SSHSlaveArray}. */
export interface SSHOptions {
  /**
   * Program that logs in, or a program and its first arguments, such as `["ssh", "-p", "2222", "-i", "key"]`; `ssh` by default.
   * `~/.ssh/config` applies as usual.
   */
  readonly ssh?: string | readonly string[];
  /**
   * Command that starts Deno on the hosts: a program or its absolute path, perhaps with first arguments. By default it is the manager's
   * option `deno`, unless this is the path of the master's own Deno: then it is `deno` on the PATH of a login, or in `~/.deno/bin`.
   */
  readonly deno?: string | readonly string[];
  /**
   * Absolute path of the folder that tasks run in, on the hosts; by default the same path as the master's own folder. If files are sent and
   * there is no such folder, the default is the folder in which a login begins, mostly the home folder.
   */
  readonly cwd?: string;
  /**
   * Where Deno keeps its caches on a host; by default a new folder in `$TMPDIR` or `/tmp` there, which is removed at the end. An absolute
   * path, which may begin with a variable: `$HOME/.cache/deno` works, `~` does not. If files are sent, the new folder is made in this one.
   */
  readonly denoDir?: string;
  /**
   * Whether slaves connect to the master through the login (`ssh -R`): `true` for hosts that cannot reach this machine, `false` for never.
   * By default, a host that cannot reach the master is then connected through its login, with a warning.
   */
  readonly tunnel?: boolean;
  /**
   * How hosts get the files of this program and of the tasks.
   *
   * - `"sent"`, the default: hosts are sent what they need, and need nothing but Deno. That is all that the modules of tasks import:
   *   modules of this machine and cached ones of others, JSON, packages of npm; and what `include` names. A host keeps what it has been
   *   sent, in `~/.cache/parallel`, and is not sent it again. The output of slaves is sent to the master, which writes it to their files.
   * - `"shared"`: they see the files under the same paths, or import them by URL.
   */
  readonly files?: "sent" | "shared";
  /**
   * Files to be sent that no import names, such as data that a task reads by `new URL("data.txt", import.meta.url)`: paths, relative to the
   * folder in which the manager is made, or `file:` URLs. For a folder all files in and below it are sent. For a module its imports are
   * sent as well. Tasks may read a file on a host if they may read it here: see the option `permissions` of the manager.
   */
  readonly include?: readonly (string | URL)[];
}

/**
 * Slaves on machines that `ssh` logs in to: one agent for each host starts and watches the slaves there.
 *
 * Logins must not ask questions (`BatchMode`): if `ssh HOST true` works without one, this works too, with the same configuration, keys,
 * agents, known hosts and jumps. Hosts need Deno and a POSIX shell at `/bin/sh`; the files of the script are sent to them, see
 * {@linkcode SSHOptions.files}. A host that cannot be used is lost, with the reason, and the others go on. A host that is cut off, or goes
 * down, comes back when it can be logged in to again, within the manager's `connectTimeoutMs`; meanwhile its tasks run elsewhere.
 *
 * @example
 * ```ts
 * import { SSHSlaveArray } from "@parallel/parallel";
 *
 * const array = new SSHSlaveArray(["alice", { host: "me@bob.example.org", slaves: 16 }]);
 * console.log(array.count); // 17
 * ```
 */
export class SSHSlaveArray extends SlaveArray {
  /** First word of the slaves' names in messages. */
  override readonly kind = "slave";
  /** How many slaves there are on all hosts. */
  override readonly count: number;
  readonly #sends: SentFiles | undefined;
  readonly #deno: readonly string[] | undefined;
  /** The name of each slave's host. */
  readonly #hosts: readonly string[];
  readonly #options: SSHHostOptions;

  /**
   * Describes the slaves; nothing is started before results are read. They are numbered in the order of the hosts.
   *
   * @param hosts Names of hosts, for one slave each, or names with numbers of slaves. A host that is listed again gets more slaves.
   * @param options How to log in, and what to start there.
   * @throws {TypeError} If there is no host, a name is none that `ssh` takes, or an option is unknown or wrong.
   * @throws {RangeError} If a number of slaves is not a whole number above 0, or is more than a manager can bear.
   */
  constructor(hosts: readonly (string | SSHHostSlaves)[], options: SSHOptions = {}) {
    super();
    checkOptions(options);
    const { ssh = "ssh", deno, cwd, denoDir, tunnel, files = "sent", include = [] } = options;
    this.#sends = files === "sent" ? { include } : undefined;
    this.#options = { ssh: [ssh].flat(), cwd, denoDir, tunnel };
    this.#hosts = asHosts(hosts).flatMap(({ host, slaves = 1 }) =>
      Array<string>(slaves).fill(host)
    );
    this.#deno = deno === undefined ? undefined : [deno].flat();
    this.count = this.#hosts.length;
  }

  /** The flags that a master of such slaves needs. */
  override get masterFlags(): string {
    const read = this.#sends === undefined ? "--allow-read=." : "--allow-read";
    return `--allow-net --allow-run=deno,ssh ${read} --allow-write=. ` +
      "--allow-sys=hostname,networkInterfaces";
  }

  /** What hosts are sent. */
  override get sends(): SentFiles | undefined {
    return this.#sends;
  }

  /** All slaves count as running on other machines. */
  override isRemoteAt(): boolean {
    return true;
  }

  /** The option `deno`, or the manager's command; but the path of the master's own Deno means nothing on the hosts. */
  override denoCommand([program, ...args]: readonly string[]): readonly string[] {
    return this.#deno ?? [program === Deno.execPath() ? "deno" : program, ...args];
  }

  /** Logs in to all hosts at the same time, and starts an agent on each. */
  override async launch(orders: readonly LaunchOrder[]): Promise<readonly SlaveProcess[]> {
    // Most scripts do not log in anywhere, so the code for it is loaded only here.
    const { SSHHost } = await import("./ssh_host.ts");
    const agents = new Map<string, SlaveProcess>();
    return orders.map((order) => {
      const host = this.#hosts[order.index];
      let agent = agents.get(host);
      if (agent === undefined) {
        agent = new SSHHost(host, this.#options).launch(order);
        agents.set(host, agent);
      }
      return agent;
    });
  }
}

const OPTIONS = ["ssh", "deno", "cwd", "denoDir", "tunnel", "files", "include"];

function checkOptions(options: SSHOptions): void {
  const given: unknown = options;
  if (typeof given !== "object" || given === null) {
    throw new TypeError(
      `The options of SSHSlaveArray must be an object, not ${Deno.inspect(given)}`,
    );
  }
  for (const name of Object.keys(given)) {
    if (OPTIONS.includes(name)) continue;
    throw new TypeError(
      `Unknown option ${name} of SSHSlaveArray. There are: ${OPTIONS.join(", ")}`,
    );
  }
  const { ssh, deno, cwd, denoDir, tunnel, files, include } = options;
  for (const [name, command] of Object.entries({ ssh, deno })) {
    if (command === undefined) continue;
    if (!isCommand(command)) {
      throw wrongOption(name, "a program, or a list of a program and its first arguments", command);
    }
    if (typeof command !== "string" || !/\s-/.test(command)) continue;
    const words = command.trim().split(/\s+/).map((word) => JSON.stringify(word)).join(", ");
    throw wrongOption(name, `a list if it has more than a program: [${words}]`, command);
  }
  const [program] = [deno].flat();
  if (program !== undefined && /^[~$]/.test(program)) {
    throw wrongOption("deno", "a name on PATH or an absolute path: no shell expands it", program);
  }
  for (const [name, text] of Object.entries({ cwd, denoDir })) {
    if (text !== undefined && !isText(text)) throw wrongOption(name, "a text", text);
  }
  if (cwd !== undefined && !cwd.startsWith("/")) {
    throw wrongOption("cwd", "an absolute path, on the hosts", cwd);
  }
  if (denoDir !== undefined && !/^[/$][^"]*$/.test(denoDir)) {
    throw wrongOption(
      "denoDir",
      "an absolute path, on the hosts, or begin with a variable, as $HOME/.cache/deno does, and have no double quote",
      denoDir,
    );
  }
  if (tunnel !== undefined && typeof tunnel !== "boolean") {
    throw wrongOption("tunnel", "true or false", tunnel);
  }
  if (files !== undefined && files !== "shared" && files !== "sent") {
    throw wrongOption("files", '"sent" or "shared"', files);
  }
  if (include === undefined) return;
  const isList = Array.isArray(include) &&
    include.every((entry) => isPath(entry) || isFileUrl(entry));
  if (!isList) throw wrongOption("include", "a list of paths and file: URLs", include);
  if (files === "shared") {
    throw new TypeError(
      'The option include of SSHSlaveArray goes with files: "sent". With shared files hosts see all of them',
    );
  }
}

/** Whether it may be a path, or is the text of a `file:` URL. */
function isPath(value: unknown): boolean {
  return isText(value) && (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value) || /^file:/i.test(value));
}

function isFileUrl(value: unknown): boolean {
  return value instanceof URL && value.protocol === "file:";
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isCommand(value: unknown): boolean {
  const words = [value].flat();
  return words.length > 0 && words.every(isText);
}

function wrongOption(name: string, expected: string, value: unknown): TypeError {
  return new TypeError(
    `The option ${name} of SSHSlaveArray must be ${expected}, not ${Deno.inspect(value)}`,
  );
}

function asHosts(given: readonly (string | SSHHostSlaves)[]): readonly SSHHostSlaves[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw new TypeError(
      `SSHSlaveArray needs a list of hosts, such as ["alice", { host: "bob", slaves: 4 }], not ${
        Deno.inspect(given)
      }`,
    );
  }
  return given.map(asHost);
}

function asHost(given: unknown): SSHHostSlaves {
  const entry: unknown = typeof given === "string" ? { host: given } : given;
  if (typeof entry !== "object" || entry === null) throw wrongHost(given);
  const { host, slaves = 1, ...others } = entry as Record<string, unknown>;
  // If it began with a hyphen, ssh would take it for an option.
  if (!isText(host) || /^-|\s/.test(host) || Object.keys(others).length > 0) {
    throw wrongHost(given);
  }
  // ssh would take all of it for a name. An IPv6 address has more colons, and is given to ssh without brackets.
  const [, name, number] = /^([^:/]+|[^/]*\[.+\]):(\d+)$/.exec(host) ?? [];
  if (name !== undefined) {
    const withPort = name.endsWith("]")
      ? "describe the host in ~/.ssh/config"
      : `write "ssh://${name}:${number}"`;
    throw new TypeError(
      `A host of SSHSlaveArray is given by its name alone, not as ${
        Deno.inspect(host)
      }. For ${number} slaves write ` +
        `{ host: "${name}", slaves: ${number} }; if ${number} is a port, ${withPort}`,
    );
  }
  const isCount = typeof slaves === "number" && Number.isInteger(slaves);
  if (!isCount || slaves < 1 || slaves > MOST_SLAVES) {
    throw new RangeError(
      `A host of SSHSlaveArray needs a whole number of slaves, from 1 to ${MOST_SLAVES}, not ${
        Deno.inspect(slaves)
      } (${host})`,
    );
  }
  return { host: host.replace(/^(.*@)?\[(.*:.*)\]$/, "$1$2"), slaves };
}

function wrongHost(given: unknown): TypeError {
  return new TypeError(
    `A host of SSHSlaveArray must be a name that ssh takes, or { host: name, slaves: number }, not ${
      Deno.inspect(given)
    }`,
  );
}
