import { assertEquals, assertRejects } from "@std/assert";
import { FileSender } from "../../../lib/master/sent/file_sender.ts";
import { Digests, makeParcel, type Parcel } from "../../../lib/master/sent/parcel.ts";
import { TempFolder } from "../../support/temp_folder.ts";

/** What was posted, a line for each part and one for each time that all was waited for. */
class PostedParts {
  readonly lines: string[] = [];
  bytes = 0;
  /** Is called with each line. */
  onLine: (line: string) => void = () => {};

  post(text: string, [buffer]: readonly Uint8Array[] = []): void {
    const { type, hash, isLast } = JSON.parse(text);
    this.bytes += buffer.length;
    this.#add(`${type} ${hash.slice(0, 4)} ${buffer.length}${isLast ? " last" : ""}`);
  }

  flush(): void {}

  flushed(): Promise<void> {
    this.#add("flushed");
    return Promise.resolve();
  }

  #add(line: string): void {
    this.lines.push(line);
    this.onLine(line);
  }
}

async function parcelOf(...files: string[]): Promise<Parcel> {
  const graph = { modules: [], packages: [], redirects: new Map(), installed: [], faults: [] };
  return await makeParcel(
    graph,
    new Map([["deno.json", { text: "{}" }]]),
    files,
    new Digests(new AbortController().signal),
  );
}

Deno.test("FileSender: sends small files together and large ones in parts, and waits until they have left", async () => {
  await using folder = new TempFolder();
  folder.write("small.txt", "abc");
  folder.write("empty.txt", "");
  folder.write("large.txt", "x".repeat(600 * 1024));
  const names = ["small.txt", "empty.txt", "large.txt"];
  const parcel = await parcelOf(...names.map((name) => folder.file(name)));
  const [config, small, empty, large] = parcel.files.map(({ hash }) => hash);
  const posted = new PostedParts();
  const sender = new FileSender(parcel, posted);
  await sender.send([small, config, empty, large]);
  const part = 256 * 1024;
  assertEquals(posted.lines, [
    `file-part ${small.slice(0, 4)} 3 last`,
    `file-part ${config.slice(0, 4)} 2 last`,
    `file-part ${empty.slice(0, 4)} 0 last`,
    `file-part ${large.slice(0, 4)} ${part}`,
    "flushed",
    `file-part ${large.slice(0, 4)} ${part}`,
    "flushed",
    `file-part ${large.slice(0, 4)} ${600 * 1024 - 2 * part} last`,
    "flushed",
  ]);
  assertEquals([sender.sentBytes, posted.bytes], [600 * 1024 + 5, 600 * 1024 + 5]);
});

Deno.test("FileSender: a file that changes while it is being sent, or has gone, is named, and word that the rest does not come leaves in place of its last part", async () => {
  await using folder = new TempFolder();
  for (const change of ["rewritten", "gone"]) {
    folder.write("data.txt", "x".repeat(600 * 1024));
    const parcel = await parcelOf(folder.file("data.txt"));
    const posted = new PostedParts();
    const rewrite = () => {
      using file = Deno.openSync(folder.file("data.txt"), { write: true });
      file.seekSync(-1, Deno.SeekMode.End);
      file.writeSync(new TextEncoder().encode("y"));
    };
    if (change === "gone") Deno.removeSync(folder.file("data.txt"));
    else posted.onLine = rewrite;
    await assertRejects(
      () => new FileSender(parcel, posted).send([parcel.files[1].hash]),
      Error,
      change === "gone"
        ? `Cannot send ${folder.file("data.txt")}: No such file or directory`
        : `${
          folder.file("data.txt")
        } changed while it was being sent. Leave the files of a script alone while it runs`,
    );
    const last = posted.lines.filter((line) => line.endsWith("last"));
    assertEquals(last, ["file-part  0 last"]);
    assertEquals(posted.lines.at(-1), last[0]);
  }
});

Deno.test("FileSender: a file that grows is sent as it was", async () => {
  await using folder = new TempFolder();
  const part = 256 * 1024;
  for (const size of [0, 3, part, 600 * 1024]) {
    folder.write("log.txt", "x".repeat(size));
    const parcel = await parcelOf(folder.file("log.txt"));
    const posted = new PostedParts();
    const grow = () => Deno.writeTextFileSync(folder.file("log.txt"), "y", { append: true });
    grow();
    posted.onLine = grow;
    const sender = new FileSender(parcel, posted);
    await sender.send([parcel.files[1].hash]);
    assertEquals([sender.sentBytes, posted.bytes], [size, size]);
    const isLast = posted.lines.filter((line) => line.startsWith("file")).map((line) =>
      line.endsWith("last")
    );
    assertEquals(isLast, [...Array(Math.max(0, Math.ceil(size / part) - 1)).fill(false), true]);
  }
});

Deno.test("FileSender: an agent that goes while it is being sent a file is no fault of the file", async () => {
  await using folder = new TempFolder();
  folder.write("data.txt", "x".repeat(600 * 1024));
  const parcel = await parcelOf(folder.file("data.txt"));
  const posted = new PostedParts();
  posted.onLine = () => {
    throw new Error("the connection to its agent has ended");
  };
  const { message } = await assertRejects(
    () => new FileSender(parcel, posted).send([parcel.files[1].hash]),
    Error,
  );
  assertEquals(message, "the connection to its agent has ended");
});

Deno.test("FileSender: refuses to send what was not offered", async () => {
  const parcel = await parcelOf();
  const { message } = await assertRejects(
    () => new FileSender(parcel, new PostedParts()).send(["../secret"]),
    Error,
  );
  assertEquals(message, "An agent asks for ../secret, which it was not told of");
});
