/** Tasks that reach for what a slave may have no permission for: they return `ok`, or the name of the error. */

async function attempt(action: () => unknown): Promise<string> {
  try {
    await action();
    return "ok";
  } catch (error) {
    return (error as Error).name;
  }
}

/** Reads a file. */
export function readFile(path: string): Promise<string> {
  return attempt(() => Deno.readTextFile(path));
}

/** Writes a file. */
export function writeFile(path: string): Promise<string> {
  return attempt(() => Deno.writeTextFile(path, "written"));
}

/** Connects to a port of this machine. */
export function connect(port: number): Promise<string> {
  return attempt(async () => (await Deno.connect({ hostname: "127.0.0.1", port })).close());
}

/** Listens on a port of this machine. */
export function listen(port: number): Promise<string> {
  return attempt(() => Deno.listen({ hostname: "127.0.0.1", port }).close());
}

/** Asks a port of this machine over HTTP. */
export function fetchPort(port: number): Promise<string> {
  return attempt(() => fetch(`http://127.0.0.1:${port}/`));
}

/** Reads an environment variable. */
export function readEnvironment(name: string): Promise<string> {
  return attempt(() => Deno.env.get(name));
}

/** Runs a program. */
export function runProgram(program: string): Promise<string> {
  return attempt(() => new Deno.Command(program, { stdin: "null" }).output());
}

/** Asks for the machine's name. */
export function askHostName(): Promise<string> {
  return attempt(() => Deno.hostname());
}

/** Sends a signal to the process that started this one. */
export function killParent(): Promise<string> {
  return attempt(() => Deno.kill(Deno.ppid, "SIGCONT"));
}

/** Loads a library of machine code. */
export function openLibrary(name: string): Promise<string> {
  return attempt(() => Deno.dlopen(name, {}));
}

/** Imports a module. */
export function importModule(url: string): Promise<string> {
  return attempt(() => import(url));
}

/** Tells what it may do on the network with a host, or a host and port. */
export function askNet(host: string): string {
  return Deno.permissions.querySync({ name: "net", host }).state;
}
