import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Link, LinkedList } from "../../../lib/master/reading/linked_list.ts";

Deno.test("LinkedList: does what an array does", () => {
  const step = fc.oneof(
    { arbitrary: fc.constant<"push">("push"), weight: 50 },
    // Of all elements that there ever were, the one at this place: some are out.
    { arbitrary: fc.nat(), weight: 50 },
    { arbitrary: fc.constant<"takeAll">("takeAll"), weight: 1 },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
      const list = new LinkedList<number>();
      const links: Link<number>[] = [];
      let array: number[] = [];
      for (const step of steps) {
        if (step === "push") {
          array.push(links.length);
          links.push(list.push(links.length));
        } else if (step === "takeAll") {
          assertEquals(list.takeAll(), array);
          array = [];
        } else if (links.length > 0) {
          const element = step % links.length;
          list.remove(links[element]);
          array = array.filter((each) => each !== element);
        }
        assertEquals(list.length, array.length);
        assertEquals([...list], array);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("LinkedList: who goes through it comes to each element that is there then, whatever is taken out meanwhile", () => {
  const list = new LinkedList<number>();
  const links = [0, 1, 2, 3, 4, 5].map((each) => list.push(each));
  const seen: number[] = [];
  for (const each of list) {
    seen.push(each);
    // Itself, the next one, and the one behind that.
    if (each === 1) { for (const out of [1, 2, 3]) list.remove(links[out]); }
    if (each === 5) list.push(6);
  }
  assertEquals(seen, [0, 1, 4, 5, 6]);
});
