import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { OutputError, ResultWriter, type Writable } from "../../lib/cli/result_writer.ts";

/** Keeps what is written, a few bytes at a time. */
class Target implements Writable {
  readonly pieces: string[] = [];
  readonly #atOnce: number;

  constructor(atOnce = Infinity) {
    this.#atOnce = atOnce;
  }

  write(bytes: Uint8Array): Promise<number> {
    const piece = bytes.subarray(0, this.#atOnce);
    this.pieces.push(new TextDecoder().decode(piece));
    return Promise.resolve(piece.length);
  }
}

function failTest(error: unknown): void {
  throw error;
}

Deno.test("ResultWriter: results that come together are written together, soon after", async () => {
  const target = new Target();
  const written = Promise.withResolvers<void>();
  const writer = new ResultWriter(
    { write: (bytes) => (queueMicrotask(written.resolve), target.write(bytes)) },
    failTest,
  );
  for (let i = 0; i < 1000; i++) assertEquals(writer.write(`${i % 10}`), undefined);
  assertEquals(target.pieces, []);
  await written.promise;
  assertEquals(target.pieces, ["0123456789".repeat(100)]);
});

Deno.test("ResultWriter: has who writes much wait, and writes everything in order", async () => {
  const target = new Target(50_000);
  const writer = new ResultWriter(target, failTest);
  let waits = 0;
  let expected = "";
  for (let i = 0; i < 20_000; i++) {
    const wait = writer.write(`${i},`);
    expected += `${i},`;
    if (wait === undefined) continue;
    waits++;
    await wait;
  }
  await writer.flush();
  assertEquals(waits, 1);
  assertEquals(target.pieces.join(""), expected);
  assert(target.pieces.length <= 4, `${target.pieces.length}`);
});

Deno.test("ResultWriter: bytes and texts are written in their order", async () => {
  const target = new Target();
  const writer = new ResultWriter(target, failTest);
  for (const part of ["a", new Uint8Array([98]), "c", "d"]) writer.write(part);
  await writer.flush();
  assertEquals(target.pieces.join(""), "abcd");
});

Deno.test("ResultWriter: who does not wait is told that nobody reads, and who writes later", async () => {
  const told = Promise.withResolvers<unknown>();
  const cause = new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
  const writer = new ResultWriter({ write: () => Promise.reject(cause) }, told.resolve);
  writer.write("a");
  const error = await told.promise;
  assert(error instanceof OutputError);
  assertEquals([error.message, error.cause], [
    "Cannot write the results: Broken pipe (os error 32)",
    cause,
  ]);
  assertThrows(() => writer.write("b"), OutputError);
  await assertRejects(() => writer.flush(), OutputError);
});
