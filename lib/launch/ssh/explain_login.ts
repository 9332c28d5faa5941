/**
 * Explains why a login by ssh brought no agent, from its exit code and its output.
 *
 * @module
 */

import { quote, quoteAll } from "../../shell.ts";
import type { ProcessEnd } from "../command.ts";
import { lastLines } from "../last_lines.ts";
import { BEGIN_MARK, FAULT_MARK, NOTHING_TOLD } from "./remote_script.ts";

/** The exit code when ssh itself has failed, see ssh(1). */
const SSH_FAILED = 255;

/** A login that was tried. */
export interface Login {
  /** What ssh was given as its destination. */
  readonly host: string;
  /** Program and first arguments that log in. */
  readonly ssh: readonly string[];
  /** Whether the agent's connection was to come back through the login. */
  readonly isTunnelled: boolean;
}

/** An error message of ssh. */
interface SSHFault {
  readonly words: RegExp;
  readonly meaning: string;
  /**
   * @param byHand The command to log in by hand, for a shell.
   * @param line The matching words of the message.
   */
  remedy(byHand: string, line: string): string;
  /** Whether another try may succeed. */
  readonly mayPass?: boolean;
}

/** The first match counts: a message about a changed key goes on with a line about unknown keys. */
const SSH_FAULTS: readonly SSHFault[] = [
  {
    words: /^Host key for .* has changed.*$/m,
    meaning: "its host key is another than the one that is known here",
    remedy: (byHand, line) =>
      // Keys are stored under the name that ssh prints, which may have a port, and may differ from the destination.
      `If the host was installed anew, remove the old key (ssh-keygen -R ${
        quote(/for (\S+)/.exec(line)![1])
      }), and log in once by hand: ${byHand}. ` +
      "Otherwise something else may answer in its place",
  },
  {
    words: /^.*(?:host key is known for|Host key verification failed).*$/m,
    meaning: "its host key is not known here",
    remedy: (byHand) => `Log in once by hand, and accept the key: ${byHand}`,
  },
  {
    words: /^.*Could not resolve hostname.*$/m,
    meaning: "its name is not known here",
    remedy: () => "Correct the name, or describe the host in ~/.ssh/config",
  },
  {
    words: /^Permissions .* are too open.*$(?=[^]*Permission denied)/m,
    meaning: "the login was refused, since a key is passed over that others can read",
    remedy: (_, line) => `Close it to them: chmod 600 ${/for (.*) are too/.exec(line)![1]}`,
  },
  {
    words: /^.*(?:Permission denied|Too many authentication failures).*$/m,
    meaning: "the login was refused; no password is asked for",
    remedy: (byHand) =>
      `Have this work without one: ${byHand}. ssh-copy-id installs a key there, and ssh-add unlocks one that has a passphrase`,
  },
  {
    words: /^.*remote port forwarding failed.*$/m,
    meaning: "no way back to the master can be opened through the login",
    remedy: () =>
      "Have AllowTcpForwarding switched on in its sshd_config; or set the options host and port of the manager to what " +
      "it can reach",
    // Another program may have used the port.
    mayPass: true,
  },
  {
    words: /^.*Connection refused.*$/m,
    meaning: "no sshd answers",
    remedy: () => "Start it, or set its port, in ~/.ssh/config or the option ssh of SSHSlaveArray",
  },
  {
    words: /^.*(?:timed out|No route to host|Network is unreachable|Host is down).*$/m,
    meaning: "it does not answer",
    remedy: (byHand) =>
      `Look whether it is up, and whether this works: ${byHand}. What cannot be reached directly needs a ProxyJump in ` +
      "~/.ssh/config",
  },
  {
    words: /^.*(?:kex_exchange_identification|Connection (?:closed|reset) by|banner exchange).*$/m,
    meaning: "the connection was closed before the login",
    remedy: () =>
      "Its sshd, or one on the way, may take fewer logins at a time: see MaxStartups in sshd_config(5)",
    mayPass: true,
  },
];

/**
 * What an agent said that could not connect to the master, if its words are in the output. An agent that the master refuses, as when the
 * manager closes, has reached it.
 */
export function masterUnreached(text: string): string | undefined {
  return /Cannot connect to the master at (?!.*The master refuses this slave).*/.exec(text)?.[0];
}

/**
 * Explains why a login that has ended brought no agent.
 *
 * @param text The output of the login.
 * @returns The end, with a reason, and a remedy without its full stop, if they are known; otherwise with the last words.
 */
export function explainLogin(login: Login, end: ProcessEnd, text: string): ProcessEnd {
  const { host, ssh, isTunnelled } = login;
  const known = (reason: string, mayPass = false): ProcessEnd => ({
    code: null,
    signal: null,
    reason,
    mayPass,
  });
  const words = text.split("\n").filter((line) => line !== BEGIN_MARK).join("\n").trim();
  const ownFault = words.split("\n").find((line) => line.startsWith(FAULT_MARK));
  if (ownFault !== undefined) return known(ownFault.slice(FAULT_MARK.length));
  const [noCache] = /Cannot make a folder for Deno's caches.*/.exec(words) ?? [];
  if (noCache !== undefined) return known(noCache);
  const unreached = masterUnreached(words);
  if (unreached !== undefined) {
    return known(isTunnelled ? `${unreached}, which is the way back through the login` : unreached);
  }
  if (words.includes(NOTHING_TOLD)) {
    return known(
      "what tells its agent of the master was read by something else. A startup file of its login shell, such as ~/.bashrc, " +
        "must not read standard input, or start another program, where there is no terminal",
    );
  }
  if (end.code === SSH_FAILED) {
    const fault = SSH_FAULTS.find((each) => each.words.test(words));
    if (fault !== undefined) {
      const [line] = fault.words.exec(words)!;
      const remedy = fault.remedy(quoteAll([...ssh, host]), line);
      return known(`${fault.meaning}: ${line.replace(/[\s.]+$/, "")}. ${remedy}`, fault.mayPass);
    }
  }
  const tail = lastLines(words);
  if (end.signal === null && end.code !== SSH_FAILED && !text.includes(BEGIN_MARK)) {
    return known(
      `the login ended with exit code ${end.code} before it ran anything of ours. A startup file of its login shell, or a command ` +
        `that its authorized_keys force, may have ended it${
          tail === "" ? "" : `; it printed: ${tail}`
        }`,
    );
  }
  return { ...end, reason: "its login ended", tail };
}
