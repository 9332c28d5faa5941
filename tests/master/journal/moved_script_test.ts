import { assertEquals } from "@std/assert";
import { followCode, followMove } from "../../../lib/master/journal/moved_script.ts";

/** Where a script was and is, and where modules were and are found. */
const MOVES: readonly (readonly [from: string, to: string, modules: Record<string, string>])[] = [
  ["file:///old/main.ts", "file:///old/main.ts", {
    "file:///old/tasks.ts": "file:///old/tasks.ts",
  }],
  ["file:///home/me/old/main.ts", "file:///home/me/new/main.ts", {
    "file:///home/me/old/tasks.ts": "file:///home/me/new/tasks.ts",
    "file:///home/me/old/main.ts": "file:///home/me/new/main.ts",
    "file:///home/me/older/tasks.ts": "file:///home/me/older/tasks.ts",
    "file:///home/me/lib/tasks.ts": "file:///home/me/lib/tasks.ts",
    "https://example.com/tasks.ts": "https://example.com/tasks.ts",
  }],
  ["file:///home/me/project/scripts/main.ts", "file:///data/me/project/scripts/main.ts", {
    "file:///home/me/project/lib/tasks.ts": "file:///data/me/project/lib/tasks.ts",
  }],
  // The whole tree may have moved, or just this: what is beside it is taken to be where it was.
  ["file:///a/b/main.ts", "file:///x/a/b/main.ts", {
    "file:///a/b/tasks.ts": "file:///x/a/b/tasks.ts",
    "file:///opt/tasks.ts": "file:///opt/tasks.ts",
  }],
  ["file:///a/main.ts", "file:///a/night.ts", {
    "file:///a/main.ts": "file:///a/night.ts",
    "file:///a/tasks.ts": "file:///a/tasks.ts",
  }],
  ["file:///a/main.ts", "file:///a/deep/down/main.ts", {
    "file:///a/tasks.ts": "file:///a/deep/down/tasks.ts",
  }],
];

for (const [from, to, modules] of MOVES) {
  Deno.test(`followMove: from ${from} to ${to}`, () => {
    const moved = Object.keys(modules).map((module) => [module, followMove(module, from, to)]);
    assertEquals(Object.fromEntries(moved), modules);
  });
}

Deno.test("followCode: the source of an inline function stays what it is", () => {
  const inline = { type: "inline", name: "", source: "file:///old/main.ts" } as const;
  const [from, to] = ["file:///old/main.ts", "file:///new/main.ts"];
  assertEquals(followCode(inline, from, to), inline);
  const exported = { type: "export", module: "file:///old/tasks.ts", name: "score" } as const;
  const moved = { ...exported, module: "file:///new/tasks.ts" };
  assertEquals(JSON.stringify(followCode(exported, from, to)), JSON.stringify(moved));
});
