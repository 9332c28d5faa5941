import { JSON } from "./own_globals.ts";

/** A key that is written with escapes, as in `{"a\"b":1}`, and where it stands in the text: from its opening to its closing quote. */
interface EscapedKey {
  readonly start: number;
  readonly end: number;
  readonly key: string;
}

/**
 * Reads JSON, as `JSON.parse` does, but for a fault of that.
 *
 * V8 compares a key with the one that followed in an earlier object, to save time. It compares as many characters of the text as the key
 * has, escapes and all: after `{"a":1,"\\":2}` it reads `{"a":1,"\"":2}` as `{"a":1,"\\":2}` again, without a word. So an object gets a key
 * that it never had. Keys without escapes are not affected, nor are values. See https://issues.chromium.org/issues/521080746.
 *
 * Here, keys with escapes are replaced by others before the text is parsed, and put back.
 *
 * @param parse Is given text without such keys, and takes the place of `JSON.parse`.
 * @throws {SyntaxError} If it is not JSON.
 */
export function readJson(
  text: string,
  parse: (text: string) => unknown = JSON.parse,
): unknown {
  const keys = findEscapedKeys(text);
  return keys.length === 0 ? parse(text) : readWithoutEscapes(text, keys, parse);
}

const BACKSLASH = 0x5c;
const COLON = 0x3a;
const SPACE = 0x20;

function findEscapedKeys(text: string): EscapedKey[] {
  const keys: EscapedKey[] = [];
  let i = text.indexOf("\\");
  while (i !== -1) {
    // This backslash begins the first escape of a string. The quote before it opens that string.
    const end = closingQuote(text, i);
    if (end === -1) break; // It is no JSON, as parsing will tell.
    if (isKey(text, end + 1)) {
      const start = text.lastIndexOf('"', i);
      keys.push({ start, end, key: JSON.parse(text.slice(start, end + 1)) });
    }
    i = text.indexOf("\\", end + 1);
  }
  return keys;
}

/** @param escape Where the first escape of the string begins. */
function closingQuote(text: string, escape: number): number {
  let quote = text.indexOf('"', escape + 2);
  while (quote !== -1 && isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote;
}

/** Whether there is an odd number of backslashes before a character. */
function isEscaped(text: string, place: number): boolean {
  let i = place;
  while (text.charCodeAt(i - 1) === BACKSLASH) i--;
  return (place - i) % 2 === 1;
}

/** Whether the string that ends here is a key: a colon follows, perhaps after blanks and line breaks. */
function isKey(text: string, end: number): boolean {
  let i = end;
  while (text.charCodeAt(i) <= SPACE) i++;
  return text.charCodeAt(i) === COLON;
}

function readWithoutEscapes(
  text: string,
  keys: readonly EscapedKey[],
  parse: (text: string) => unknown,
): unknown {
  // The stand-ins begin with a word that no key contains, so none of them is a key already.
  let mark = "key";
  while (text.includes(mark) || keys.some(({ key }) => key.includes(mark))) mark += mark;
  const standIns = new Map<string, string>();
  const parts: string[] = [];
  let done = 0;
  for (const { start, end, key } of keys) {
    const plain = JSON.stringify(key);
    const needsEscapes = plain.includes("\\");
    if (needsEscapes && !standIns.has(key)) standIns.set(key, `${mark}${standIns.size}`);
    parts.push(text.slice(done, start), needsEscapes ? `"${standIns.get(key)}"` : plain);
    done = end + 1;
  }
  const value = parse(parts.join("") + text.slice(done));
  return putBack(value, new Map(standIns.entries().map(([key, standIn]) => [standIn, key])));
}

/** Puts the keys back for which others stand. It does not recurse: nesting may be deep. */
function putBack(value: unknown, keys: ReadonlyMap<string, string>): unknown {
  const found: object[] = [];
  const restore = (inner: unknown): unknown => {
    if (typeof inner !== "object" || inner === null) return inner;
    const restored = Array.isArray(inner) ? inner : withKeys(inner, keys);
    found.push(restored);
    return restored;
  };
  const whole = restore(value);
  for (const object of found as (unknown[] | Record<string, unknown>)[]) {
    if (Array.isArray(object)) {
      for (let i = 0; i < object.length; i++) object[i] = restore(object[i]);
    } else {
      for (const key of Object.keys(object)) object[key] = restore(object[key]);
    }
  }
  return whole;
}

function withKeys(object: object, keys: ReadonlyMap<string, string>): object {
  const entries = Object.entries(object);
  if (!entries.some(([key]) => keys.has(key))) return object;
  return Object.fromEntries(entries.map(([key, value]) => [keys.get(key) ?? key, value]));
}
