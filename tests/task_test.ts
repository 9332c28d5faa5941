import { assertEquals } from "@std/assert";
import {
  type CodeReference,
  describeCode,
  LabelledTask,
  sizeOfEncoded,
  Task,
} from "../lib/task.ts";
import { taskOf } from "./support/task_of.ts";

function taskFrom(reference: CodeReference): Task {
  return taskOf(3, { number: 0, reference }, "[]");
}

Deno.test("Task.toString: says which task it is and where its code comes from", () => {
  const module = "file:///home/me/tasks.ts";
  assertEquals(
    String(taskFrom({ type: "export", module, name: "distance" })),
    "task 3 (distance in file:///home/me/tasks.ts)",
  );
  assertEquals(
    String(taskFrom({ type: "class", module, name: "Distance" })),
    "task 3 (Distance in file:///home/me/tasks.ts)",
  );
  assertEquals(
    String(taskFrom({ type: "inline", name: "double", source: "" })),
    "task 3 (inline function double)",
  );
  assertEquals(
    String(taskFrom({ type: "inline", name: "", source: "" })),
    "task 3 (inline function)",
  );
});

Deno.test("LabelledTask.toString: says what the user calls it, on one line", () => {
  const code = { number: 0, reference: { type: "inline", name: "double", source: "" } } as const;
  const origin = { code, cancel: () => {} };
  const task = new LabelledTask(3, origin, "[]", "6lyz,\nchain A");
  assertEquals(task.label, "6lyz,\nchain A");
  assertEquals(String(task), 'task 3 "6lyz,\\nchain A" (inline function double)');
  const long = new LabelledTask(3, origin, "[]", "x".repeat(1e6));
  assertEquals(
    String(long),
    `task 3 "${"x".repeat(66)}…${"x".repeat(33)}" (inline function double)`,
  );
  assertEquals(taskOf(3, origin.code, "[]").label, undefined);
});

Deno.test("sizeOfEncoded: counts texts and buffers", () => {
  const encoded = { text: "[null]", buffers: [new Uint8Array(1000), new Uint8Array(5)] };
  assertEquals([encoded, "[1,2]", 0.5].map(sizeOfEncoded), [1011, 5, 8]);
});

Deno.test("describeCode: cuts a URL that holds a whole module", () => {
  const module = `data:text/javascript,${"x".repeat(1000)}`;
  const text = describeCode({ type: "export", module, name: "f" });
  assertEquals(text, `f in ${module.slice(0, 80)}…`);
});

Deno.test("Task: users see what is documented, and nothing else", () => {
  const code = { number: 0, reference: { type: "inline", name: "double", source: "" } } as const;
  const names = Object.getOwnPropertyNames(Task.prototype);
  assertEquals(names.sort(), ["cancel", "constructor", "label", "name", "toString"]);
  assertEquals(Object.keys(taskOf(3, code, "[]")), ["id"]);
});
