/**
 * Values as they cross the wire: the semantics of `structuredClone`, as JSON text with the bytes of buffers beside it.
 *
 * A value that JSON keeps exactly (finite numbers, strings, booleans, `null`, arrays and objects of these) is its own
 * JSON text, so it costs little more than `JSON.stringify`, and nothing to decode:
 *
 *     [5, { name: "run", weights: [0.5, 1] }]      [5,{"name":"run","weights":[0.5,1]}]
 *
 * In every other value, what JSON cannot hold stands as an *escape*, an object with the one key `$`:
 *
 *     {"$":"undefined"}                also "NaN", "-0", "Infinity" and "-Infinity"
 *     {"$":3}                          object number 3 once more, see below
 *     {"$":["Map","key",1,"other",2]}  a type and its parts: one row of VALUE_TYPES in value_types.ts
 *     {"$":["bigint","-ff"]}           hexadecimal, because that is read and written in linear time
 *     {"$":["plain",{"$":1}]}          the object or array that follows, whose own `$` is no escape
 *     {"$":["numbers"]}                a long array of numbers (or of bigints, or dates), as bytes: see list_types.ts
 *     {"$":["list",["a",3,3]]}         a long array without numbers: those in it are objects once more
 *
 * Escapes are looked for only in a value that is an escape itself, so an object or array with something special in it
 * goes out as `plain`: `[1, undefined]` is `{"$":["plain",[1,{"$":"undefined"}]]}`.
 *
 * Objects are numbered in the order in which both sides meet them, breadth first, beginning with 0. Neither side
 * recurses, so nesting is limited by memory alone. A buffer is `{"$":["ArrayBuffer"]}`; its bytes are the next ones in
 * the frame, in the order in which the escapes are met. What earlier versions wrote is read as well: journals keep it.
 *
 * @module
 */

import { countBuffers } from "./values/count_buffers.ts";
import { isExact, stringify } from "./values/json_text.ts";
import { ValueDecoder } from "./values/value_decoder.ts";
import { ValueEncoder } from "./values/value_encoder.ts";
import { readJson } from "../read_json.ts";

export { bareCopyOf, errorKeysOf, readIfPossible, sendableErrors } from "./values/error_types.ts";
export { isExactNumber, jsonOf, MAX_TEXT_LENGTH, stringify } from "./values/json_text.ts";
export { SendableCheck } from "./values/sendable_check.ts";

/** The text of a value, and the bytes of its buffers, which travel beside it in the same frame. */
export interface EncodedWithBuffers {
  /** JSON text, which may stand inside a larger JSON text. */
  readonly text: string;
  /** One element per `ArrayBuffer` of the value, in the order in which decoding takes them. */
  readonly buffers: readonly Uint8Array[];
}

/** A value ready for the wire: its JSON text, or the text and the bytes that travel beside it. */
export type Encoded = string | EncodedWithBuffers;

/** How {@linkcode encodeValue} treats what it finds. */
export interface EncodeOptions {
  /**
   * Whether buffers go out as views of the caller's memory. By default their bytes are copied at the time of the call.
   */
  shareBuffers?: boolean;
}

/** The longest array that is written without the general encoder. A task rarely has more arguments. */
const SHORT_ARRAY_LENGTH = 4;

/**
 * Makes a value ready for the wire.
 *
 * Keeps what `structuredClone` keeps, and of errors also own properties, a custom `name`, and the classes
 * `AggregateError` and `SuppressedError`. Refuses what `structuredClone` refuses, and what has no meaning in another
 * process: `SharedArrayBuffer`, `Blob`, and all else that is of a class of the language or the platform, such as
 * `AbortSignal`, `FormData` or `Deno.FsFile`, of which `structuredClone` makes empty objects. One difference is left: a
 * program cannot tell a `Proxy` from its target, so it goes out as what it shows.
 *
 * @param value Anything.
 * @param root What the value is called in error messages, such as `"args"` or `"result"`.
 * @returns JSON text, which may stand inside a larger JSON text; with buffers beside it if the value contains any.
 * @throws {DOMException} A `DataCloneError` whose message begins with the path to what cannot be sent.
 * @throws {RangeError} If the text is too long for a string, or such that V8 could not parse it.
 */
export function encodeValue(value: unknown, root: string, options: EncodeOptions = {}): Encoded {
  return encodeSimply(value, root) ??
    new ValueEncoder(root, options.shareBuffers ?? false).encode(value);
}

/**
 * Makes a list ready for the wire that has no properties but its elements, such as a function's rest parameter. Not checking this halves
 * the time for a short list. Otherwise like {@linkcode encodeValue}.
 */
export function encodeList(list: readonly unknown[], root: string): Encoded {
  const text = list.length <= SHORT_ARRAY_LENGTH ? encodeShortList(list, root) : undefined;
  return text ?? new ValueEncoder(root, false).encode(list);
}

/**
 * Decodes a value.
 *
 * @param json What `JSON.parse` made of the text of {@linkcode encodeValue}. It becomes part of the value.
 * @param buffers Buffers of the frame. The value takes its own; values of one frame are decoded in the order in which
 * they were encoded.
 * @returns The value. A plain one is `json` itself.
 * @throws {SyntaxError} If no encoder makes such JSON, or fewer buffers came than it needs.
 */
export function decodeValue(json: unknown, buffers: BufferCursor): unknown {
  if (typeof json !== "object" || json === null || !Object.hasOwn(json, "$")) return json;
  return new ValueDecoder(buffers).decode(json);
}

/**
 * Stands in the place of a list whose text is sent as a buffer of UTF-8, ahead of the list's own buffers: a long text is then neither kept
 * on V8's heap nor joined with others.
 */
export const TEXT_IN_BUFFER = "null";

const decoder = new TextDecoder();

/**
 * The JSON of a list, made from what has come in its place: the text of {@linkcode encodeList}, the single number of a list, or
 * {@linkcode TEXT_IN_BUFFER}.
 */
export function jsonOfList(json: unknown, buffers: BufferCursor): unknown {
  if (typeof json === "number") return [json];
  return json ?? readJson(decoder.decode(buffers.take()));
}

/** What has arrived in the place of a value that cannot be decoded here. */
export class Undecodable {
  /** @param reason Why it cannot be decoded. */
  constructor(readonly reason: unknown) {}
}

/**
 * Decodes each value of a list in its place. A value that cannot be decoded is replaced by an {@linkcode Undecodable}; the others still get
 * their own buffers.
 *
 * @param original Makes the JSON of the list anew, because decoding changes it.
 * @param jsonOf Makes the JSON of a value from what has come in its place: {@linkcode jsonOfList} if the values are lists.
 * @returns Whether each could be decoded.
 */
export function decodeEach(
  values: unknown[],
  buffers: BufferCursor,
  original: () => readonly unknown[],
  jsonOf?: typeof jsonOfList,
): boolean {
  let areAllDecoded = true;
  for (let i = 0; i < values.length; i++) {
    // Most are primitives, which stand for themselves.
    if (jsonOf === undefined && typeof values[i] !== "object") continue;
    const { position } = buffers;
    try {
      const json = jsonOf === undefined ? values[i] : jsonOf(values[i], buffers);
      values[i] = decodeValue(json, buffers);
    } catch (reason) {
      areAllDecoded = false;
      values[i] = new Undecodable(reason);
      buffers.position = position;
      const json = original()[i];
      const count = countBuffers(jsonOf === undefined ? json : jsonOf(json, buffers));
      if (!buffers.done) buffers.position += count;
    }
  }
  return areAllDecoded;
}

/** Hands out the buffers of one frame, in order, each once. */
export class BufferCursor {
  readonly #buffers: readonly Uint8Array[];
  /** How many have been taken. When a value could not be decoded, it is set to where the next value's buffers begin. */
  position = 0;

  /**
   * A cursor at the first buffer.
   *
   * @param buffers Buffers in the order in which they came.
   */
  constructor(buffers: readonly Uint8Array[]) {
    this.#buffers = buffers;
  }

  /** Whether every buffer has been taken. */
  get done(): boolean {
    return this.position >= this.#buffers.length;
  }

  /**
   * Takes the next buffer. One that owns the whole of its `ArrayBuffer` becomes part of the decoded value, others are
   * copied.
   *
   * @throws {SyntaxError} If none is left.
   */
  take(): Uint8Array {
    if (this.done) {
      throw new SyntaxError(
        `Cannot decode a value: it needs more buffers than the ${this.#buffers.length} that came with it`,
      );
    }
    return this.#buffers[this.position++];
  }
}

/** The cursor of all frames without buffers, which most are: it never moves. */
export const NO_BUFFERS = new BufferCursor([]);

/**
 * The text of a primitive or of a short array of primitives: what most tasks take and return, in a fraction of the time
 * that the general encoder needs.
 */
function encodeSimply(value: unknown, root: string): string | undefined {
  if (value === undefined) return '{"$":"undefined"}';
  if (isExact(value)) return encodePrimitive(value, root);
  if (!Array.isArray(value) || value.length > SHORT_ARRAY_LENGTH) return undefined;
  const hasOnlyElements = Object.keys(value).length === value.length;
  return hasOnlyElements ? encodeShortList(value, root) : undefined;
}

function encodeShortList(list: readonly unknown[], root: string): string | undefined {
  for (let i = 0; i < list.length; i++) {
    if (!isExact(list[i])) return undefined;
  }
  return list.length === 1 ? `[${encodePrimitive(list[0], root)}]` : stringify(list, root);
}

function encodePrimitive(value: unknown, root: string): string {
  return typeof value === "string" ? stringify(value, root) : String(value);
}
