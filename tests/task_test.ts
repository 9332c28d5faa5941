import { assertEquals } from "@std/assert";
import { type CodeReference, describeCode, type Task } from "../lib/task.ts";
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

Deno.test("describeCode: cuts a URL that holds a whole module", () => {
  const module = `data:text/javascript,${"x".repeat(1000)}`;
  const text = describeCode({ type: "export", module, name: "f" });
  assertEquals(text, `f in ${module.slice(0, 80)}…`);
});

Deno.test("Task: has no more fields than it needs", () => {
  const task = taskFrom({ type: "inline", name: "", source: "" });
  assertEquals(Object.keys(task), ["id", "origin", "args"]);
});
