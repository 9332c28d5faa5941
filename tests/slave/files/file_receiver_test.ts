import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Clock } from "../../../lib/clock.ts";
import { FileReceiver } from "../../../lib/slave/files/file_receiver.ts";
import type { FromAgent, LaidFile } from "../../../lib/wire/messages.ts";
import { KeepAlive } from "../../support/keep_alive.ts";
import { skipIf } from "../../support/skip.ts";
import { TempFolder } from "../../support/temp_folder.ts";
import { TestClock } from "../../support/test_clock.ts";

const encoder = new TextEncoder();

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", encoder.encode(text));
  return new Uint8Array(digest).toHex();
}

async function fileOf(place: string, text: string): Promise<LaidFile> {
  return { place, hash: await hashOf(text), isExecutable: false };
}

/** A node with a home folder, and agents on it. */
class Node extends TempFolder {
  readonly home = this.file("home");
  readonly store = `${this.home}/.cache/parallel/files`;
  #count = 0;

  constructor() {
    super();
    Deno.mkdirSync(this.home);
  }

  agent(variables: Record<string, string> = { HOME: this.home }, clock?: Clock): Agent {
    const folder = this.file(`agent${this.#count++}`);
    Deno.mkdirSync(folder);
    return new Agent(folder, variables, clock);
  }
}

/** A receiver whose master has some texts. */
class Agent {
  readonly said: FromAgent[] = [];
  readonly receiver: FileReceiver;
  readonly folder: string;
  /** Is called with what is lacking. */
  send: (hashes: readonly string[]) => void = () => {};

  constructor(folder: string, variables: Record<string, string>, clock?: Clock) {
    this.folder = folder;
    const none = { HOME: undefined, XDG_CACHE_HOME: undefined, TMPDIR: undefined };
    this.receiver = new FileReceiver(folder, { ...none, ...variables }, (message) => {
      this.said.push(message);
      if (message.type === "lacking") queueMicrotask(() => this.send(message.hashes));
    }, clock);
  }

  /** Lays files, and is sent these texts for what is lacking, each in two parts. Returns how many were sent. */
  async lay(files: readonly LaidFile[], texts: readonly string[]): Promise<number> {
    const byHash = new Map<string, string>();
    for (const text of texts) byHash.set(await hashOf(text), text);
    let sent = 0;
    this.send = (hashes) => {
      for (const hash of hashes) {
        const bytes = encoder.encode(byHash.get(hash));
        this.receiver.take({ type: "file-part", hash, isLast: false }, bytes.subarray(0, 1));
        this.receiver.take({ type: "file-part", hash, isLast: true }, bytes.subarray(1));
        sent++;
      }
    };
    await this.receiver.lay(files);
    return sent;
  }

  /** Why the last files were not laid. */
  get reason(): string {
    const last = this.said.at(-1);
    return last?.type === "not-laid" ? last.reason : `${last?.type}`;
  }

  read(place: string): string {
    return Deno.readTextFileSync(`${this.folder}/${place}`);
  }
}

Deno.test("FileReceiver: lays what was sent, and what is there already is not sent again, for no agent of this machine", async () => {
  await using node = new Node();
  const files = [
    await fileOf("files/home/me/a.ts", "a"),
    await fileOf("b", "b"),
    await fileOf("c/b", "b"),
  ];
  const first = node.agent();
  assertEquals(await first.lay(files, ["a", "b"]), 2);
  assertEquals(first.said.at(-1), { type: "laid", folder: first.folder });
  assertEquals([first.read("files/home/me/a.ts"), first.read("b"), first.read("c/b")], [
    "a",
    "b",
    "b",
  ]);
  const second = node.agent();
  assertEquals(await second.lay(files, []), 0);
  assertEquals(second.said.map(({ type }) => type), ["laid"]);
  assertEquals(second.read("files/home/me/a.ts"), "a");
  const changed = [await fileOf("files/home/me/a.ts", "new a"), ...files.slice(1)];
  assertEquals(await second.lay(changed, ["new a"]), 1);
  assertEquals(second.read("files/home/me/a.ts"), "new a");
});

Deno.test("FileReceiver: a hundred agents of one machine at the same time are sent each file once", async () => {
  using _alive = new KeepAlive();
  await using node = new Node();
  const files = [await fileOf("a", "a"), await fileOf("b", "b")];
  const agents = Array.from({ length: 100 }, () => node.agent());
  const counts = await Promise.all(agents.map((agent) => agent.lay(files, ["a", "b"])));
  assertEquals(counts.toSorted().at(-1), 2);
  assertEquals(counts.reduce((sum, count) => sum + count), 2);
  for (const agent of agents) assertEquals([agent.reason, agent.read("a")], ["laid", "a"]);
});

Deno.test("FileReceiver: another agent that adds files and has stopped is waited for a minute", async () => {
  await using node = new Node();
  await node.agent().lay([], []);
  using stopped = Deno.openSync(`${node.store}/../lock`, { write: true });
  stopped.lockSync(true);
  const clock = new TestClock();
  const agent = node.agent(undefined, clock);
  const laying = agent.lay([await fileOf("a", "a")], ["a"]);
  await clock.timerSet();
  clock.pass(59_000);
  await clock.timerSet();
  assertEquals(agent.said, []);
  clock.pass(2000);
  assertEquals([await laying, agent.reason], [1, "laid"]);
});

Deno.test("FileReceiver: the store is the user's alone, and has files under their digests", async () => {
  await using node = new Node();
  await node.agent().lay([await fileOf("a", "a")], ["a"]);
  const stored = [...Deno.readDirSync(node.store)].map(({ name }) => name);
  assertEquals(stored, [await hashOf("a")]);
  for (const path of [`${node.home}/.cache/parallel`, node.store]) {
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o700);
  }
  assertEquals(Deno.statSync(`${node.store}/${stored[0]}`).mode! & 0o777, 0o600);
});

Deno.test("FileReceiver: without a home folder the store is in that for temporary files, and XDG_CACHE_HOME goes before a home", async () => {
  await using node = new Node();
  const files = [await fileOf("a", "a")];
  for (const HOME of ["/nowhere/home", "/dev/null/home", ""]) {
    const agent = node.agent({ HOME, TMPDIR: node.path });
    await agent.lay(files, ["a"]);
    assertEquals(agent.reason, "laid");
  }
  assertEquals(node.names(`parallel-${Deno.uid()}`), ["files", "lock"]);
  await node.agent({ HOME: node.home, XDG_CACHE_HOME: node.file("caches") }).lay(files, ["a"]);
  assertEquals(node.names("caches/parallel/files"), [await hashOf("a")]);
  assertEquals(node.names("home"), []);
});

Deno.test("FileReceiver: says so if there is no place for a store", async () => {
  await using node = new Node();
  node.write("home/.cache", "no folder");
  const agent = node.agent({ HOME: node.home, TMPDIR: "/dev/null/tmp" });
  await agent.lay([await fileOf("a", "a")], []);
  assertMatch(
    agent.reason,
    /^Cannot keep the files that the master sends: \S*\/home\/\.cache\/parallel: Not a dir.*; \/dev\/null\/tmp\/parallel-\d+: .*\. Make one/,
  );
});

Deno.test("FileReceiver: a store of the user's own that others may write to is closed to them, and used", async () => {
  await using node = new Node();
  const files = [await fileOf("a", "a")];
  await node.agent().lay(files, ["a"]);
  const parent = `${node.home}/.cache/parallel`;
  for (const folder of [parent, node.store]) {
    for (const mode of [0o720, 0o775, 0o777]) {
      Deno.chmodSync(folder, mode);
      assertEquals(await node.agent().lay(files, []), 0);
      assertEquals(Deno.statSync(folder).mode! & 0o777, 0o700);
    }
  }
});

Deno.test("FileReceiver: a store may be a link that the user has made, to where there is more room", async () => {
  await using node = new Node();
  Deno.mkdirSync(node.file("scratch"));
  Deno.mkdirSync(`${node.home}/.cache`);
  Deno.symlinkSync(node.file("scratch"), `${node.home}/.cache/parallel`);
  const files = [await fileOf("a", "a")];
  assertEquals(await node.agent().lay(files, ["a"]), 1);
  assertEquals(node.names("scratch/files"), [files[0].hash]);
  assertEquals(await node.agent().lay(files, []), 0);
});

Deno.test({
  ...skipIf(
    // Nobody else can give a folder away.
    Deno.uid() === 0 ? undefined : "needs root",
    "FileReceiver: a store that is another user's is passed over, and named where there is no other",
  ),
  async fn() {
    await using node = new Node();
    const files = [await fileOf("a", "a")];
    const parent = `${node.home}/.cache/parallel`;
    Deno.mkdirSync(parent, { recursive: true });
    const owned = {
      folder: () => Deno.chownSync(parent, 12345, null),
      "files in it": () => {
        Deno.chownSync(parent, 0, null);
        Deno.mkdirSync(`${parent}/files`);
        Deno.chownSync(`${parent}/files`, 12345, null);
      },
      link: () => {
        Deno.removeSync(parent, { recursive: true });
        Deno.mkdirSync(node.file("other"));
        Deno.symlinkSync(node.file("other"), parent);
        new Deno.Command("chown", { args: ["-h", "12345", parent] }).outputSync();
      },
      "where a link leads": () => {
        Deno.removeSync(parent);
        Deno.chownSync(node.file("other"), 12345, null);
        Deno.symlinkSync(node.file("other"), parent);
      },
    };
    for (const [what, give] of Object.entries(owned)) {
      give();
      const nowhere = node.agent({ HOME: node.home, TMPDIR: "/dev/null/tmp" });
      await nowhere.lay(files, ["a"]);
      assertStringIncludes(
        nowhere.reason,
        `Cannot keep the files that the master sends: ${parent}: it belongs to user 12345, and slaves run as user 0; /dev/null`,
        what,
      );
      const elsewhere = node.agent({ HOME: node.home, TMPDIR: node.path });
      await elsewhere.lay(files, ["a"]);
      assertEquals([what, elsewhere.reason], [what, "laid"]);
    }
    assertEquals(node.names("parallel-0/files"), [files[0].hash]);
    assertEquals(node.names("other"), []);
  },
});

Deno.test("FileReceiver: a stored file that cannot be read is told as that, with the remedy", async () => {
  await using node = new Node();
  const files = [await fileOf("a", "a")];
  await node.agent().lay(files, ["a"]);
  const agent = node.agent();
  const { open } = Deno;
  Deno.open = () => Promise.reject(new Error("Input/output error (os error 5)"));
  try {
    await agent.lay(files, []);
  } finally {
    Deno.open = open;
  }
  assertEquals(
    agent.reason,
    `Cannot read ${node.store}/${
      files[0].hash
    }: Input/output error (os error 5). Remove it there: it is sent anew`,
  );
  assertEquals(node.names("agent1"), []);
});

Deno.test("FileReceiver: a file in the store that is not what it should be, or a link, is sent anew", async () => {
  await using node = new Node();
  const files = [await fileOf("a", "a")];
  await node.agent().lay(files, ["a"]);
  const stored = `${node.store}/${files[0].hash}`;
  Deno.writeTextFileSync(stored, "evil");
  const second = node.agent();
  assertEquals([await second.lay(files, ["a"]), second.read("a")], [1, "a"]);
  Deno.removeSync(stored);
  node.write("outside", "a");
  Deno.symlinkSync(node.file("outside"), stored);
  const third = node.agent();
  assertEquals([await third.lay(files, ["a"]), third.read("a")], [1, "a"]);
  assertEquals([Deno.lstatSync(stored).isFile, node.lines("outside")], [true, ["a"]]);
});

Deno.test("FileReceiver: what is not what it was sent as is refused, and not kept", async () => {
  await using node = new Node();
  const file = await fileOf("a", "a");
  const agent = node.agent();
  agent.send = ([hash]) => {
    agent.receiver.take({ type: "file-part", hash, isLast: true }, encoder.encode("evil"));
    // What comes after that is dropped.
    agent.receiver.take({ type: "file-part", hash, isLast: true }, encoder.encode("a"));
  };
  await agent.receiver.lay([file]);
  assertEquals(agent.reason, `What was sent as ${file.hash} is ${await hashOf("evil")}`);
  assertEquals([...Deno.readDirSync(node.store)], []);
  assertEquals([...Deno.readDirSync(agent.folder)], []);
});

Deno.test("FileReceiver: parts of what is not lacking, or of two files at a time, are refused", async () => {
  await using node = new Node();
  const files = [await fileOf("a", "a"), await fileOf("b", "b")];
  const other = await hashOf("other");
  for (
    const [sent, reason] of [
      [[other], `${other} was sent, which is not lacking`],
      [[files[0].hash, files[1].hash], `${files[1].hash} came in the middle of another file`],
    ] as const
  ) {
    const agent = node.agent();
    agent.send = () => {
      for (const hash of sent) {
        agent.receiver.take({ type: "file-part", hash, isLast: false }, encoder.encode("a"));
      }
    };
    await agent.receiver.lay(files);
    assertEquals(agent.reason, reason);
  }
  assertEquals([...Deno.readDirSync(node.store)], []);
});

for (
  const place of [
    "../outside",
    "a/../../outside",
    "/outside",
    "",
    "a//b",
    "./a",
    "a/..",
    "a\0b",
  ]
) {
  Deno.test(`FileReceiver: lays nothing at ${JSON.stringify(place)}`, async () => {
    await using node = new Node();
    const agent = node.agent();
    await agent.lay([{ ...await fileOf("a", "a"), place }], ["a"]);
    assertMatch(agent.reason, /^Cannot lay a file at .*, which is no place inside of a folder$/);
    assertEquals(node.names(), ["agent0", "home"]);
  });
}

for (const hash of ["", "../../../agent0/a", "A".repeat(64)]) {
  Deno.test(`FileReceiver: looks for no file under the digest ${JSON.stringify(hash)}`, async () => {
    await using node = new Node();
    const agent = node.agent();
    await agent.lay([{ place: "a", hash, isExecutable: false }], []);
    assertEquals(agent.reason, `${hash} is not the SHA-256 of a file`);
  });
}

Deno.test("FileReceiver: lays files of all names that a file can have", async () => {
  await using node = new Node();
  const agent = node.agent();
  const places = ["a\\b", "..\\a", "a\nb", " ", "...", "-rf", "a#b?c%20", "\u{1F600}"];
  const files = await Promise.all(places.map((place) => fileOf(`files/${place}/${place}`, place)));
  await agent.lay(files, places);
  assertEquals(agent.reason, "laid");
  assertEquals(places.map((place) => agent.read(`files/${place}/${place}`)), places);
});

Deno.test("FileReceiver: follows no link that a task has made, and replaces one in the place of a file", async () => {
  await using node = new Node();
  const agent = node.agent();
  Deno.mkdirSync(node.file("outside"));
  Deno.symlinkSync(node.file("outside"), `${agent.folder}/files`);
  await agent.lay([await fileOf("files/a", "a")], ["a"]);
  assertEquals(agent.reason, `Cannot lay a file below ${agent.folder}/files: that is no folder`);
  node.write("outside/b", "outside");
  Deno.symlinkSync(node.file("outside/b"), `${agent.folder}/b`);
  assertEquals(await agent.lay([await fileOf("b", "b")], ["b"]), 1);
  assertEquals([agent.read("b"), node.lines("outside/b")], ["b", ["outside"]]);
});

Deno.test("FileReceiver: when the connection ends nothing is left of a file that has not come whole", async () => {
  await using node = new Node();
  const agent = node.agent();
  agent.send = ([hash]) => {
    agent.receiver.take({ type: "file-part", hash, isLast: false }, encoder.encode("a"));
    agent.receiver[Symbol.dispose]();
  };
  await agent.receiver.lay([await fileOf("a", "a")]);
  assertEquals(agent.reason, "the connection to the master has ended");
  assertEquals([...Deno.readDirSync(node.store)], []);
});

Deno.test("FileReceiver: what no run has used for a month is removed when something new comes, and nothing that is not ours", async () => {
  await using node = new Node();
  await node.agent().lay([await fileOf("a", "a"), await fileOf("b", "b")], ["a", "b"]);
  const age = (name: string, days: number) => {
    const then = Date.now() / 1000 - days * 24 * 3600;
    Deno.utimeSync(`${node.store}/${name}`, then, then);
  };
  for (const text of ["a", "b"]) age(await hashOf(text), 31);
  const half = `${await hashOf("b")}.${crypto.randomUUID()}`;
  const newHalf = `${await hashOf("b")}.${crypto.randomUUID()}`;
  for (const name of ["notes.txt", half, newHalf]) {
    Deno.writeTextFileSync(`${node.store}/${name}`, "half");
  }
  age("notes.txt", 100);
  age(half, 2);
  await node.agent().lay([await fileOf("a", "a"), await fileOf("c", "c")], ["c"]);
  const left = [...Deno.readDirSync(node.store)].map(({ name }) => name).sort();
  assertEquals(left, [await hashOf("a"), await hashOf("c"), newHalf, "notes.txt"].sort());
});

Deno.test("FileReceiver: a program can be run where it is laid", async () => {
  await using node = new Node();
  const agent = node.agent();
  await agent.lay([{ ...await fileOf("a", "a"), isExecutable: true }], ["a"]);
  assertEquals(Deno.statSync(`${agent.folder}/a`).mode! & 0o777, 0o700);
});
