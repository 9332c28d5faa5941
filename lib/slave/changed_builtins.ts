/**
 * Tells which functions of the language have been replaced since this process started. The code of tasks may replace them, and this project
 * uses many of them: then a task fails, or the slave ends, with words that nobody could make sense of.
 *
 * @module
 */

const { getOwnPropertyDescriptor, getPrototypeOf } = Object;
const { ownKeys } = Reflect;
const { String } = globalThis;

/** Where functions of the language are found, by the name that a user knows. */
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

/** Classes that are looked up by their names when they are used. */
const CLASSES = ["Map", "Set", "Uint8Array", "DataView", "Error", "TypeError", "RangeError"];

/** A function as it was at the start. */
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
 * @returns A sentence after a blank; empty if there are none.
 */
export function tellChangedBuiltins(): string {
  let names = "";
  // Nothing that may itself have been replaced is called here.
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
