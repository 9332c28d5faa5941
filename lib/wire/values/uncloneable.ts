/** `JSON.isRawJSON`, which TypeScript does not know yet: of what `JSON.rawJSON` makes, `stringify` writes the text. */
const { isRawJSON } = JSON as unknown as { isRawJSON(value: unknown): boolean };

/**
 * Whether an object that is of no known type cannot be sent, although it may look like a plain one: promises,
 * generators, `Temporal` and `Intl` objects, streams, host objects.
 *
 * A program cannot see the internal slots of an object, but `structuredClone` does. It is asked where that costs
 * little: about objects that show no properties, as nearly all of these do, and about those of global classes.
 */
export function isUncloneable(value: object): boolean {
  const name = tagOf(value);
  if (name === "Module" || name === "Arguments" || isRawJSON(value)) return true;
  if (Object.keys(value).length > 0 && !isOfGlobalClass(value, name)) return false;
  try {
    // What has its own kind of clone, such as a Blob, has no row in our table.
    return Object.getPrototypeOf(structuredClone(value)) !== Object.prototype;
  } catch (error) {
    if (error instanceof DOMException && error.name === "DataCloneError") return true;
    throw error;
  }
}

/** @returns What a value is, with an article, for messages: `a function`, `a Promise`, `an Intl.Locale`. */
export function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return `a ${typeof value}`;
  let name = tagOf(value);
  if (name === "Object") {
    const constructor: unknown = Reflect.get(value, "constructor");
    if (typeof constructor === "function" && constructor !== Object) name = constructor.name;
  }
  return `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

function isOfGlobalClass(value: object, name: string): boolean {
  if (name === "Object") return false;
  const constructor: unknown = Reflect.get(globalThis, name);
  return typeof constructor === "function" && value instanceof constructor;
}
