// TypeScript does not know this function yet.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/**
 * Writes a value as JSON, on one line, with all that results may contain: a `bigint` becomes its digits; numbers that JSON lacks become
 * texts such as `"NaN"`; a `Map` with texts as keys becomes an object, another one an array of pairs; sets and typed arrays become arrays,
 * buffers and views arrays of their bytes; `undefined` becomes `null`.
 *
 * @throws {TypeError} If it refers to itself, or is too deep.
 */
export function jsonText(value: unknown): string {
  // undefined by itself has no JSON text at all.
  if (value === undefined) return "null";
  if (typeof value === "string") return JSON.stringify(value);
  try {
    return JSON.stringify(value, asJson);
  } catch (cause) {
    const why = cause instanceof RangeError
      ? "it is too deep, or too large"
      : "it refers to itself";
    throw new TypeError(`JSON cannot hold it: ${why}`, { cause });
  }
}

/** What `JSON.stringify` writes in place of a value. */
function asJson(_key: string, value: unknown): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return rawJSON(String(value));
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  if (value instanceof Map) {
    const keys = [...value.keys()];
    return keys.every((key) => typeof key === "string") ? Object.fromEntries(value) : [...value];
  }
  if (value instanceof Set) return [...value];
  if (value instanceof Error) return { name: value.name, message: value.message };
  if (value instanceof RegExp) return String(value);
  if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
  if (value instanceof DataView) {
    return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  }
  if (ArrayBuffer.isView(value)) return [...value as Uint8Array];
  return value;
}

/** Writes a value plainly: a text as it is, a value that JSON writes as a text without its quotes, and anything else as JSON. */
export function plainText(value: unknown): string {
  if (typeof value === "string") return value;
  const json = jsonText(value);
  return json.startsWith('"') ? JSON.parse(json) : json;
}
