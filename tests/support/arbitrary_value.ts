import fc from "fast-check";

const KEYS = [
  "a",
  "b",
  "$",
  "",
  "0",
  "7",
  "__proto__",
  "toJSON",
  "constructor",
  "length",
  "\\",
  '"',
  "\n",
];

const PRIMITIVE: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, false, NaN, 0, -0, Infinity, -Infinity, "$"),
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.string({ unit: "binary" }),
  // Any UTF-16 code units, so also lone surrogates.
  fc.array(fc.integer({ min: 0xd700, max: 0xe000 }), { maxLength: 3 })
    .map((units) => String.fromCharCode(...units)),
);

/** One step in the making of a value: what to make, and what of the earlier ones it contains. */
interface Step {
  kind: string;
  contents: (readonly [key: string, from: number])[];
  primitive: unknown;
}

const STEP: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...Object.keys(makers())),
  contents: fc.array(fc.tuple(fc.constantFrom(...KEYS), fc.nat()), { maxLength: 5 }),
  primitive: PRIMITIVE,
});

/**
 * Graphs of values of all kinds. Contents are drawn from the whole graph, so that objects are met repeatedly and
 * circles are common.
 *
 * Errors have properties that `structuredClone` keeps, and no others.
 */
export const arbitraryValue: fc.Arbitrary<unknown> = fc
  .array(STEP, { minLength: 1, maxLength: 40 })
  .map((steps) => {
    const make = makers();
    const values = steps.map(({ kind, primitive }) => make[kind](primitive));
    steps.forEach(({ contents, primitive }, i) => {
      for (const [key, from] of contents) {
        // One in three is a primitive: graphs of nothing but objects would be rare.
        const content = from % 3 === 0 ? primitive : values[from % values.length];
        addContent(values[i], key, content);
      }
    });
    return values[0];
  });

/** Trees that JSON keeps, except that objects may repeat. */
export const arbitraryPlainValue: fc.Arbitrary<unknown> = fc.jsonValue({ maxDepth: 5 });

/** Makes each kind of value. The views and the buffer of one call share their memory. */
function makers(): Record<string, (primitive: unknown) => unknown> {
  const bytes = new Uint8Array(16).map((_, i) => i * 16).buffer;
  return {
    primitive: (primitive) => primitive,
    object: () => ({}),
    plainObject: () => ({ x: 1, y: [1, "2"] }),
    array: () => [],
    numbers: () => [1, 2.5, 3],
    longArray: () => Array.from({ length: 100 }, (_, i) => i),
    longBigints: () => Array.from({ length: 40 }, (_, i) => BigInt(i) - 20n),
    longDates: () => Array.from({ length: 40 }, (_, i) => new Date(i)),
    repeated: () => new Array(20).fill({}),
    map: () => new Map(),
    set: () => new Set(),
    error: () => new RangeError("message"),
    instance: () =>
      new (class Instance {
        field: unknown = 1;
      })(),
    date: (primitive) => new Date(typeof primitive === "number" ? primitive : NaN),
    regExp: () => /[$]/g,
    boxed: (primitive) => Object(primitive ?? false),
    buffer: () => bytes,
    bytes: () => new Uint8Array(bytes, 4, 8),
    doubles: () => new Float64Array(bytes),
    dataView: () => new DataView(bytes.slice(0, 5), 1),
  };
}

function addContent(target: unknown, key: string, content: unknown): void {
  if (target instanceof Map) target.set(key === "$" ? content : key, content);
  else if (target instanceof Set) target.add(content);
  else if (target instanceof Error) hide(target, "cause", content);
  else if (Array.isArray(target)) addToArray(target, key, content);
  else if (isPlain(target)) define(target, key, content);
}

function addToArray(array: unknown[], key: string, content: unknown): void {
  if (key === "length") array.length += 1;
  else if (key === "a" || key === "b") array.push(content);
  else define(array, key, content);
}

function isPlain(target: unknown): target is object {
  return Object.prototype.toString.call(target) === "[object Object]";
}

function define(target: object, key: string, value: unknown): void {
  const attributes = { enumerable: true, writable: true, configurable: true };
  Object.defineProperty(target, key, { value, ...attributes });
}

function hide(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, configurable: true });
}
