/**
 * Counts the calls that one no-op task makes in the master, and how often they change file: in a copy of the program of
 * which each function tells when it is entered.
 *
 * @module
 */

import ts from "typescript";
import { givenWork, printFigures, type WorkOf } from "../work.ts";

const ROOT = new URL("../../", import.meta.url);
const WARM_UP_TASKS = 200;

/** The functions that were entered, by the number of their file, in order. */
const entered: number[] = [];
const files: string[] = [];

async function main(): Promise<void> {
  const { tasks } = givenWork<WorkOf<"path">>();
  const folder = await Deno.makeTempDir({ prefix: "parallel-path-" });
  try {
    await copyInstrumented("mod.ts", folder);
    await copyInstrumented("slave.ts", folder);
    await copyInstrumented("lib", folder);
    Reflect.set(globalThis, "noteEntered", (file: number) => entered.push(file));
    printFigures(await countPath(new URL(`file://${folder}/mod.ts`), tasks));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function countPath(module: URL, count: number): Promise<Record<string, number>> {
  const { LocalSlave, Manager }: typeof import("../../mod.ts") = await import(module.href);
  await using manager = new Manager({ output: "null" });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  const noop = (x: number) => x;
  let read = -WARM_UP_TASKS;
  context.addTask(noop, read);
  for await (const _ of context.getResultsUnordered()) {
    if (read === 0) entered.length = 0;
    if (read++ === count) break;
    context.addTask(noop, read);
  }
  const switches = entered.filter((file, i) => i > 0 && file !== entered[i - 1]).length;
  // Rounded: a timer that fires now and then is no task's.
  return {
    calls: Math.round(entered.length / count),
    switches: Math.round(switches / count),
    files: new Set(entered).size,
  };
}

/** Copies a file, or all of a folder; functions of TypeScript tell when they are entered. */
async function copyInstrumented(path: string, folder: string): Promise<void> {
  const source = new URL(path, ROOT);
  if ((await Deno.stat(source)).isDirectory) {
    await Deno.mkdir(`${folder}/${path}`);
    for await (const { name } of Deno.readDir(source)) {
      await copyInstrumented(`${path}/${name}`, folder);
    }
  } else {
    const file = files.push(path) - 1;
    await Deno.writeTextFile(
      `${folder}/${path}`,
      instrument(await Deno.readTextFile(source), file),
    );
  }
}

function instrument(text: string, file: number): string {
  const tree = ts.createSourceFile("x.ts", text, ts.ScriptTarget.Latest, true);
  const insertions: { readonly at: number; readonly text: string }[] = [];
  const call = `globalThis.noteEntered?.(${file})`;
  const visit = (node: ts.Node) => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined) {
      const body = node.body as ts.ConciseBody;
      if (ts.isBlock(body)) {
        insertions.push({ at: body.getStart(tree) + 1, text: `${call};` });
      } else {
        insertions.push({ at: body.getStart(tree), text: `(${call}, ` });
        insertions.push({ at: body.getEnd(), text: ")" });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  insertions.sort((a, b) => b.at - a.at);
  for (const { at, text: inserted } of insertions) {
    text = text.slice(0, at) + inserted + text.slice(at);
  }
  return text;
}

await main();
