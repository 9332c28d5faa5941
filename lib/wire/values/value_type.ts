/** The array in an escape: the name of a type, then what an object of that type is made of. */
export type Parts = unknown[];

/** What a {@linkcode ValueType} needs from the encoder. */
export interface PartsWriter {
  /** Adds the bytes of a buffer to those that travel beside the text. */
  addBuffer(buffer: ArrayBuffer): void;
  /** Adds bytes that nobody else has or changes. */
  addBytes(bytes: Uint8Array): void;
  /** Numbers an object that the type itself encodes, as the decoder does when it makes that object. */
  giveNumber(object: object): void;
  /** Whether a value can be sent: `encode` leaves out parts that need not arrive. */
  isSendable(value: unknown): boolean;
  /** Says that the object cannot be sent after all, and what it is: `"a detached ArrayBuffer"`. */
  refuse(what: string): never;
}

/** What a {@linkcode ValueType} needs from the decoder. */
export interface PartsReader {
  /** Decodes one part. Objects in it may still be empty, they are filled later. */
  value(json: unknown): unknown;
  /** Decodes a part that must be a primitive. */
  primitive(json: unknown): unknown;
  /** Decodes a part that must be an `ArrayBuffer`. */
  buffer(json: unknown): ArrayBuffer;
  /** Numbers an object that the type itself makes. */
  giveNumber(object: object): void;
  /** Finds an object that was met before, by its number. */
  objectNumbered(number: number): object;
  /** Takes the next buffer of the frame. */
  takeBytes(): Uint8Array;
}

/**
 * How objects of one type are written and read: one row of `VALUE_TYPES`. `parts[0]` is always the name.
 *
 * Types without `fill` are made at once, from parts that are primitives or an `ArrayBuffer`. The others are made empty
 * and filled when their turn comes, so that what they contain may refer back to them.
 */
export interface ValueType<T extends object = object> {
  /** Name in the text, and what `Object.prototype.toString` calls these objects. */
  readonly name: string;
  /** Prototypes that objects of this type usually have. */
  readonly prototypes: readonly object[];
  /**
   * Whether an object really is of this type, of whatever realm, and whatever `Symbol.toStringTag` it shows: only its internal slots count.
   */
  is(value: object): value is T;
  /**
   * Pushes the parts of the object; the encoder escapes them afterwards. Reads slots, by getters of the built-in prototypes: the object may
   * have its own properties with these names.
   */
  encode(value: T, parts: Parts, writer: PartsWriter): void;
  /** Whether `create` takes bytes from the frame. */
  readonly takesBytes?: boolean;
  /** Makes the object, without its contents if there is a `fill`. */
  create(parts: Parts, reader: PartsReader): T;
  /** Adds what the object contains. */
  fill?(value: T, parts: Parts, reader: PartsReader): void;
  /** How an error path goes on from the object to the part at an index. */
  step?(parts: Parts, index: number): string;
}

/** @returns The error for JSON that no encoder makes. */
export function malformed(what: string): SyntaxError {
  return new SyntaxError(
    `Cannot decode a value: ${what}. It was not made by this version of the module, or was damaged on the way`,
  );
}

/** Whether an internal slot of an object can be read, which tells a real `Map` from an object that inherits from one. */
export function hasSlot(read: (this: object) => unknown, value: object): boolean {
  try {
    read.call(value);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** @returns The getter of a property of a built-in prototype: it reads the slot, whatever properties the object has. */
export function getterOf<Value = unknown>(
  prototype: object,
  key: PropertyKey,
): (this: object) => Value {
  const getter = Object.getOwnPropertyDescriptor(prototype, key)?.get;
  if (getter === undefined) throw new TypeError(`No getter is called ${String(key)}`);
  return getter;
}

/** How many characters of an unusual name, or of the key of a `Map`, a path shows. */
const MAX_KEY_LENGTH = 200;

/** Puts a key in quotes. A long key is cut: `JSON.stringify` ends the process at more than 2^28 characters. */
export function quoteKey(key: string): string {
  return JSON.stringify(
    key.length <= MAX_KEY_LENGTH ? key : `${key.slice(0, MAX_KEY_LENGTH)}…`,
  );
}

/** @returns How a path goes on to a property: `.name`, `[3]` or `["odd name"]`. */
export function propertyStep(key: string): string {
  if (/^(0|[1-9]\d*)$/.test(key)) return `[${key}]`;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${quoteKey(key)}]`;
}

/**
 * Reads parts that are properties: `[…, key, value, key, value]`.
 *
 * @param start Index of the first key.
 * @param set Called with each key and decoded value, in order.
 */
export function readProperties(
  parts: Parts,
  start: number,
  reader: PartsReader,
  set: (key: unknown, value: unknown) => void,
): void {
  if ((parts.length - start) % 2 !== 0) throw malformed(`a property of ${parts[0]} has no value`);
  for (let i = start; i < parts.length; i += 2) set(parts[i], reader.value(parts[i + 1]));
}
