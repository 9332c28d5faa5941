/** Connects to a port, reads so many bytes into memory, and answers by one. */

const [port, count] = Deno.args.map(Number);
using connection = await Deno.connect({ hostname: "127.0.0.1", port });
const bytes = new Uint8Array(count);
for (let length = 0; length < count;) {
  const read = await connection.read(bytes.subarray(length));
  if (read === null) throw new Error(`The connection ended after ${length} bytes`);
  length += read;
}
await connection.write(new Uint8Array(1));
