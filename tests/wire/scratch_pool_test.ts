import { assert, assertEquals } from "@std/assert";
import { ScratchPool } from "../../lib/wire/message_stream.ts";
import { MessageStream } from "../../lib/wire/message_stream.ts";

Deno.test("ScratchPool: lends each piece to one at a time, and no more than there may be", () => {
  const pool = new ScratchPool(8, 2);
  const [first, second] = [pool.take(), pool.take()];
  assert(first !== undefined && second !== undefined && first !== second);
  assertEquals([first.length, second.length, pool.take()], [8, 8, undefined]);
  pool.giveBack(first);
  assert(pool.take() === first);
  assertEquals(pool.take(), undefined);
});

Deno.test("MessageStream: gives memory back that it wrote from, also if it could not write", async () => {
  const written: number[] = [];
  for (let i = 0; i < 100; i++) {
    using stream = new MessageStream({
      read: () => Promise.resolve(null),
      write: (bytes) => {
        written.push(bytes.buffer.byteLength);
        return i % 2 === 0 ? Promise.resolve(bytes.length) : Promise.reject(new Error("no wire"));
      },
      close: () => {},
    });
    stream.postMessage({ text: "short" });
    await stream.flushed();
  }
  assertEquals(written, new Array(100).fill(64 * 1024));
});
