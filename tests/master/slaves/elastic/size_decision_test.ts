import { assertEquals } from "@std/assert";
import {
  decideSize,
  type SizeFacts,
  type SlaveFacts,
} from "../../../../lib/master/slaves/elastic/size_decision.ts";

const STANDINGS = {
  v: "vacant",
  q: "queued",
  s: "starting",
  i: "idle",
  b: "busy",
  x: "idle",
} as const;

/** Slaves by the first letters of their standings; an idle one is `I` if it has been so for long, and `x` or `X` if it is barred as well. */
function slaves(letters: string): SlaveFacts[] {
  return Array.from(letters, (letter) => ({
    standing: STANDINGS[letter.toLowerCase() as keyof typeof STANDINGS],
    idleForMs: "IX".includes(letter) ? 60_000 : "ix".includes(letter) ? 59_999 : 0,
    isBarred: letter.toLowerCase() === "x",
  }));
}

/** What a case is about; the rest is as in most of them. */
interface Case extends Partial<Omit<SizeFacts, "slaves" | "demand">> {
  readonly slaves: string;
  readonly tasks: number;
  readonly taskMs?: number;
}

const BOUNDS = { min: 0, max: 5, idleMs: 60_000 };

for (
  const [what, { slaves: letters, tasks, taskMs, ...facts }, start, retire] of [
    ["no work starts nothing", { slaves: "vvvvv", tasks: 0 }, [], []],
    [
      "unknown tasks are taken to run for a second: ten are worth a slave",
      {
        slaves: "vvvvv",
        tasks: 11,
      },
      [0, 1],
      [],
    ],
    ["one task is enough for one slave", { slaves: "vvvvv", tasks: 1 }, [0], []],
    [
      "tasks that run for long, as is known, want a slave each",
      {
        slaves: "bvvvv",
        tasks: 4,
        taskMs: 3_600_000,
      },
      [1, 2, 3],
      [],
    ],
    [
      "the same if nothing has ended for so long",
      {
        slaves: "bvvvv",
        tasks: 4,
        unknownForMs: 10_000,
      },
      [1, 2, 3],
      [],
    ],
    ["short tasks want few slaves", { slaves: "bvvvv", tasks: 20_000, taskMs: 1 }, [1], []],
    ["the most is the bound", { slaves: "vbvvv", tasks: 1e6, taskMs: 1e6 }, [0, 2, 3, 4], []],
    [
      "those that are queued or starting count",
      {
        slaves: "qsbvv",
        tasks: 4,
        taskMs: 1e6,
      },
      [3],
      [],
    ],
    [
      "the least is kept while there is work",
      {
        slaves: "vvvvv",
        tasks: 1,
        bounds: { ...BOUNDS, min: 3 },
      },
      [0, 1, 2],
      [],
    ],
    [
      "and not started without",
      {
        slaves: "vvvvv",
        tasks: 0,
        bounds: { ...BOUNDS, min: 3 },
      },
      [],
      [],
    ],
    [
      "a fixed array replaces what was taken away",
      {
        slaves: "bbvbb",
        tasks: 1,
        bounds: { min: 5, max: 5, idleMs: Infinity },
      },
      [2],
      [],
    ],
    [
      "and retires none",
      {
        slaves: "IIIII",
        tasks: 0,
        enoughForMs: 1e9,
        bounds: { min: 5, max: 5, idleMs: Infinity },
      },
      [],
      [],
    ],
    ["what has been idle for idleMs is retired", { slaves: "IiIvv", tasks: 0 }, [], [0, 2]],
    [
      "but not below the least",
      {
        slaves: "IIIvv",
        tasks: 0,
        bounds: { ...BOUNDS, min: 2 },
      },
      [],
      [0],
    ],
    [
      "queued before idle, the last of them first",
      {
        slaves: "IqqIv",
        tasks: 25,
        taskMs: 1000,
        enoughForMs: 60_000,
      },
      [],
      [2],
    ],
    [
      "then idle ones",
      {
        slaves: "IqqIv",
        tasks: 1,
        taskMs: 1000,
        enoughForMs: 60_000,
      },
      [],
      [2, 1, 0],
    ],
    [
      "queued ones not before there have been enough for idleMs",
      {
        slaves: "qqbvv",
        tasks: 1,
        enoughForMs: 59_999,
      },
      [],
      [],
    ],
    ["busy and starting ones never", { slaves: "bbbss", tasks: 0, enoughForMs: 1e9 }, [], []],
    ["a barred one is not there", { slaves: "xvvvv", tasks: 1 }, [1], []],
    ["nor are several", { slaves: "xbxvv", tasks: 3, taskMs: 1e6 }, [3, 4], []],
    ["one that is queued instead is", { slaves: "xqvvv", tasks: 1 }, [], []],
    [
      "while another one serves, three at most are made up for",
      {
        slaves: "xxxxbvv",
        tasks: 2,
        taskMs: 1e6,
        bounds: { ...BOUNDS, max: 7 },
      },
      [],
      [],
    ],
    [
      "if none does, one is started however many are barred",
      {
        slaves: "xxxxxvv",
        tasks: 1,
        bounds: { ...BOUNDS, max: 7 },
      },
      [5],
      [],
    ],
    [
      "barred ones that are made up for stay, though they are idle",
      {
        slaves: "XXXXbvv",
        tasks: 1,
        bounds: { ...BOUNDS, max: 7 },
      },
      [],
      [0],
    ],
    ["idle ones that are wanted stay", { slaves: "IIbvv", tasks: 3, taskMs: 1e6 }, [], []],
  ] as [string, Case, number[], number[]][]
) {
  Deno.test(`decideSize: ${what}`, () => {
    const { start: started, retire: retired } = decideSize({
      bounds: BOUNDS,
      unknownForMs: 0,
      enoughForMs: 0,
      ...facts,
      demand: { tasks, taskMs, barred: new Set() },
      slaves: slaves(letters),
    });
    assertEquals([started, retired], [start, retire]);
  });
}
