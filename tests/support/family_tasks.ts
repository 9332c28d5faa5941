/** Tasks that start programs, which hold the pipe of a test's `Holders` open as long as they live. */

/** A child that no signal ends but SIGKILL, and its own child; both hold what the slave prints to. */
const STUBBORN = `exec 3> "$0"
  trap "" HUP INT TERM
  sleep 1000 &
  echo started >&3
  echo
  wait`;

/** A program that leaves the group of the slave, as a daemon does. */
const DAEMON =
  `setsid sh -c 'exec 3> "$0"; echo "daemon $$" >&3; exec sleep 1000' "$0" < /dev/null > /dev/null 2>&1 &`;

/** Starts a child that ends by SIGKILL alone, and a grandchild; returns when they run. */
export async function startFamily(pipe: string): Promise<void> {
  const child = start(STUBBORN, pipe);
  const reader = child.stdout.getReader();
  await reader.read();
  reader.releaseLock();
}

/** Starts them, and computes for ever. */
export async function startFamilyAndLoop(pipe: string): Promise<never> {
  await startFamily(pipe);
  for (;;);
}

/** Starts a daemon; returns when it has left the slave's group. */
export async function startDaemon(pipe: string): Promise<void> {
  await start(DAEMON, pipe).status;
}

function start(script: string, pipe: string): Deno.ChildProcess {
  const args = ["-c", script, pipe];
  return new Deno.Command("/bin/sh", { args, stdin: "null", stdout: "piped" }).spawn();
}
