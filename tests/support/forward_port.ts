/**
 * Passes on what comes to a port of this machine, as `ssh -R HOST:PORT:TO_HOST:TO_PORT` does on another one; its argument is those
 * words. Prints a word as soon as it listens.
 *
 * @module
 */

const [, hostname, port, toHost, toPort] = /^(.+):(\d+):(.+):(\d+)$/.exec(Deno.args[0])!;
const listener = Deno.listen({ hostname, port: Number(port) });
console.log("listening");
for await (const near of listener) {
  const far = await Deno.connect({ hostname: toHost, port: Number(toPort) });
  // Whoever ends first ends both.
  Promise.all([
    near.readable.pipeTo(far.writable),
    far.readable.pipeTo(near.writable),
  ]).catch(() => {});
}
