import { assertEquals } from "@std/assert";
import { explainMissingMethod } from "../../lib/slave/missing_method.ts";

class Point {
  readonly #x = 3;
  static xOf = (point: Point) => point.#x;
}

type Loose = { norm(): number; points: Point & Iterable<number> };

/** What a function throws when it is given an argument, explained. */
function thrownWith(fn: (arg: Loose) => unknown, arg: unknown): string {
  try {
    fn(arg as Loose);
  } catch (error) {
    explainMissingMethod(error, [arg]);
    return (error as Error).message;
  }
  throw new Error("It threw nothing");
}

const WHY =
  ". If that is one of the task's arguments: methods do not travel, and an instance of a class of your own arrives as " +
  "a plain object. Send its data, and make the object in the task";

Deno.test("explainMissingMethod: of plain objects methods, private members and iterators are missing", () => {
  assertEquals(thrownWith((p) => p.norm(), { x: 3 }), `p.norm is not a function${WHY}`);
  const first = (list: unknown) => (list as { at(i: number): Point }[])[0];
  assertEquals(
    thrownWith((list) => first(list).at(0), [{ x: 3 }]),
    `first(...).at is not a function${WHY}`,
  );
  assertEquals(
    thrownWith((p) => Point.xOf(p.points), { points: {} }),
    `Cannot read private member #x from an object whose class did not declare it${WHY}`,
  );
  assertEquals(thrownWith((p) => [...p.points], { points: {} }).endsWith(WHY), true);
});

Deno.test("explainMissingMethod: bytes may have been a Buffer", () => {
  assertEquals(
    thrownWith((list) => (list as unknown as Loose[])[0].norm(), [new Uint8Array(3)]),
    "list[0].norm is not a function. If that is one of the task's arguments: a Buffer of Node.js arrives as a Uint8Array. " +
      "Make one of its bytes in the task: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)",
  );
  assertEquals(thrownWith((p) => p.norm(), [{}, new Uint8Array(3)]).endsWith(WHY), true);
});

Deno.test("explainMissingMethod: leaves other errors as they are", () => {
  // No argument can have been an instance of a class.
  assertEquals(thrownWith((p) => p.norm(), 3), "p.norm is not a function");
  assertEquals(thrownWith((p) => p.norm(), [1, "2"]), "p.norm is not a function");
  // What is no method is another mistake.
  assertEquals(thrownWith(() => (5 as unknown as () => void)(), {}), "5 is not a function");
  const own = () => {
    throw new TypeError("the model is wrong");
  };
  assertEquals(thrownWith(own, {}), "the model is wrong");
  const frozen = Object.freeze(new TypeError("p.norm is not a function"));
  assertEquals(
    thrownWith(() => {
      throw frozen;
    }, {}),
    "p.norm is not a function",
  );
});
