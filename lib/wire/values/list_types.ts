import { hasSlot, malformed, type ValueType } from "./value_type.ts";
import { Date } from "../../own_globals.ts";

/** From this length on, a list of numbers is sent as bytes. Shorter ones can be read in a journal. */
const LONG_NUMBERS_LENGTH = 1000;
/** From this length on, a list of bigints or dates, which JSON lacks, is sent as bytes. */
const LONG_OTHERS_LENGTH = 32;
/** Bigints of up to this many words of 64 bits are sent as bytes. Larger ones are written faster in hexadecimal. */
const MAX_WORDS = 4;

/** `["numbers"]`: an array of nothing but numbers. Eight bytes for each travel beside the text. */
const NUMBERS_TYPE: ValueType<number[]> = {
  name: "numbers",
  prototypes: [],
  is: (value): value is number[] => hasOnly(value, "number", LONG_NUMBERS_LENGTH),
  encode(numbers, _parts, writer): void {
    writer.addBytes(new Uint8Array(new Float64Array(numbers).buffer));
  },
  takesBytes: true,
  create(_parts, reader): number[] {
    const numbers = new Float64Array(wordsIn(reader.takeBytes()));
    const list: number[] = [];
    for (let i = 0; i < numbers.length; i++) list.push(numbers[i]);
    return list;
  },
};

/** `["bigints", count]`: an array of nothing but bigints of `count` words of 64 bits each, the lowest word first. */
const BIGINTS_TYPE: ValueType<bigint[]> = {
  name: "bigints",
  prototypes: [],
  is: (value): value is bigint[] =>
    hasOnly(value, "bigint", LONG_OTHERS_LENGTH) &&
    (value as bigint[]).every((bigint) => BigInt.asIntN(64 * MAX_WORDS, bigint) === bigint),
  encode(bigints, parts, writer): void {
    let count = 1;
    while (!bigints.every((bigint) => BigInt.asIntN(64 * count, bigint) === bigint)) count++;
    const words = new BigInt64Array(count * bigints.length);
    let position = 0;
    for (let bigint of bigints) {
      words[position++] = bigint;
      for (let i = 1; i < count; i++) words[position++] = bigint >>= 64n;
    }
    parts.push(count);
    writer.addBytes(new Uint8Array(words.buffer));
  },
  takesBytes: true,
  create(parts, reader): bigint[] {
    const words = wordsIn(reader.takeBytes());
    const signed = new BigInt64Array(words);
    const unsigned = new BigUint64Array(words);
    const count = parts[1];
    if (!isCount(count) || signed.length % count !== 0) {
      throw malformed("the words of bigints do not match their number");
    }
    const list: bigint[] = [];
    for (let end = count; end <= signed.length; end += count) {
      let bigint = signed[end - 1];
      for (let i = 2; i <= count; i++) bigint = bigint << 64n | unsigned[end - i];
      list.push(bigint);
    }
    return list;
  },
};

const { getTime } = Date.prototype;

/** `["dates"]`: an array of nothing but dates, none of them twice. Their times travel like numbers. */
const DATES_TYPE: ValueType<Date[]> = {
  name: "dates",
  prototypes: [],
  is: (value): value is Date[] =>
    hasOnly(value, "object", LONG_OTHERS_LENGTH) &&
    (value as (object | null)[]).every((each) => each !== null && hasSlot(getTime, each)),
  encode(dates, _parts, writer): void {
    const times = new Float64Array(dates.length);
    for (let i = 0; i < dates.length; i++) {
      times[i] = getTime.call(dates[i]);
      writer.giveNumber(dates[i]);
    }
    writer.addBytes(new Uint8Array(times.buffer));
  },
  takesBytes: true,
  create(_parts, reader): Date[] {
    const times = new Float64Array(wordsIn(reader.takeBytes()));
    const list: Date[] = [];
    for (let i = 0; i < times.length; i++) {
      const date = new Date(times[i]);
      reader.giveNumber(date);
      list.push(date);
    }
    return list;
  },
};

/** `["list", array]`: an array without numbers of its own. Each number in it stands for the object of that number. */
export const LIST_TYPE: ValueType<unknown[]> = {
  name: "list",
  prototypes: [],
  is: (_value): _value is unknown[] => false,
  encode(): void {},
  create(parts): unknown[] {
    const list = parts[1];
    if (!Array.isArray(list)) throw malformed("a list is missing");
    return list;
  },
  fill(list, _parts, reader): void {
    for (let i = 0; i < list.length; i++) {
      const json = list[i];
      list[i] = typeof json === "number" ? reader.objectNumbered(json) : reader.value(json);
    }
  },
};

/** Arrays that have neither holes nor properties beside their elements, in a form that is faster than JSON. */
export const LIST_TYPES: readonly ValueType[] = [
  NUMBERS_TYPE,
  BIGINTS_TYPE,
  DATES_TYPE,
  LIST_TYPE,
];

/**
 * @param isNew Whether an object has not been met before.
 * @returns The row for a dense array, if it has another form than JSON.
 */
export function findListType(
  array: readonly unknown[],
  isNew: (object: object) => boolean,
): ValueType | undefined {
  switch (typeof array[0]) {
    case "number":
      return NUMBERS_TYPE.is(array) ? NUMBERS_TYPE : undefined;
    case "bigint":
      return BIGINTS_TYPE.is(array) ? BIGINTS_TYPE : undefined;
    case "object": {
      // Checked first: asking an object that is no date for its time takes 3 µs.
      const isNewDates = array[0] instanceof Date && DATES_TYPE.is(array) && array.every(isNew) &&
        new Set(array).size === array.length;
      return isNewDates ? DATES_TYPE : undefined;
    }
    default:
      return undefined;
  }
}

function hasOnly(value: object, type: "number" | "bigint" | "object", minLength: number): boolean {
  if (!Array.isArray(value) || value.length < minLength) return false;
  for (let i = 0; i < value.length; i++) {
    // deno-lint-ignore valid-typeof -- the type is a parameter
    if (typeof value[i] !== type) return false;
  }
  return true;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** The memory of words of 64 bits, at its own beginning. */
function wordsIn(bytes: Uint8Array): ArrayBuffer {
  if (bytes.length % 8 !== 0) throw malformed("a list of words ends within a word");
  const { buffer } = bytes;
  const ownsAll = buffer instanceof ArrayBuffer && bytes.length === buffer.byteLength;
  return ownsAll ? buffer : bytes.slice().buffer as ArrayBuffer;
}
