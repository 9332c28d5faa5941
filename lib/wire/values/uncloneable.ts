import { tagOf } from "./describe.ts";
import { typeNamed } from "./value_types.ts";

/** `JSON.isRawJSON`, which TypeScript does not know yet. `JSON.stringify` writes an object of `JSON.rawJSON` as the text it was made of. */
const { isRawJSON } = JSON as unknown as { isRawJSON(value: unknown): boolean };

/** Built-in classes that a program's own classes may derive from: their instances are sent like any others. */
const BASE_CLASSES: ReadonlySet<string> = new Set([
  "Object",
  "EventTarget",
  "Iterator",
  "TypedArray",
]);

/** Prototypes of objects that the language or Deno makes, of classes that no program can name. */
const NAMELESS_PROTOTYPES: ReadonlySet<object | null> = new Set<object | null>([
  Object.getPrototypeOf(
    (function* () {
      yield 0;
    }).prototype,
  ),
  Object.getPrototypeOf(
    (async function* () {
      yield await 0;
    }).prototype,
  ),
  ...[
    [].values(),
    new Map().values(),
    new Set().values(),
    ""[Symbol.iterator](),
    "".matchAll(/a/g),
    [].values().map(() => 0),
    Deno.stdin,
    Deno.stdout,
    Deno.stderr,
  ].map((object) => Object.getPrototypeOf(object)),
]);

/** Whether objects of a prototype are refused, for each prototype met so far. */
const verdicts = new WeakMap<object, boolean>();

/**
 * Whether an object of no known type cannot be sent, although it may look like a plain one: promises, generators, `Temporal` and `Intl`
 * objects, streams, files, forms, signals and everything else whose class belongs to the language or the platform; and whatever shows no
 * properties and can be disposed of. `structuredClone` turns some of these into empty objects, which help nobody.
 *
 * A program cannot see the internal slots of an object, but `structuredClone` can. It is asked only about objects of other classes that
 * show no properties: asking about the rest would clone all that they contain.
 */
export function isUncloneable(value: object): boolean {
  const name = tagOf(value);
  if (name === "Module" || name === "Arguments" || isRawJSON(value)) return true;
  if (isOfPlatformClass(value)) return true;
  if (Object.keys(value).length > 0) return false;
  // It holds what it does not show, such as a connection, a process, or the tasks of a context.
  if (Symbol.dispose in value || Symbol.asyncDispose in value) return true;
  try {
    return Object.getPrototypeOf(structuredClone(value)) !== Object.prototype;
  } catch (error) {
    if (error instanceof DOMException && error.name === "DataCloneError") return true;
    throw error;
  }
}

function isOfPlatformClass(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === null) return false;
  const known = verdicts.get(prototype);
  if (known !== undefined) return known;
  const verdict = isOfPlatform(prototype) || isOfPlatformClass(prototype);
  verdicts.set(prototype, verdict);
  return verdict;
}

/** Whether a prototype belongs to a class of the language, in whatever realm, or of the platform. */
function isOfPlatform(prototype: object): boolean {
  if (NAMELESS_PROTOTYPES.has(prototype)) return true;
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  if (typeof constructor !== "function") return false;
  const { name } = constructor;
  // An object that only inherits from a Map or an error is a plain object: real ones are recognised by their slots.
  if (BASE_CLASSES.has(name) || typeNamed(name) !== undefined || /Error$/.test(name)) return false;
  return isGlobal(constructor) || Reflect.get(Deno, name) === constructor ||
    Function.prototype.toString.call(constructor).endsWith("{ [native code] }");
}

/** Whether a class is one of the platform's globals. A global that a program has made can be enumerated. */
function isGlobal(constructor: { readonly name: string }): boolean {
  const global = Object.getOwnPropertyDescriptor(globalThis, constructor.name);
  return global?.enumerable === false && Reflect.get(globalThis, constructor.name) === constructor;
}
