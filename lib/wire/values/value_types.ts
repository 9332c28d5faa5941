import { BUFFER_TYPES } from "./buffer_types.ts";
import { tagOf } from "./describe.ts";
import { DOM_EXCEPTION_TYPE, ERROR_TYPE } from "./error_types.ts";
import { LIST_TYPES } from "./list_types.ts";
import {
  getterOf,
  hasSlot,
  malformed,
  propertyStep,
  quoteKey,
  readProperties,
  type ValueType,
} from "./value_type.ts";
import { Date } from "../../own_globals.ts";

const MAX_ARRAY_LENGTH = 2 ** 32 - 1;

type BoxConstructor = (typeof Boolean | typeof Number | typeof String | typeof BigInt) & {
  readonly prototype: object & { valueOf(this: unknown): unknown };
};

const { getTime } = Date.prototype;

/** `["Date", time]` in milliseconds since 1970, NaN for an invalid date. */
const DATE_TYPE: ValueType<Date> = {
  name: "Date",
  prototypes: [Date.prototype],
  is: (value): value is Date => hasSlot(getTime, value),
  encode(date, parts): void {
    parts.push(getTime.call(date));
  },
  create(parts, reader): Date {
    const milliseconds = reader.primitive(parts[1]);
    if (typeof milliseconds !== "number") throw malformed("the time of a date is no number");
    return new Date(milliseconds);
  },
};

const sourceOf = getterOf<string>(RegExp.prototype, "source");

/** The letters of flags, in the order of `flags`, and the getter that reads each from its slot. */
const FLAGS = ([
  ["d", "hasIndices"],
  ["g", "global"],
  ["i", "ignoreCase"],
  ["m", "multiline"],
  ["s", "dotAll"],
  ["u", "unicode"],
  ["v", "unicodeSets"],
  ["y", "sticky"],
] as const).map(([letter, name]) =>
  [letter, getterOf<boolean | undefined>(RegExp.prototype, name)] as const
);
const hasIndicesOf = FLAGS[0][1];

/** `["RegExp", source, flags]`. Like structuredClone it leaves `lastIndex` behind. */
const REG_EXP_TYPE: ValueType<RegExp> = {
  name: "RegExp",
  prototypes: [RegExp.prototype],
  // RegExp.prototype is not a RegExp: the getter returns `undefined` for it.
  is: (value): value is RegExp =>
    hasSlot(hasIndicesOf, value) && hasIndicesOf.call(value) !== undefined,
  encode(regExp, parts): void {
    let flags = "";
    for (const [letter, isSet] of FLAGS) if (isSet.call(regExp)) flags += letter;
    parts.push(sourceOf.call(regExp), flags);
  },
  create(parts): RegExp {
    const source = parts[1];
    const flags = parts[2];
    if (typeof source !== "string" || typeof flags !== "string") {
      throw malformed("the source or flags of a regular expression are no text");
    }
    return new RegExp(source, flags);
  },
};

const sizeOfMap = getterOf(Map.prototype, "size");

/** `["Map", key, value, key, value, …]`. */
const MAP_TYPE: ValueType<Map<unknown, unknown>> = {
  name: "Map",
  prototypes: [Map.prototype],
  is: (value): value is Map<unknown, unknown> => hasSlot(sizeOfMap, value),
  encode(map, parts): void {
    Map.prototype.forEach.call(map, (value, key) => parts.push(key, value));
  },
  create: () => new Map(),
  fill(map, parts, reader): void {
    if (parts.length % 2 === 0) throw malformed("a key of a Map has no value");
    for (let i = 1; i < parts.length; i += 2) {
      const key = reader.value(parts[i]);
      map.set(key, reader.value(parts[i + 1]));
    }
  },
  step(parts, index): string {
    const entry = (index - 1) >> 1;
    const isKey = index % 2 === 1;
    if (isKey) return `.keys[${entry}]`;
    const key = parts[index - 1];
    if (typeof key === "object" && key !== null) return `.values[${entry}]`;
    return `.get(${typeof key === "string" ? quoteKey(key) : String(key)})`;
  },
};

const sizeOfSet = getterOf(Set.prototype, "size");

/** `["Set", value, value, …]`. */
const SET_TYPE: ValueType<Set<unknown>> = {
  name: "Set",
  prototypes: [Set.prototype],
  is: (value): value is Set<unknown> => hasSlot(sizeOfSet, value),
  encode(set, parts): void {
    Set.prototype.forEach.call(set, (value) => parts.push(value));
  },
  create: () => new Set(),
  fill(set, parts, reader): void {
    for (let i = 1; i < parts.length; i++) set.add(reader.value(parts[i]));
  },
  step: (_parts, index) => `.values[${index - 1}]`,
};

/** `["Array", length, key, value, key, value, …]`, for arrays with holes or with properties beside the elements. */
export const ARRAY_TYPE: ValueType<unknown[]> = {
  name: "Array",
  prototypes: [Array.prototype],
  is: Array.isArray,
  encode(array, parts): void {
    parts.push(array.length);
    for (const key of Object.keys(array)) {
      const index = Number(key);
      const isIndex = index < MAX_ARRAY_LENGTH && String(index >>> 0) === key;
      parts.push(isIndex ? index : key, Reflect.get(array, key));
    }
  },
  create(parts): unknown[] {
    const length = parts[1];
    if (!isArrayLength(length)) {
      throw malformed(`${String(length)} cannot be the length of an array`);
    }
    return makeArray(length, parts.length);
  },
  fill(array, parts, reader): void {
    const { length } = array;
    readProperties(parts, 2, reader, (key, value) => {
      if (typeof key === "number" && isArrayLength(key) && key < length) {
        array[key] = value;
      } else if (typeof key === "string" && key !== "length") {
        Object.defineProperty(array, key, {
          value,
          enumerable: true,
          writable: true,
          configurable: true,
        });
      } else {
        throw malformed(`an array of ${length} elements cannot have a property ${String(key)}`);
      }
    });
  },
  step: (parts, index) => propertyStep(String(parts[index - 1])),
};

/** `["Boolean", true]` and so on: the object around a primitive. */
function boxedType(constructor: BoxConstructor): ValueType {
  const { name, prototype } = constructor;
  const { valueOf } = prototype;
  const typeofContent: string = name.toLowerCase();
  return {
    name,
    prototypes: [prototype],
    is: (value): value is object => hasSlot(valueOf, value),
    encode(box, parts): void {
      parts.push(valueOf.call(box));
    },
    create(parts, reader): object {
      const primitive = reader.primitive(parts[1]);
      const type: string = typeof primitive;
      if (type !== typeofContent) throw malformed(`a ${name} object holds no ${typeofContent}`);
      return Object(primitive);
    },
  };
}

/** Everything that is neither a primitive nor a plain object nor a plain array. */
export const VALUE_TYPES: readonly ValueType[] = [
  DATE_TYPE,
  REG_EXP_TYPE,
  MAP_TYPE,
  SET_TYPE,
  ARRAY_TYPE,
  ...[Boolean, Number, String, BigInt].map(boxedType),
  ...BUFFER_TYPES,
  DOM_EXCEPTION_TYPE,
  ERROR_TYPE,
];

const TYPES_BY_NAME: ReadonlyMap<unknown, ValueType> = new Map(
  [...VALUE_TYPES, ...LIST_TYPES].map((type) => [type.name, type]),
);

const TYPES_BY_PROTOTYPE: ReadonlyMap<object, ValueType> = new Map(
  VALUE_TYPES.flatMap((type) => type.prototypes.map((prototype) => [prototype, type])),
);

/** @returns The row of the table that an escape names, if there is one. */
export function typeNamed(name: unknown): ValueType | undefined {
  return TYPES_BY_NAME.get(name);
}

/** @returns The row of the table for an object, `undefined` for plain objects and for what cannot be sent. */
export function findType(value: object): ValueType | undefined {
  const usual = TYPES_BY_PROTOTYPE.get(Object.getPrototypeOf(value));
  if (usual?.is(value)) return usual;
  const name = tagOf(value);
  if (name === "Object" && !(Symbol.toStringTag in value)) return undefined;
  const named = TYPES_BY_NAME.get(name);
  if (named?.is(value)) return named;
  // The class has its own Symbol.toStringTag. Slots are read last: reading one that is not there takes 3 µs.
  return VALUE_TYPES.find((type) => inheritsFrom(value, type.prototypes) && type.is(value));
}

/** Whether an object can only be a plain one. `arguments`, which cannot be cloned, is an iterable `Object`. */
export function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype && !(Symbol.iterator in value);
}

function inheritsFrom(value: object, prototypes: readonly object[]): boolean {
  return prototypes.some((prototype) => Object.prototype.isPrototypeOf.call(prototype, value));
}

function isArrayLength(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_ARRAY_LENGTH;
}

/** An array of a length that may be much greater than what it will hold. */
function makeArray(length: number, partCount: number): unknown[] {
  const array: unknown[] = [];
  if (length > 1000 + 10 * partCount) {
    // An element this far out makes V8 store the array as a dictionary. Otherwise it would allocate every hole.
    array[MAX_ARRAY_LENGTH - 1] = undefined;
    array.length = 0;
  }
  array.length = length;
  return array;
}
