import { JSON } from "../../own_globals.ts";
import { messageOf } from "../../message_of.ts";
import { type ConnectionInfo, hostAndPort } from "../../wire/handshake.ts";
import { neverStarted, type ProcessEnd, type SlaveProcess, spawnSlave } from "../command.ts";
import { OutputSink } from "../output_sink.ts";
import type { LaunchOrder } from "../slave.ts";
import { explainLogin, type Login, masterUnreached } from "./explain_login.ts";
import { remoteCommand } from "./remote_script.ts";

/**
 * How long an agent looks for the master. If it cannot be reached there is another way, through the login. And an agent that was cut off
 * meanwhile must be gone within a minute.
 */
const PATIENCE = { reachMs: 4000, totalMs: 50_000 } as const;
/** Longer than the default `heartbeatTimeoutMs`: the agent's own silence says more than that of ssh. */
const ALIVE_OPTIONS = ["-o", "ServerAliveInterval=20", "-o", "ServerAliveCountMax=4"];
/** In seconds. A host that does not answer is reported within ten. */
const CONNECT_OPTIONS = ["-o", "ConnectTimeout=8"];
/** The lowest port for the far ends of tunnels, below those that Linux itself assigns. */
const FIRST_TUNNEL_PORT = 10_000;
const TUNNEL_PORTS = 22_000;

/** What all hosts of an array share. */
export interface SSHHostOptions {
  /** Program and first arguments that log in. */
  readonly ssh: readonly string[];
  readonly cwd: string | undefined;
  readonly denoDir: string | undefined;
  /** Whether connections to the master go back through the login; found out by default. */
  readonly tunnel: boolean | undefined;
}

/** A host that ssh logs in to, to start an agent there. */
export class SSHHost {
  readonly #name: string;
  readonly #options: SSHHostOptions;
  #isTunnelled: boolean;

  /** @param name The destination for ssh. */
  constructor(name: string, options: SSHHostOptions) {
    this.#name = name;
    this.#options = options;
    this.#isTunnelled = options.tunnel ?? false;
  }

  /** Logs in, and starts the agent. If it cannot be started, returns a process that has ended. */
  launch(order: LaunchOrder): SlaveProcess {
    const name = `ssh to ${this.#name}`;
    const renew = () => this.launch(order);
    const { ssh } = this.#options;
    const login: Login = { host: this.#name, ssh, isTunnelled: this.#isTunnelled };
    try {
      return { ...this.#logIn(login, order), name, renew };
    } catch (error) {
      return { ...neverStarted(messageOf(error)), name, renew };
    }
  }

  #logIn(login: Login, order: LaunchOrder): SlaveProcess {
    const { program, command } = order;
    const isProgramSent = program !== undefined;
    const { cwd, denoDir } = this.#options;
    const info: ConnectionInfo = JSON.parse(order.connection);
    const tunnel = login.isTunnelled ? openTunnel(info) : undefined;
    const told = JSON.stringify({ ...info, ...tunnel?.masterAt, patience: PATIENCE }) + "\n";
    const connection = isProgramSent ? `${program}\n${told}` : told;
    const output = new LoginOutput();
    const ssh = spawnSlave({ command, connection, output, cwd: order.cwd }, [
      ...login.ssh,
      // Whatever the configuration says, ssh must not ask questions, and the login must not be shared.
      ...["-T", "-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "RemoteCommand=none"],
      ...CONNECT_OPTIONS,
      ...ALIVE_OPTIONS,
      ...(tunnel?.words ?? ["-o", "ClearAllForwardings=yes"]),
      "--",
      login.host,
      remoteCommand({
        cwd: cwd ?? order.cwd,
        mayStayOut: cwd === undefined && isProgramSent,
        denoDir,
        command,
        isProgramSent,
      }),
    ]);
    const ended = ssh.ended.then((end) => {
      const unreached = masterUnreached(output.text);
      const mayTunnel = !login.isTunnelled && this.#options.tunnel !== false;
      if (unreached !== undefined && mayTunnel) return this.#tunnelFromNowOn(unreached, order);
      return explainLogin(login, end, output.text);
    });
    return { ...ssh, ended, masterAt: tunnel?.masterAt };
  }

  #tunnelFromNowOn(unreached: string, { services }: LaunchOrder): ProcessEnd {
    this.#isTunnelled = true;
    services.tell(
      `${this.#name} is connected through its login from now on, since it said: ${unreached}. The option tunnel of ` +
        "SSHSlaveArray saves it from trying",
    );
    return { code: null, signal: null, reason: unreached, mayPass: true };
  }
}

/** A port of the host that leads to the master. */
interface Tunnel {
  readonly masterAt: { readonly hosts: readonly string[]; readonly port: number };
  /** The words that make ssh open it, see ssh(1). */
  readonly words: readonly string[];
}

/** The port is chosen here, at random. If the host chose it, it would be known too late for the agent's standard input. */
function openTunnel({ hosts, port }: ConnectionInfo): Tunnel {
  const farPort = FIRST_TUNNEL_PORT + Math.floor(Math.random() * TUNNEL_PORTS);
  const master = hostAndPort(hosts.at(-1)!, port);
  return {
    masterAt: { hosts: ["127.0.0.1"], port: farPort },
    words: ["-o", "ExitOnForwardFailure=yes", "-R", `127.0.0.1:${farPort}:${master}`],
  };
}

/** How many characters at the end of a login's output are kept. */
const KEPT_CHARACTERS = 16 * 1024;

/** Keeps the output of a login, the banners of the host and the complaints of ssh: it is not output of tasks. */
class LoginOutput extends OutputSink {
  override readonly target = "null";
  readonly #decoder = new TextDecoder();
  /** The end of the output. */
  text = "";

  protected override take(bytes: Uint8Array): Promise<void> {
    const text = this.text + this.#decoder.decode(bytes, { stream: true });
    // ssh ends its lines as for a terminal.
    this.text = text.replaceAll("\r", "").slice(-KEPT_CHARACTERS);
    return Promise.resolve();
  }

  override [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
