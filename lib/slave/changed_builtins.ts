/**
 * Tells which functions of the language have been replaced since this process started. Code of tasks may do so, and this
 * project uses many of them: then a task fails, or the slave ends, with words that nobody could make sense of.
 *
 * @module
 */

const { getOwnPropertyDescriptor, getPrototypeOf } = Object;
const { ownKeys } = Reflect;
const { String } = globalThis;

/** Where functions of the language are, by the name that a user knows. */
const PLACES: readonly (readonly [name: string, object: object])[] = [
  ["Object", Object],
  ["Object.prototype", Object.prototype],
  ["Function.prototype", Function.prototype],
  ["Array", Array],
  ["Array.prototype", Array.prototype],
  ["the iterator of arrays", getPrototypeOf([][Symbol.iterator]())],
  ["String.prototype", String.prototype],
  ["RegExp.prototype", RegExp.prototype],
  ["Number", Number],
  ["Math", Math],
  ["Reflect", Reflect],
  ["Error", Error],
  ["Map.prototype", Map.prototype],
  ["Set.prototype", Set.prototype],
  ["Promise", Promise],
  ["Promise.prototype", Promise.prototype],
  ["TypedArray.prototype", getPrototypeOf(Uint8Array.prototype)],
  ["DataView.prototype", DataView.prototype],
  ["TextEncoder.prototype", TextEncoder.prototype],
  ["TextDecoder.prototype", TextDecoder.prototype],
];

/** Classes that are looked for by their names when they are used. */
const CLASSES = ["Map", "Set", "Uint8Array", "DataView", "Error", "TypeError", "RangeError"];

/** A function as it was. */
interface Known {
  readonly placeName: string;
  readonly place: object;
  readonly key: PropertyKey;
  readonly value: unknown;
}

const known: Known[] = [];
for (const [placeName, place] of PLACES) {
  for (const key of ownKeys(place)) {
    const value = valueAt(place, key);
    if (typeof value === "function") known.push({ placeName, place, key, value });
  }
}
for (const key of CLASSES) {
  known.push({ placeName: "", place: globalThis, key, value: valueAt(globalThis, key) });
}

/**
 * Names the functions that have been replaced.
 *
 * @returns A sentence behind a blank; empty if there are none.
 */
export function tellChangedBuiltins(): string {
  let names = "";
  // Nothing is called here that may have been replaced itself.
  for (let i = 0; i < known.length; i++) {
    const { placeName, place, key, value } = known[i];
    if (valueAt(place, key) === value) continue;
    const step = typeof key === "symbol" ? `[${key.description}]` : `.${String(key)}`;
    names += (names === "" ? "" : ", ") + (placeName === "" ? String(key) : placeName + step);
  }
  return names === ""
    ? ""
    : `. Code of a task has replaced what the language has built in, and slaves need: ${names}`;
}

function valueAt(place: object, key: PropertyKey): unknown {
  return getOwnPropertyDescriptor(place, key)?.value;
}
