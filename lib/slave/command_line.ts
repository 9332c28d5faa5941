/**
 * What a user may ask of the slave's program. A manager uses none of this.
 *
 * @module
 */

import { printError } from "../print_error.ts";
import { PROTOCOL_VERSION, VERSION } from "../wire/handshake.ts";

const USAGE = `The program that runs on the slaves of parallel. Managers start it.

Usage, by hand:
  deno run --allow-net slave.ts --check HOST:PORT   can a slave on this machine reach the master there?
  deno run slave.ts --version                       versions of parallel, its protocol and Deno
  deno run slave.ts --help                          this text

HOST:PORT is in a slave's output: "Cannot connect to the master at HOST:PORT". An IPv6 address
stands in brackets. The exit code of --check is 0 if the master can be reached, 1 if not, and 2
or 3 if that was not tried: the words are wrong, or the permission is missing. The master tells of
each check that it refused a connection.`;

/**
 * Does what the words ask for.
 *
 * @param args Words of the command line, of which the first is one of `--check`, `--help`, `--version`.
 * @returns The exit code.
 */
export async function runCommand([command, ...rest]: readonly string[]): Promise<number> {
  if (command === "--version") {
    const { deno } = Deno.version;
    console.log(`parallel ${VERSION}, protocol ${PROTOCOL_VERSION}, deno ${deno}`);
    return 0;
  }
  if (command !== "--check") {
    console.log(USAGE);
    return 0;
  }
  const address = rest.length === 1 ? parseAddress(rest[0]) : undefined;
  if (address === undefined) {
    printError(
      `--check takes one HOST:PORT, such as nodeA:4711 or [::1]:4711, not "${
        rest.join(" ")
      }"\n\n${USAGE}`,
    );
    return 2;
  }
  // Loaded only here, because no other command needs the network.
  const { checkMaster } = await import("./check.ts");
  return await checkMaster(address.host, address.port, console.log) ? 0 : 1;
}

function parseAddress(text: string): { host: string; port: number } | undefined {
  const [, address, name, digits] = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d+)$/.exec(text) ?? [];
  const port = Number(digits);
  return port >= 1 && port <= 65535 ? { host: address ?? name, port } : undefined;
}
