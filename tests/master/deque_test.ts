import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Deque } from "../../lib/master/deque.ts";

type Step = "push" | "unshift" | "shift" | "first" | "takeAll";

Deno.test("Deque: does what an array does", () => {
  const step = fc.oneof(
    { arbitrary: fc.constantFrom<Step>("push", "unshift", "shift", "first"), weight: 50 },
    { arbitrary: fc.constant<Step>("takeAll"), weight: 1 },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
      const deque = new Deque<number>();
      const array: number[] = [];
      steps.forEach((step, i) => {
        assertEquals(take(deque, step, i), takeFromArray(array, step, i));
        assertEquals(deque.length, array.length);
        assertEquals([...deque], array);
      });
      assertEquals(deque.takeAll(), array);
    }),
    { numRuns: 200 },
  );
});

function take(deque: Deque<number>, step: Step, element: number): unknown {
  if (step === "first") return deque.first;
  return step === "push" || step === "unshift" ? deque[step](element) : deque[step]();
}

function takeFromArray(array: number[], step: Step, element: number): unknown {
  switch (step) {
    case "push":
      return void array.push(element);
    case "unshift":
      return void array.unshift(element);
    case "shift":
      return array.shift();
    case "first":
      return array[0];
    case "takeAll":
      return array.splice(0);
    default:
      return step satisfies never;
  }
}

Deno.test("Deque: keeps the order of many elements, while it grows and shrinks around its end", () => {
  const deque = new Deque<number>();
  let pushed = 0;
  let shifted = 0;
  for (const target of [10, 5, 5000, 100, 100_000, 3, 50, 0]) {
    while (deque.length < target) deque.push(pushed++);
    while (deque.length > target) assertEquals(deque.shift(), shifted++);
  }
  assertEquals(shifted, pushed);
  assertEquals(deque.shift(), undefined);
  assertEquals(deque.first, undefined);
});

Deno.test("Deque: takes elements back to the front of a full ring", () => {
  const deque = new Deque<number>();
  for (let i = 0; i < 16; i++) deque.push(i);
  deque.unshift(-1);
  assertEquals(deque.takeAll(), [-1, ...Array(16).keys()]);
});
