import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { JournalError, type Outcome } from "../../../mod.ts";
import { encodeValue } from "../../../lib/wire/codec.ts";
import { JournalBench } from "../../support/journal_bench.ts";
import { SeededRandom } from "../../support/simulation/seeded_random.ts";
import { TempFolder } from "../../support/temp_folder.ts";

/** `JOURNAL_DAMAGES=100000` makes the long run: about a minute. */
const DAMAGES = Number(Deno.env.get("JOURNAL_DAMAGES") ?? 4000);
const SEED = Number(Deno.env.get("SEED") ?? 1);
/** Arguments of the tasks: each ninth one has another like it. */
const ARGS = Array.from({ length: 180 }, (_, i) => i % 9 === 0 ? 0 : i);

/** Makes a journal of two runs, with every kind of line. */
async function makeJournal(folder: TempFolder): Promise<void> {
  {
    await using bench = new JournalBench(folder, ARGS);
    for (let first = 0; first < 100; first += 20) {
      bench.send(...Array.from({ length: 20 }, (_, i) => first + i));
      bench.endTogether(first, Array.from({ length: 10 }, (_, i) => [first + i, "ä€😀"]));
      for (let id = first + 10; id < first + 16; id++) {
        bench.endWith(id, new Map([[id, new Uint8Array([id, 1, 2])]]));
      }
      bench.failWith(first + 16, { cause: new RangeError(`not ${first}`) });
      bench.failWith(first + 17, {
        attempts: [{ slave: { number: 1, name: "s", host: "" }, reason: "killed" }],
      });
      bench.drop(first + 18);
      bench.failUnrun(first + 19);
      await bench.hasDelivered(first + 19 - first / 20);
    }
  }
  await using bench = new JournalBench(folder, ARGS);
  bench.outcomes();
  bench.send(...Array.from({ length: 80 }, (_, i) => 100 + i));
  for (let id = 100; id < 180; id += 4) bench.endTogether(id, [id, `${id}`, null, { id }]);
}

/** What a task ended with, as a text; nothing if it runs again. */
function textOf(outcome: Outcome | undefined): string | undefined {
  if (outcome === undefined) return undefined;
  if (outcome.status === "fulfilled") {
    return JSON.stringify(encodeValue(outcome.value, "value"), bytes);
  }
  return outcome.reason.message + JSON.stringify(encodeValue(outcome.reason.cause, "cause"), bytes);
}

function bytes(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? value.toHex() : value;
}

/** What the journal in the folder has of each task. */
async function read(folder: TempFolder): Promise<(string | undefined)[]> {
  await using bench = new JournalBench(folder, ARGS);
  return bench.outcomes().map(textOf);
}

/** The error that reading the journal in the folder ends in. */
async function errorOf(folder: TempFolder): Promise<Error | undefined> {
  try {
    await read(folder);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** Where the lines of a file begin, and where the last one ends. */
function lineStarts(file: Uint8Array): number[] {
  const starts = [0];
  for (let i = file.indexOf(10); i >= 0; i = file.indexOf(10, i + 1)) starts.push(i + 1);
  return starts;
}

/** What may happen to a file. */
const DAMAGE: readonly ((file: Uint8Array, random: SeededRandom) => Uint8Array)[] = [
  function flip(file, random) {
    const damaged = file.slice();
    for (let count = random.pick([1, 1, 1, 2, 5]); count > 0; count--) {
      damaged[random.integer(0, file.length - 1)] ^= 1 << random.integer(0, 7);
    }
    return damaged;
  },
  function cutOut(file, random) {
    const start = random.integer(0, file.length - 1);
    const end = start +
      random.pick([1, random.integer(1, 100), random.integer(1, file.length - start)]);
    return joined(file.subarray(0, start), file.subarray(end));
  },
  function cutOff(file, random) {
    return file.slice(0, random.integer(0, file.length));
  },
  function cutOutLines(file, random) {
    const starts = lineStarts(file);
    const first = random.integer(0, starts.length - 2);
    const last = Math.min(starts.length - 1, first + random.integer(1, 3));
    return joined(file.subarray(0, starts[first]), file.subarray(starts[last]));
  },
  function swapLines(file, random) {
    const starts = lineStarts(file);
    const lines = starts.slice(0, -1).map((start, i) => file.subarray(start, starts[i + 1]));
    const [a, b] = [random.integer(0, lines.length - 1), random.integer(0, lines.length - 1)];
    [lines[a], lines[b]] = [lines[b], lines[a]];
    return joined(...lines);
  },
  function repeatLine(file, random) {
    const starts = lineStarts(file);
    const place = random.integer(0, starts.length - 2);
    const to = random.pick(starts);
    const line = file.subarray(starts[place], starts[place + 1]);
    return joined(file.subarray(0, to), line, file.subarray(to));
  },
];

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

Deno.test(`journal: ${DAMAGES} times damaged at random, it never has a wrong result, and all its errors are named`, async () => {
  await using folder = new TempFolder();
  await makeJournal(folder);
  const path = folder.file("run.jsonl");
  const file = Deno.readFileSync(path);
  const right = await read(folder);
  assertEquals(right.filter((text) => text === undefined).length, 15);
  const random = new SeededRandom(SEED);
  let refused = 0;
  for (let i = 0; i < DAMAGES; i++) {
    const damage = DAMAGE[i % DAMAGE.length];
    Deno.writeFileSync(path, damage(file, random));
    try {
      (await read(folder)).forEach((text, id) => {
        const what = `damage ${i}, ${damage.name}: task ${id}`;
        assert(text === undefined || text === right[id], `${what} ended with ${text}`);
      });
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      refused++;
    }
  }
  assert(refused > DAMAGES / 2, `only ${refused} were found`);
});

Deno.test("journal: each single bit that is flipped is found, or costs the last line", async () => {
  await using folder = new TempFolder();
  {
    await using bench = new JournalBench(folder, [1, 2]);
    bench.send(0, 1);
    bench.end(0, 1);
  }
  const path = folder.file("run.jsonl");
  const file = Deno.readFileSync(path);
  const lastStart = lineStarts(file).at(-2)!;
  const versionDigit = new TextDecoder().decode(file).indexOf("5");
  for (let bit = 0; bit < 8 * file.length; bit++) {
    const damaged = file.slice();
    damaged[bit >> 3] ^= 1 << (bit & 7);
    Deno.writeFileSync(path, damaged);
    const open = () => new JournalBench(folder, [1, 2]);
    if (bit >> 3 >= lastStart - 1) {
      await using bench = open();
      // Without the line break before it, the line before it is a part of it.
      const isJoined = bit >> 3 === lastStart - 1;
      assertEquals(bench.find(), [isJoined ? undefined : 0, undefined]);
    } else if (bit === 8 * versionDigit) {
      // That makes it a version 4, whose lines need no checksums. These have them.
      await using bench = open();
      assertEquals(bench.find(), [0, 10]);
    } else {
      assertThrows(open, JournalError);
    }
  }
});

Deno.test("journal: a line whose checksum does not fit is named with its number, its byte and a command that cuts it off", async () => {
  await using folder = new TempFolder();
  await makeJournal(folder);
  const text = Deno.readTextFileSync(folder.file("run.jsonl"));
  const start = text.indexOf('{"sent"');
  const path = folder.file("it's a run.jsonl");
  Deno.writeTextFileSync(path, text.replace('"sent":0', '"sent":1'));
  const { message } = assertThrows(() => new JournalBench(folder, ARGS, { path }), JournalError);
  const quoted = `'${path.replace("'", "'\\''")}'`;
  assertEquals(
    message,
    `The journal ${path} is damaged in line 4, which starts at byte ${start}: ` +
      "its checksum does not fit: it has changed, or the lines before it have. " +
      `Keep a copy and cut it off there, for example with truncate --size=${start} ${quoted}: what is behind runs again`,
  );
});

/** A journal of version 4, the third line of which is to be damaged. */
const OLD = [
  JSON.stringify({ journal: "parallel", version: 4, script: Deno.mainModule }),
  '{"opened":"2026-05-04T09:00:00.000Z","rerunFailed":false}',
  '{"function":0,"reference":{"type":"inline","name":"","source":""}}',
  '{"sent":0,"function":0,"args":[1,2,3]}',
  '{"task":0,"status":"fulfilled","value":{"$":["plain",[{"$":["Map",1,2]}]]},"runTimeMs":1,"attempts":1}',
  '{"task":1,"status":"fulfilled","value":{"$":["ArrayBuffer"]},"runTimeMs":1,"attempts":1,"buffers":["AQI="]}',
  '{"fulfilled":[[2,1]],"slave":{"number":0,"name":"slave 0","host":""},"results":{"values":[20],"micros":[1]}}',
  "",
].join("\n");

/** What can be wrong with lines that have no checksums, as far as it shows: what is changed, and what is said of it. */
const OLD_DAMAGE = [
  { from: '"plain"', to: '"pnain"', line: 5, reason: "pnain" },
  { from: "AQI=", to: "A€", line: 6, reason: "base64" },
  { from: ',"buffers":["AQI="]', to: "", line: 6, reason: "buffers" },
  { from: ',"buffers":["AQI="]', to: ',"buffers":7', line: 6, reason: "is not a function" },
] as const;

/** The same for lines that are no longer lines of a journal. */
const OLD_RUBBISH = [
  { from: '{"type":"inline","name":"","source":""}', to: "null", line: 3 },
  { from: '{"type":"inline","name":"","source":""}', to: '{"type":"export","name":""}', line: 3 },
  { from: '"inline"', to: '"outline"', line: 3 },
  { from: '"source"', to: '"saurce"', line: 3 },
  { from: '"opened":"2026-05-04T09:00:00.000Z"', to: '"opened":0', line: 2 },
  { from: '"rerunFailed":false', to: '"script":0', line: 2 },
  { from: '"rerunFailed":false', to: '"acceptChangedCode":0', line: 2 },
  { from: '"rerunFailed":false', to: '"startup":0', line: 2 },
  { from: '{"opened"', to: '{"files":{},"opned"', line: 2 },
  { from: '{"opened"', to: '{"files":{"a":0},"module":"a","opned"', line: 2 },
] as const;

for (const { from, to, line } of OLD_RUBBISH) {
  Deno.test(`journal: a line that is none is named, and no mistake of the program's: ${to}`, async () => {
    await using folder = new TempFolder();
    folder.write("run.jsonl", OLD.replace(from, to));
    const { message } = assertThrows(() => new JournalBench(folder, [1, 2, 3]), JournalError);
    const start = OLD.split("\n").slice(0, line - 1).join("\n").length + 1;
    assertStringIncludes(
      message,
      `is damaged in line ${line}, which starts at byte ${start}: it is no line of a journal`,
    );
  });
}

for (const { from, to, line, reason } of OLD_DAMAGE) {
  Deno.test(`journal: a value that cannot be decoded is named with its line: ${to || "no buffers"}`, async () => {
    await using folder = new TempFolder();
    folder.write("run.jsonl", OLD.replace(from, to));
    await using bench = new JournalBench(folder, [1, 2, 3]);
    const { message } = assertThrows(() => bench.outcomes(), JournalError);
    const start = OLD.split("\n").slice(0, line - 1).join("\n").length + 1;
    assertStringIncludes(message, `is damaged in line ${line}, which starts at byte ${start}: `);
    assertStringIncludes(message, reason);
    assertStringIncludes(message, `truncate --size=${start} ${folder.file("run.jsonl")}: `);
  });
}

Deno.test("journal: bytes that are no UTF-8 are named with their line", async () => {
  await using folder = new TempFolder();
  folder.write("run.jsonl", OLD);
  const file = Deno.readFileSync(folder.file("run.jsonl"));
  const start = OLD.indexOf('{"task":0');
  file[OLD.indexOf("Map")] = 0xff;
  Deno.writeFileSync(folder.file("run.jsonl"), file);
  assertStringIncludes(
    (await errorOf(folder))!.message,
    `is damaged in line 5, which starts at byte ${start}: it is no UTF-8`,
  );
});

Deno.test("journal: a damaged last line is left out, and stays there until something is written", async () => {
  await using folder = new TempFolder();
  await makeJournal(folder);
  const whole = Deno.readTextFileSync(folder.file("run.jsonl"));
  const torn = whole.slice(0, -10);
  folder.write("run.jsonl", torn);
  const texts = await read(folder);
  assertEquals(texts.slice(176), [undefined, undefined, undefined, undefined]);
  assertEquals(Deno.readTextFileSync(folder.file("run.jsonl")), torn);
  {
    await using bench = new JournalBench(folder, ARGS);
    bench.outcomes();
    bench.send(176);
    bench.endWith(176, 176);
  }
  const end = torn.lastIndexOf("\n") + 1;
  const now = Deno.readTextFileSync(folder.file("run.jsonl"));
  assertEquals(now.slice(0, end), torn.slice(0, end));
  assert(now.slice(end).startsWith('{"opened"'));
  assertEquals((await read(folder))[176], '"176"');
});

Deno.test("journal: lines of any length and characters of any kind are found again", async () => {
  await using folder = new TempFolder();
  const texts = [
    "",
    "x".repeat(70_000),
    "😀€ä\u0000\n\r\u2028".repeat(100_000),
    "x".repeat(300_000),
    "y",
  ];
  const args = texts.map((_, i) => i);
  for (let round = 0; round < 2; round++) {
    await using bench = new JournalBench(folder, args);
    if (round === 1) assertEquals(bench.find(), texts);
    bench.send(...args);
    for (const [id, text] of texts.entries()) bench.endWith(id, text);
  }
});

for (const version of [3, 4]) {
  Deno.test(`journal: one of version ${version} is read, and gone on with in lines that have checksums`, async () => {
    await using folder = new TempFolder();
    let old = OLD.replace('"version":4', `"version":${version}`);
    if (version === 3) old = old.replace('"args":[1,2,3]', '"args":[[1],[2],[3]]');
    folder.write("run.jsonl", old);
    const args = [1, 2, 3, 4, 5];
    const first = [[new Map([[1, 2]])], new Uint8Array([1, 2]).buffer, 20];
    {
      await using bench = new JournalBench(folder, args);
      assertEquals(bench.find(), [...first, undefined, undefined]);
      bench.send(3, 4);
      bench.end(3, 4);
    }
    const now = Deno.readTextFileSync(folder.file("run.jsonl"));
    assert(now.startsWith(old), "what was there is as it was");
    {
      await using bench = new JournalBench(folder, args);
      assertEquals(bench.find(), [...first, 30, 40]);
    }
    folder.write("run.jsonl", now.replace('"value":30', '"value":31'));
    assertThrows(() => new JournalBench(folder, args), JournalError, "its checksum does not fit");
    folder.write("run.jsonl", now.replace(/,"crc":"\w+"(?=\}\n\{"task":4)/, ""));
    assertThrows(() => new JournalBench(folder, args), JournalError, "it has no checksum");
  });
}

Deno.test("journal: its checksums are what others compute of it", async () => {
  await using folder = new TempFolder();
  await makeJournal(folder);
  const { crc32 } = await import("node:zlib");
  let crc = 0;
  for (const line of folder.lines("run.jsonl").slice(1)) {
    const { crc: written } = JSON.parse(line);
    crc = crc32(line.slice(0, line.lastIndexOf(',"crc"')), crc);
    assertEquals(written, crc.toString(16).padStart(8, "0"));
  }
});
