/**
 * Below what the system hands out by itself (from 32768 on Linux, from 49152 elsewhere): what it hands out is soon in use again,
 * for a connection of whichever process.
 */
const FIRST_PORT = 10_000;
const PORTS = 22_000;

/** A port of the loopback that nobody listens on, and that nobody is given who does not ask for it. */
export function freePort(): number {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
