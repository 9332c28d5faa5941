import { assertStrictEquals } from "@std/assert";

/**
 * Asserts that two values cannot be told apart but by their identity: same kinds and prototypes, same properties in
 * the same order with the same attributes, same contents, and the same pattern of repeated and circular references.
 *
 * Unlike `assertEquals` it tells 0 from -0, a hole from `undefined`, and one object met twice from two equal ones.
 */
export function assertSameValue(actual: unknown, expected: unknown): void {
  compare(actual, expected, "value", new Map());
}

function compare(
  actual: unknown,
  expected: unknown,
  path: string,
  partners: Map<object, object>,
): void {
  if (!isObject(actual) || !isObject(expected)) {
    assertIs(actual, expected, path);
    return;
  }
  const hasBeenMet = partners.has(expected) || partners.has(actual);
  if (hasBeenMet) {
    assertIs(partners.get(expected), actual, `identity of ${path}`);
    assertIs(partners.get(actual), expected, `identity of ${path}`);
    return;
  }
  partners.set(expected, actual);
  partners.set(actual, expected);
  assertIs(Object.getPrototypeOf(actual), Object.getPrototypeOf(expected), `prototype of ${path}`);
  assertIs(kindOf(actual), kindOf(expected), `kind of ${path}`);
  const parts = partsOf(actual);
  for (const [name, part] of Object.entries(partsOf(expected))) {
    compare(parts[name], part, `${path}<${name}>`, partners);
  }
  assertIs(
    Object.keys(parts).join(),
    Object.keys(partsOf(expected)).join(),
    `contents of ${path}`,
  );
  if (!ArrayBuffer.isView(expected)) compareProperties(actual, expected, path, partners);
}

function compareProperties(
  actual: object,
  expected: object,
  path: string,
  partners: Map<object, object>,
): void {
  const keys = stringKeysOf(expected);
  assertIs(JSON.stringify(stringKeysOf(actual)), JSON.stringify(keys), `keys of ${path}`);
  for (const key of keys) {
    const property = Object.getOwnPropertyDescriptor(actual, key);
    const wanted = Object.getOwnPropertyDescriptor(expected, key);
    for (const attribute of ["enumerable", "writable", "configurable"] as const) {
      // V8 keeps the stack of an error in an accessor, Deno that of a cloned DOMException in a plain property.
      if (key === "stack" && attribute === "writable") continue;
      assertIs(property?.[attribute], wanted?.[attribute], `${attribute} of ${path}.${key}`);
    }
    compare(Reflect.get(actual, key), Reflect.get(expected, key), `${path}.${key}`, partners);
  }
}

/** What an object holds in internal slots, under names. */
function partsOf(value: object): Record<string, unknown> {
  if (value instanceof Map) {
    return { ...[...value].flat() };
  }
  if (value instanceof Set) return { ...[...value] };
  if (value instanceof Date) return { time: value.getTime() };
  if (value instanceof RegExp) return { text: String(value) };
  if (
    value instanceof Boolean || value instanceof Number || value instanceof String ||
    value instanceof BigInt
  ) return { primitive: value.valueOf() };
  if (value instanceof ArrayBuffer) {
    const { byteLength, resizable, maxByteLength } = value;
    return { byteLength, resizable, maxByteLength, bytes: new Uint8Array(value).join() };
  }
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    return { buffer, byteOffset, byteLength };
  }
  if (value instanceof DOMException) {
    const { name, message, code } = value;
    return { name, message, code };
  }
  return {};
}

function kindOf(value: object): string {
  return Array.isArray(value) ? "Array" : Object.prototype.toString.call(value);
}

/** Own keys; of a DOMException, Deno keeps its slots in symbols. */
function stringKeysOf(value: object): string[] {
  return Object.getOwnPropertyNames(value);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function assertIs(actual: unknown, expected: unknown, what: string): void {
  assertStrictEquals(
    Object.is(actual, expected),
    true,
    `${what}: ${text(actual)}, not ${text(expected)}`,
  );
}

function text(value: unknown): string {
  return Deno.inspect(value, { depth: 1, strAbbreviateSize: 200 });
}
