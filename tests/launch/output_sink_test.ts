import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  openAgentOutputSink,
  openOutputSink,
  openRemoteOutputSink,
  type OutputSink,
} from "../../lib/launch/output_sink.ts";
import type { OutputNews } from "../../lib/wire/messages.ts";
import { NoLocks } from "../support/no_locks.ts";
import { TempFolder } from "../support/temp_folder.ts";

const OUTPUT_SINK_URL = new URL("../../lib/launch/output_sink.ts", import.meta.url).href;

const encoder = new TextEncoder();

async function print(sink: OutputSink, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) await sink.write(encoder.encode(text));
}

/** A process that writes a slave's output, line by line as it is told to. */
class OtherWriter implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: WritableStreamDefaultWriter<Uint8Array>;
  readonly #written: ReadableStreamDefaultReader<Uint8Array>;

  constructor(output: string) {
    const program = `
      import { openOutputSink } from ${JSON.stringify(OUTPUT_SINK_URL)};
      const sink = openOutputSink(${JSON.stringify(output)}, 0);
      for await (const line of Deno.stdin.readable) {
        await sink.write(line);
        await Deno.stdout.write(new Uint8Array(1));
      }
      await sink[Symbol.asyncDispose]();
    `;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-write",
        "--no-check",
        `data:text/javascript,${encodeURIComponent(program)}`,
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = this.#process.stdin.getWriter();
    this.#written = this.#process.stdout.getReader();
  }

  /** Has a line written, and waits for it. */
  async print(line: string): Promise<void> {
    await this.#lines.write(encoder.encode(line + "\n"));
    await this.#written.read();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lines.close();
    await this.#written.cancel();
    await this.#process.status;
  }
}

/** Keeps what is written to standard error, one text for each write. */
class StandardError implements Disposable {
  readonly writes: string[] = [];
  readonly #writeSync = Deno.stderr.writeSync;

  /** @param most How many bytes one write takes. */
  constructor(most = Infinity) {
    Deno.stderr.writeSync = (bytes) => {
      const taken = bytes.subarray(0, most);
      this.writes.push(new TextDecoder().decode(taken));
      return taken.length;
    };
  }

  [Symbol.dispose](): void {
    Deno.stderr.writeSync = this.#writeSync;
  }
}

Deno.test("openOutputSink: writes a file that has the slave's number in its name", async () => {
  await using folder = new TempFolder();
  {
    await using sink = openOutputSink(folder.file("a%d-%d.output"), 7);
    assertEquals(sink.target, folder.file("a7-7.output"));
    await print(sink, "one\nt", "wo\n");
  }
  assertEquals(Deno.readTextFileSync(folder.file("a7-7.output")), "one\ntwo\n");
});

Deno.test("openOutputSink: a file appears with its first byte, and one of an earlier run is emptied at once", async () => {
  await using folder = new TempFolder();
  folder.write("0.output", "old");
  await using old = openOutputSink(folder.file("%d.output"), 0);
  await using sink = openOutputSink(folder.file("%d.output"), 1);
  assertEquals(Deno.readTextFileSync(folder.file("0.output")), "");
  await print(sink, "");
  assertEquals(folder.names(), ["0.output"]);
  assertEquals([old.file, sink.file], [undefined, undefined]);
  await print(sink, "one\n");
  assertEquals(folder.lines("1.output"), ["one"]);
  assertEquals(sink.file, sink.target);
});

Deno.test("openOutputSink: tells once that a file has got its first bytes, and whether another writes it", async () => {
  await using folder = new TempFolder();
  const told: OutputNews[] = [];
  const open = () => openOutputSink(folder.file("%d.output"), 0, (news) => told.push(news));
  await using first = open();
  await print(first, "one\n", "two\n");
  assertEquals(told, [{ type: "output-begun", isShared: false }]);
  await using second = open();
  await print(second, "three\n", "four\n");
  assertEquals(told.slice(1), [{ type: "output-begun", isShared: true }]);
  await print(first, "five\n");
  assertEquals(folder.lines("0.output"), ["one", "two", "three", "four", "five"]);
});

Deno.test("openOutputSink: one that empties the file when the first bytes come is told of as one that writes it", async () => {
  await using folder = new TempFolder();
  const told: OutputNews[] = [];
  await using sink = openOutputSink(folder.file("%d.output"), 0, (news) => told.push(news));
  folder.write("0.output", "");
  {
    using emptying = Deno.openSync(folder.file("0.output"), { write: true });
    emptying.lockSync(true);
    await print(sink, "one\n");
  }
  assertEquals(told, [{ type: "output-begun", isShared: true }]);
});

Deno.test("openOutputSink: what another run has printed before the first byte came is kept", async () => {
  await using folder = new TempFolder();
  await using sink = openOutputSink(folder.file("%d.output"), 0);
  {
    await using other = new OtherWriter(folder.file("%d.output"));
    await other.print("other");
  }
  await print(sink, "here\n");
  assertEquals(folder.lines("0.output"), ["other", "here"]);
});

Deno.test("openOutputSink: a file is where its name was meant, also if the script goes to another folder", async () => {
  await using folder = new TempFolder();
  await using other = new TempFolder();
  const cwd = Deno.cwd();
  try {
    Deno.chdir(folder.path);
    await using sink = openOutputSink("%d.output", 3);
    Deno.chdir(other.path);
    await print(sink, "one\n");
    assertEquals(sink.target, "3.output");
  } finally {
    Deno.chdir(cwd);
  }
  assertEquals([folder.names(), other.names()], [["3.output"], []]);
});

Deno.test("openOutputSink: a full disk costs output alone, and is told once", async () => {
  const told: OutputNews[] = [];
  await using sink = openOutputSink("/dev/full", 0, (news) => told.push(news));
  await print(sink, "one\n", "two\n");
  const full = { type: "output-failed", reason: "No space left on device (os error 28)" } as const;
  assertEquals([told, sink.file, sink.tail], [[full], undefined, "one\ntwo"]);
});

/** Has writes to files fail until there is room again. */
class FullDisk implements Disposable {
  readonly #write = Deno.FsFile.prototype.write;

  constructor() {
    Deno.FsFile.prototype.write = () => Promise.reject(new Error("No space left on device"));
  }

  [Symbol.dispose](): void {
    Deno.FsFile.prototype.write = this.#write;
  }
}

Deno.test("openOutputSink: goes on after writes that failed, and tells of the first", async () => {
  await using folder = new TempFolder();
  const told: OutputNews[] = [];
  {
    await using sink = openOutputSink(folder.file("%d.output"), 0, (news) => told.push(news));
    await print(sink, "one\n");
    {
      using _full = new FullDisk();
      // Nobody waits for the first: the second is tried all the same.
      sink.write(encoder.encode("two\n"));
      await print(sink, "three\n");
    }
    await print(sink, "four\n");
  }
  assertEquals(folder.lines("0.output"), ["one", "four"]);
  assertEquals(told, [
    { type: "output-begun", isShared: false },
    { type: "output-failed", reason: "No space left on device" },
  ]);
});

Deno.test("openOutputSink: a folder that goes missing costs output alone, until it is there", async () => {
  await using folder = new TempFolder();
  const told: OutputNews[] = [];
  await using sink = openOutputSink(folder.file("sub/%d.output"), 0, (news) => told.push(news));
  await print(sink, "one\n");
  // The same for all slaves.
  assertEquals(told, [
    { type: "output-failed", reason: "No such file or directory (os error 2)" },
  ]);
  Deno.mkdirSync(folder.file("sub"));
  await print(sink, "two\n");
  assertEquals(folder.lines("sub/0.output"), ["two"]);
  assertEquals(told.length, 2);
});

Deno.test("openOutputSink: does not empty a file again that this process has begun", async () => {
  await using folder = new TempFolder();
  folder.write("0.output", "old\n");
  for (const text of ["first\n", "second\n"]) {
    await using sink = openOutputSink(folder.file("%d.output"), 0);
    await print(sink, text);
  }
  assertEquals(folder.lines("0.output"), ["first", "second"]);
});

Deno.test("openOutputSink: does not empty a file that another process writes, and takes nothing of it", async () => {
  await using folder = new TempFolder();
  folder.write("0.output", "old\n");
  await using writer = new OtherWriter(folder.file("%d.output"));
  await writer.print("first");
  {
    await using sink = openOutputSink(folder.file("%d.output"), 0);
    await print(sink, "second\n");
    await writer.print("third");
    await print(sink, "fourth\n");
  }
  assertEquals(folder.lines("0.output"), ["first", "second", "third", "fourth"]);
});

Deno.test("openOutputSink: does not empty a file that another writes which was not the first to", async () => {
  await using folder = new TempFolder();
  await using second = new OtherWriter(folder.file("%d.output"));
  {
    await using first = new OtherWriter(folder.file("%d.output"));
    await first.print("one");
    await second.print("two");
  }
  await using sink = openOutputSink(folder.file("%d.output"), 0);
  await print(sink, "three\n");
  await second.print("four");
  assertEquals(folder.lines("0.output"), ["one", "two", "three", "four"]);
});

Deno.test("openOutputSink: does not empty a file that one writes which came while another was emptying it", async () => {
  await using folder = new TempFolder();
  folder.write("0.output", "");
  const openWhileEmptied = () => {
    using emptying = Deno.openSync(folder.file("0.output"), { write: true });
    emptying.lockSync(true);
    return openOutputSink(folder.file("%d.output"), 0);
  };
  await using sink = openWhileEmptied();
  await print(sink, "one\n");
  await using other = new OtherWriter(folder.file("%d.output"));
  await other.print("two");
  assertEquals(folder.lines("0.output"), ["one", "two"]);
});

Deno.test("openOutputSink: empties a file of an earlier run on a file system without locks, and writes to devices", async () => {
  using _noLocks = new NoLocks();
  await using folder = new TempFolder();
  folder.write("old.output", "old");
  {
    await using sink = openOutputSink(folder.file("old.output"), 0);
    await print(sink, "new\n");
  }
  assertEquals(folder.lines("old.output"), ["new"]);
  await using device = openOutputSink("/dev/null", 0);
  await print(device, "nowhere\n");
});

Deno.test("openAgentOutputSink: writes behind what is there, into the very file that it is told", async () => {
  await using folder = new TempFolder();
  Deno.mkdirSync(folder.file("100%data"));
  folder.write("100%data/%d.output", "old\n");
  const told: OutputNews[] = [];
  {
    const target = folder.file("100%data/%d.output");
    await using sink = openAgentOutputSink(target, (news) => told.push(news));
    await print(sink, "new\n");
  }
  assertEquals(folder.lines("100%data/%d.output"), ["old", "new"]);
  assertEquals(told, [{ type: "output-begun", isShared: false }]);
  await using nowhere = openAgentOutputSink("null", () => {});
  assertEquals(nowhere.target, "null");
});

Deno.test("openOutputSink: writes of two processes do not mix, whoever waits for them", async () => {
  await using folder = new TempFolder();
  const line = "x".repeat(100_000) + "\n";
  {
    await using sink = openOutputSink(folder.file("output"), 0);
    for (let i = 0; i < 10; i++) sink.write(encoder.encode(line));
  }
  assertEquals(folder.lines("output"), Array(10).fill(line.trimEnd()));
});

Deno.test("openOutputSink: inherit passes whole lines on, each with the slave's number", async () => {
  using stderr = new StandardError();
  await using sink = openOutputSink("inherit", 12);
  await print(sink, "one\ntw", "", "o", "\n\nthree");
  assertEquals(stderr.writes, ["slave 12: one\n", "slave 12: two\n", "slave 12: \n"]);
  assertEquals(sink.target, "inherit");
});

Deno.test("openOutputSink: inherit completes the last line at the end, if there is one", async () => {
  using stderr = new StandardError();
  {
    await using sink = openOutputSink("inherit", 0);
    await print(sink, "one\ntwo");
  }
  {
    await using sink = openOutputSink("inherit", 1);
    await print(sink, "three\n");
  }
  assertEquals(stderr.writes, ["slave 0: one\n", "slave 0: two\n", "slave 1: three\n"]);
});

Deno.test("openOutputSink: inherit keeps characters that two writes share", async () => {
  using stderr = new StandardError();
  await using sink = openOutputSink("inherit", 0);
  for (const byte of encoder.encode("é€😀\n")) await sink.write(new Uint8Array([byte]));
  assertEquals(stderr.writes, ["slave 0: é€😀\n"]);
});

Deno.test("openOutputSink: inherit does not join what comes on both streams of a process", async () => {
  using stderr = new StandardError();
  {
    await using sink = openOutputSink("inherit", 0);
    const bytes = encoder.encode("é");
    await sink.write(encoder.encode("out, "), "stdout");
    await sink.write(bytes.subarray(0, 1), "stderr");
    await sink.write(encoder.encode("more\nout"), "stdout");
    await sink.write(bytes.subarray(1), "stderr");
  }
  assertEquals(stderr.writes, ["slave 0: out, more\n", "slave 0: out\n", "slave 0: é\n"]);
});

Deno.test("openOutputSink: inherit keeps bytes though their memory is used again", async () => {
  using stderr = new StandardError();
  await using sink = openOutputSink("inherit", 0);
  const memory = encoder.encode("one");
  await sink.write(memory);
  memory.fill(0);
  await print(sink, "\n");
  assertEquals(stderr.writes, ["slave 0: one\n"]);
});

Deno.test("openOutputSink: inherit does not join what two processes of a slave print", async () => {
  using stderr = new StandardError();
  await using sink = openOutputSink("inherit", 0);
  await print(sink, "the first dies in its li");
  sink.clearTail();
  await print(sink, "the second\n");
  assertEquals(stderr.writes, ["slave 0: the first dies in its li\n", "slave 0: the second\n"]);
});

Deno.test("openOutputSink: inherit does not wait for ever for the end of a line", async () => {
  using stderr = new StandardError();
  await using sink = openOutputSink("inherit", 0);
  for (let i = 0; i < 300; i++) await print(sink, "x".repeat(1000));
  assert(stderr.writes.length >= 4);
  for (const line of stderr.writes) assert(/^slave 0: x+\n$/.test(line));
});

Deno.test("openOutputSink: inherit goes on until standard error has taken all", async () => {
  using stderr = new StandardError(5);
  await using sink = openOutputSink("inherit", 0);
  await print(sink, "a long line\n");
  assertEquals(stderr.writes.join(""), "slave 0: a long line\n");
});

Deno.test("openOutputSink: inherit goes on when nobody reads standard error any more, and tells of that once", async () => {
  using _stderr = new StandardError();
  Deno.stderr.writeSync = () => {
    throw new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
  };
  const told: OutputNews[] = [];
  {
    await using sink = openOutputSink("inherit", 0, (news) => told.push(news));
    await print(sink, "one\ntw");
    assertEquals(sink.tail, "one\ntw");
    sink.clearTail();
    await print(sink, "three");
  }
  assertEquals(told, [{ type: "output-failed", reason: "Broken pipe (os error 32)" }]);
});

Deno.test("openOutputSink: null drops everything but the last lines", async () => {
  await using sink = openOutputSink("null", 0);
  await print(sink, "one\ntwo\n");
  assertEquals(sink.target, "null");
  assertEquals(sink.tail, "one\ntwo");
});

Deno.test("openRemoteOutputSink: empties the file, names it in full and keeps the last lines", async () => {
  await using folder = new TempFolder();
  folder.write("a3.output", "old");
  await using sink = openRemoteOutputSink(folder.file("a%d.output"), 3);
  assertEquals(sink.target, folder.file("a3.output"));
  await print(sink, "one\n");
  assertEquals(sink.tail, "one");
  // The agent writes it, on the other machine.
  assertEquals(Deno.readTextFileSync(folder.file("a3.output")), "");
  const name = `${crypto.randomUUID()}-%d`;
  await using other = openRemoteOutputSink(name, 4);
  assertEquals(other.target, `${Deno.cwd()}/${name.replace("%d", "4")}`);
});

Deno.test("openRemoteOutputSink: a file that its agent writes is not emptied for a slave on this machine", async () => {
  await using folder = new TempFolder();
  const cwd = Deno.cwd();
  Deno.chdir(folder.path);
  try {
    const output = `${crypto.randomUUID()}-%d`;
    await using remote = openRemoteOutputSink(output, 0);
    Deno.writeTextFileSync(remote.target, "agent\n", { append: true });
    {
      await using sink = openOutputSink(output, 0);
      await print(sink, "here\n");
    }
    assertEquals(Deno.readTextFileSync(remote.target), "agent\nhere\n");
  } finally {
    Deno.chdir(cwd);
  }
});

for (const output of ["file", "inherit", "null"]) {
  Deno.test(`OutputSink.tail: has the last lines of ${output}`, async () => {
    using _stderr = new StandardError();
    await using folder = new TempFolder();
    await using sink = openOutputSink(output === "file" ? folder.file("output") : output, 0);
    assertEquals(sink.tail, "");
    for (let i = 0; i < 1000; i++) await print(sink, `line ${i}\n`);
    const last = Array.from({ length: 10 }, (_, i) => `line ${990 + i}`).join("\n");
    assertEquals(sink.tail, last);
    sink.clearTail();
    assertEquals(sink.tail, "");
    await print(sink, "more");
    assertEquals(sink.tail, "more");
  });
}

Deno.test("OutputSink.tail: has the end of a line that is too long", async () => {
  await using sink = openOutputSink("null", 0);
  await print(sink, "begin" + "x".repeat(10_000), "end\n");
  assert(sink.tail.length <= 2000);
  assertStringIncludes(sink.tail, "xend");
});

Deno.test("OutputSink.tail: has no colours and no blanks around it", async () => {
  await using sink = openOutputSink("null", 0);
  await print(sink, "\n\n\x1b[31merror\x1b[0m: \x1b[1;38;5;245mwhy\x1b[0m\n  at a\n\n");
  assertEquals(sink.tail, "error: why\n  at a");
});

Deno.test("OutputSink.tail: keeps the end of very much, whatever its characters are", async () => {
  await using sink = openOutputSink("null", 0);
  await print(sink, "€".repeat(10_000));
  assertEquals(sink.tail, "€".repeat(2000));
});

Deno.test("OutputSink.tail: has the reason that V8 prints before a long stack of addresses", async () => {
  await using sink = openOutputSink("null", 0);
  const frame = `    /${"folder/".repeat(20)}deno(+0x2c685d8) [0x5585b039c5d8]\n`;
  await print(
    sink,
    "working\n\n#\n# Fatal JavaScript out of memory: Reached heap limit\n#\n",
    `==== C stack trace ===============================\n\n${frame.repeat(25)}`,
  );
  assertEquals(
    sink.tail,
    "working\n\n#\n# Fatal JavaScript out of memory: Reached heap limit\n#",
  );
});
