import { assertEquals, assertMatch } from "@std/assert";
import {
  BEGIN_MARK,
  FAULT_MARK,
  remoteCommand,
  type RemoteScriptParts,
} from "../../../lib/launch/ssh/remote_script.ts";
import { TempFolder } from "../../support/temp_folder.ts";

/** A host, on which a login has an empty home folder and a place for temporary files. */
class Host implements AsyncDisposable {
  readonly folder = new TempFolder();
  readonly temporary = this.folder.file("tmp");

  constructor() {
    Deno.mkdirSync(this.temporary);
    Deno.mkdirSync(this.folder.file("home"));
  }

  /** Runs the command as a login does, by a shell that is asked for; returns the exit code and what it printed, line by line. */
  async run(parts: Partial<RemoteScriptParts>, shell = "/bin/sh") {
    const command = remoteCommand({
      isProgramSent: false,
      cwd: "/",
      command: ["/bin/echo", "agent"],
      ...parts,
    });
    const { code, stdout, stderr } = await new Deno.Command(shell, {
      args: ["-c", command],
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin", HOME: this.folder.file("home"), TMPDIR: this.temporary },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    const printed = decoder.decode(stdout) + decoder.decode(stderr);
    return { code, lines: printed.split("\n").filter((line) => line !== "") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
  }
}

Deno.test("remoteCommand: is one line, and no shell of a login finds a backslash in it that it reads in its own way", () => {
  const command = remoteCommand({
    isProgramSent: false,
    cwd: "/home/me",
    command: ["deno", "run", "slave.ts"],
  });
  assertMatch(command, /^exec \/bin\/sh -c '[^\n]*'$/);
  // Between two quoted parts it means the same to all of them.
  assertEquals(command.replaceAll(`'\\''`, "").includes("\\"), false);
});

for (const shell of ["/bin/sh", "/bin/bash"]) {
  Deno.test(`remoteCommand: runs the agent in its folder, words as they are, and leaves nothing, by ${shell}`, async () => {
    await using host = new Host();
    const cwd = host.folder.file("it's $HOME\\ (mine)");
    Deno.mkdirSync(cwd);
    const script = 'printf "%s|" "$@"; pwd; test -d "$DENO_DIR" && echo "$DENO_DIR"; exit 7';
    const words = ["a b", "$HOME", "it's", '"', "\\n"];
    const { code, lines } = await host.run(
      { cwd, command: ["/bin/sh", "-c", script, "name", ...words] },
      shell,
    );
    assertEquals(code, 7);
    assertEquals(lines.slice(0, 2), [BEGIN_MARK, `${words.join("|")}|${cwd}`]);
    assertEquals(lines[2].startsWith(`${host.temporary}/parallel-deno-ssh.`), true);
    assertEquals(host.folder.names("tmp"), []);
  });
}

Deno.test("remoteCommand: a slave that runs out of memory leaves no core file", async () => {
  await using host = new Host();
  const command = remoteCommand({
    isProgramSent: false,
    cwd: "/",
    command: ["/bin/sh", "-c", "ulimit -c"],
  });
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", `ulimit -c 7; ${command}`],
    env: { TMPDIR: host.temporary },
    stdin: "null",
  }).output();
  assertEquals(new TextDecoder().decode(stdout).trim().split("\n"), [BEGIN_MARK, "0"]);
});

Deno.test("remoteCommand: finds Deno in ~/.deno/bin, behind what is on PATH", async () => {
  await using host = new Host();
  const bin = host.folder.file("home/.deno/bin");
  Deno.mkdirSync(bin, { recursive: true });
  for (const name of ["own-deno", "ls"]) {
    Deno.writeTextFileSync(`${bin}/${name}`, "#!/bin/sh\necho its own\n", { mode: 0o755 });
  }
  assertEquals((await host.run({ command: ["own-deno"] })).lines, [BEGIN_MARK, "its own"]);
  assertEquals((await host.run({ command: ["ls", "-d", "/"] })).lines, [BEGIN_MARK, "/"]);
});

Deno.test("remoteCommand: says that there is no Deno, and what to do", async () => {
  await using host = new Host();
  const { code, lines } = await host.run({ command: ["/opt/deno's", "run"] });
  assertEquals([code, lines], [1, [
    BEGIN_MARK,
    `${FAULT_MARK}there is no /opt/deno's, neither on the PATH that a login by ssh has there nor in ~/.deno/bin. Install Deno ` +
    "there, or set the option deno of SSHSlaveArray to its path",
  ]]);
});

Deno.test("remoteCommand: says that the host does not see the folder, and what to do", async () => {
  await using host = new Host();
  const { code, lines } = await host.run({ cwd: "/nowhere/$HOME" });
  assertEquals(code, 1);
  assertEquals(lines.filter((line) => line.startsWith(FAULT_MARK)), [
    `${FAULT_MARK}it does not see the folder /nowhere/$HOME. Start the master in a folder that this host sees under the same path, or ` +
    'set the option cwd of SSHSlaveArray; or set its option files to "sent"',
  ]);
});

Deno.test("remoteCommand: lays a program that comes first on standard input, leaves the rest to the agent, and runs it where the login is if its folder is not there", async () => {
  await using host = new Host();
  const script = 'cat "$1"; echo; cat; test "$1" = "$DENO_DIR/agent.js" && pwd';
  const command = remoteCommand({
    isProgramSent: true,
    cwd: "/nowhere/project",
    mayStayOut: true,
    denoDir: host.folder.file("caches/$LOGNAME"),
    command: ["/bin/sh", "-c", script, "name"],
  });
  const shell = new Deno.Command("/bin/sh", {
    args: ["-c", command],
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", HOME: host.folder.file("home"), LOGNAME: "me" },
    cwd: host.temporary,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = shell.stdin.getWriter();
  await writer.write(new TextEncoder().encode("a 'program' $x \"of\" 1%s line\nand\nthe rest"));
  await writer.close();
  const { stdout } = await shell.output();
  assertEquals(new TextDecoder().decode(stdout).split("\n").slice(1), [
    "a 'program' $x \"of\" 1%s line",
    "and",
    `the rest${host.temporary}`,
    "",
  ]);
  assertEquals(host.folder.names("caches/me"), []);
});

Deno.test("remoteCommand: says that its disk is full where a folder can still be made, and removes that", async () => {
  await using host = new Host();
  const bin = host.folder.file("home/.deno/bin");
  Deno.mkdirSync(bin, { recursive: true });
  // As on a full disk.
  const limited = `ulimit -f 1; trap "" XFSZ; ${
    remoteCommand({ isProgramSent: false, cwd: "/", command: ["echo"] })
  }`;
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", limited],
    env: { HOME: host.folder.file("home"), TMPDIR: host.temporary },
    stdin: "null",
  }).output();
  const [, line] = new TextDecoder().decode(stdout).split("\n");
  assertEquals(
    line,
    `${FAULT_MARK}its disk for temporary files is full. Make room there, or set the option denoDir of SSHSlaveArray to a folder that ` +
      "has room",
  );
  assertEquals(host.folder.names("tmp"), []);
});

Deno.test("remoteCommand: takes the folder for Deno's caches that was chosen, and leaves it", async () => {
  await using host = new Host();
  const { lines } = await host.run({
    command: ["/bin/sh", "-c", 'echo "$DENO_DIR"'],
    denoDir: "$HOME/my cache",
  });
  assertEquals(lines, [BEGIN_MARK, `${host.folder.file("home")}/my cache`]);
  assertEquals(host.folder.names("tmp"), []);
});
