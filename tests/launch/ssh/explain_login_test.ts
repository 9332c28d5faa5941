import { assertEquals } from "@std/assert";
import { explainLogin } from "../../../lib/launch/ssh/explain_login.ts";
import { BEGIN_MARK, FAULT_MARK } from "../../../lib/launch/ssh/remote_script.ts";

const LOGIN = { host: "me@alice", ssh: ["ssh", "-i", "my key"], isTunnelled: false };
const BY_HAND = "ssh -i 'my key' me@alice";

/** What OpenSSH 9.2 prints, and the reason that it makes, without the remedy. */
const SSH_FAULTS: [what: string, text: string, reason: string, mayPass?: boolean][] = [
  [
    "an unknown host",
    "ssh: Could not resolve hostname alice: Name or service not known",
    "its name is not known here: ssh: Could not resolve hostname alice: Name or service not known. Correct the name, or " +
    "describe the host in ~/.ssh/config",
  ],
  [
    "a refused key",
    "me@alice: Permission denied (publickey).",
    `the login was refused; no password is asked for: me@alice: Permission denied (publickey). Have this work without one: ${BY_HAND}. ` +
    "ssh-copy-id installs a key there, and ssh-add unlocks one that has a passphrase",
  ],
  [
    "a host key that is not known",
    "Host key verification failed.",
    `its host key is not known here: Host key verification failed. Log in once by hand, and accept the key: ${BY_HAND}`,
  ],
  [
    "a host key that has changed",
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nIT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\n" +
    "Host key for alice has changed and you have requested strict checking.\nHost key verification failed.",
    "its host key is another than the one that is known here: Host key for alice has changed and you have requested strict " +
    "checking. If the host was installed anew, remove the old key (ssh-keygen -R alice), and log in once by hand: " +
    `${BY_HAND}. Otherwise something else may answer in its place`,
  ],
  [
    "a host key that has changed, behind a port",
    "Host key for [alice.example.org]:2222 has changed and you have requested strict checking.\nHost key verification failed.",
    "its host key is another than the one that is known here: Host key for [alice.example.org]:2222 has changed and you have " +
    "requested strict checking. If the host was installed anew, remove the old key " +
    `(ssh-keygen -R '[alice.example.org]:2222'), and log in once by hand: ${BY_HAND}. Otherwise something else may answer in its place`,
  ],
  [
    "a key that others can read",
    "@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\nPermissions 0644 for '/home/me/.ssh/id_rsa' are too open.\n" +
    'Load key "/home/me/.ssh/id_rsa": bad permissions\nme@alice: Permission denied (publickey).',
    "the login was refused, since a key is passed over that others can read: Permissions 0644 for '/home/me/.ssh/id_rsa' are too " +
    "open. Close it to them: chmod 600 '/home/me/.ssh/id_rsa'",
  ],
  [
    "a port where nobody listens",
    "ssh: connect to host alice port 22: Connection refused",
    "no sshd answers: ssh: connect to host alice port 22: Connection refused. Start it, or set its port, in ~/.ssh/config or the " +
    "option ssh of SSHSlaveArray",
  ],
  [
    "a host that is down",
    "ssh: connect to host alice port 22: Connection timed out",
    `it does not answer: ssh: connect to host alice port 22: Connection timed out. Look whether it is up, and whether this works: ` +
    `${BY_HAND}. What cannot be reached directly needs a ProxyJump in ~/.ssh/config`,
  ],
  [
    "a jump that cannot reach the host",
    "channel 0: open failed: connect failed: No route to host\nstdio forwarding failed\n" +
    "kex_exchange_identification: Connection closed by remote host",
    `it does not answer: channel 0: open failed: connect failed: No route to host. Look whether it is up, and whether this works: ` +
    `${BY_HAND}. What cannot be reached directly needs a ProxyJump in ~/.ssh/config`,
  ],
  [
    "too many logins at a time",
    "kex_exchange_identification: read: Connection reset by peer\nConnection reset by 10.0.0.1 port 22",
    "the connection was closed before the login: kex_exchange_identification: read: Connection reset by peer. Its sshd, or one on " +
    "the way, may take fewer logins at a time: see MaxStartups in sshd_config(5)",
    true,
  ],
  [
    "a way back that is forbidden",
    "Error: remote port forwarding failed for listen port 12345",
    "no way back to the master can be opened through the login: Error: remote port forwarding failed for listen port 12345. Have " +
    "AllowTcpForwarding switched on in its sshd_config; or set the options host and port of the manager to what it can reach",
    true,
  ],
];

for (const [what, text, reason, mayPass = false] of SSH_FAULTS) {
  Deno.test(`explainLogin: names ${what}, with the remedy, whatever banner stands before`, () => {
    const printed = `Welcome to alice!\nUse of it is watched.\n${text}\n`;
    assertEquals(explainLogin(LOGIN, { code: 255, signal: null }, printed), {
      code: null,
      signal: null,
      reason,
      mayPass,
    });
  });
}

/** The end of a login whose command has failed. */
function ended(text: string, code = 1, login = LOGIN) {
  return explainLogin(login, { code, signal: null }, `banner\n${BEGIN_MARK}\n${text}\n`);
}

Deno.test("explainLogin: what the command itself says is the reason, though ssh ends with the code of its own failures", () => {
  const text = `${FAULT_MARK}there is no deno\nConnection to alice closed by remote host.`;
  assertEquals(ended(text, 255).reason, "there is no deno");
  const full = "mktemp: No space left on device\nCannot make a folder for Deno's caches. Make room";
  assertEquals(ended(full).reason, "Cannot make a folder for Deno's caches. Make room");
});

Deno.test("explainLogin: says which way to the master an agent has not found", () => {
  const words = "Cannot connect to the master at 127.0.0.1:12345: connection refused";
  const text = `This slave cannot serve: ${words}`;
  assertEquals(ended(text, 3).reason, words);
  assertEquals(
    ended(text, 3, { ...LOGIN, isTunnelled: true }).reason,
    `${words}, which is the way back through the login`,
  );
});

Deno.test("explainLogin: names a startup file that has read what is for the agent", () => {
  const text = "This slave cannot serve: nothing was said about a master. Slaves are started …";
  assertEquals(
    ended(text, 3).reason,
    "what tells its agent of the master was read by something else. A startup file of its login shell, such as ~/.bashrc, must not " +
      "read standard input, or start another program, where there is no terminal",
  );
});

Deno.test("explainLogin: says that a login ended before it ran anything, with what it printed", () => {
  const end = explainLogin(LOGIN, { code: 1, signal: null }, "This account is not available.\n");
  assertEquals(
    end.reason,
    "the login ended with exit code 1 before it ran anything of ours. A startup file of its login shell, or a command that its " +
      "authorized_keys force, may have ended it; it printed: This account is not available.",
  );
});

Deno.test("explainLogin: of an end that it does not know it tells how it was, with the last words", () => {
  assertEquals(ended("error: Module not found", 1), {
    code: 1,
    signal: null,
    reason: "its login ended",
    tail: "banner\nerror: Module not found",
  });
});
