import type { BufferCursor } from "../codec.ts";
import { malformed, type Parts, type PartsReader, type ValueType } from "./value_type.ts";
import { typeNamed } from "./value_types.ts";

/** An object that has been made and still has to be filled. */
type Unfilled =
  /** A plain object or array. It is the JSON itself, in which values replace escapes. */
  | { readonly type: undefined; readonly target: Record<string, unknown> | unknown[] }
  /** An object whose parts are decoded into it. */
  | { readonly type: ValueType; readonly object: object; readonly parts: Parts };

/** Decodes one value that contains escapes. See codec.ts for the format. */
export class ValueDecoder implements PartsReader {
  readonly #buffers: BufferCursor;
  /** Every object met so far; its index is the object's number. `undefined` while it is being made. */
  readonly #objects: (object | undefined)[] = [];
  readonly #unfilled: Unfilled[] = [];

  /** @param buffers Where the bytes of buffers are taken from. */
  constructor(buffers: BufferCursor) {
    this.#buffers = buffers;
  }

  /**
   * @param json An escape. Becomes part of the value.
   * @throws {SyntaxError} If no encoder makes such JSON.
   */
  decode(json: unknown): unknown {
    const value = this.value(json);
    for (let i = 0; i < this.#unfilled.length; i++) this.#fill(this.#unfilled[i]);
    return value;
  }

  /** Decodes the value at one place. Objects come back empty or with escapes in them, and are filled later. */
  value(json: unknown): unknown {
    if (typeof json !== "object" || json === null) return json;
    const escape = escapeIn(json);
    if (escape === undefined) return this.#plain(json);
    if (typeof escape === "string") return constantNamed(escape);
    if (typeof escape === "number") return this.objectNumbered(escape);
    if (!Array.isArray(escape)) {
      throw malformed("an escape is neither a name, a number nor an array");
    }
    switch (escape[0]) {
      case "plain":
        return this.#plain(escape[1]);
      case "bigint":
        return parseBigInt(escape[1]);
      default:
        return this.#make(escape);
    }
  }

  /** Decodes a part that must be a primitive. */
  primitive(json: unknown): unknown {
    if (typeof json !== "object" || json === null) return json;
    const escape = escapeIn(json);
    const isPrimitive = typeof escape === "string" ||
      (Array.isArray(escape) && escape[0] === "bigint");
    if (!isPrimitive) throw malformed("an object stands where only a primitive can");
    return this.value(json);
  }

  /** Decodes a part that must be an `ArrayBuffer`, perhaps one that was met before. */
  buffer(json: unknown): ArrayBuffer {
    const escape = escapeIn(json);
    const isBuffer = Array.isArray(escape) && escape[0] === "ArrayBuffer";
    if (typeof escape === "number" || isBuffer) {
      const buffer = this.value(json);
      if (buffer instanceof ArrayBuffer) return buffer;
    }
    throw malformed("a view has no buffer");
  }

  /** Numbers an object. */
  giveNumber(object: object): void {
    this.#objects.push(object);
  }

  /** Finds an object that was met before, by its number. */
  objectNumbered(number: number): object {
    const object = this.#objects[number];
    if (object === undefined) throw malformed(`there is no object number ${number} yet`);
    return object;
  }

  /** Takes the bytes of the next buffer. */
  takeBytes(): Uint8Array {
    return this.#buffers.take();
  }

  #plain(target: unknown): object {
    if (typeof target !== "object" || target === null) {
      throw malformed("a plain object or array is missing");
    }
    this.#objects.push(target);
    const unfilled = target as Record<string, unknown> | unknown[];
    this.#unfilled.push({ type: undefined, target: unfilled });
    return target;
  }

  #make(parts: Parts): object {
    const type = typeNamed(parts[0]);
    if (type === undefined) throw malformed(`there is no type ${JSON.stringify(parts[0])}`);
    const number = this.#objects.push(undefined) - 1;
    const object = type.create(parts, this);
    this.#objects[number] = object;
    if (type.fill !== undefined) this.#unfilled.push({ type, object, parts });
    return object;
  }

  #fill(unfilled: Unfilled): void {
    if (unfilled.type !== undefined) {
      unfilled.type.fill?.(unfilled.object, unfilled.parts, this);
    } else if (Array.isArray(unfilled.target)) {
      this.#fillArray(unfilled.target);
    } else {
      this.#fillObject(unfilled.target);
    }
  }

  #fillArray(target: unknown[]): void {
    for (let i = 0; i < target.length; i++) {
      const json = target[i];
      if (typeof json === "object" && json !== null) target[i] = this.value(json);
    }
  }

  #fillObject(target: Record<string, unknown>): void {
    for (const key in target) {
      const json = target[key];
      // for-in also visits what somebody added to Object.prototype. An own property can be assigned, even if it is called __proto__.
      if (typeof json === "object" && json !== null && Object.hasOwn(target, key)) {
        target[key] = this.value(json);
      }
    }
  }
}

/** @returns What the `$` of an escape holds; `undefined` if the JSON is no escape. */
export function escapeIn(json: unknown): unknown {
  if (typeof json !== "object" || json === null) return undefined;
  const escape = (json as { $?: unknown }).$;
  // JSON contains no undefined. What somebody added to Object.prototype is not an escape.
  return escape === undefined || !Object.hasOwn(json, "$") ? undefined : escape;
}

function constantNamed(name: string): number | undefined {
  switch (name) {
    case "undefined":
      return undefined;
    case "NaN":
      return NaN;
    case "-0":
      return -0;
    case "Infinity":
      return Infinity;
    case "-Infinity":
      return -Infinity;
    default:
      throw malformed(`there is no constant ${JSON.stringify(name)}`);
  }
}

function parseBigInt(text: unknown): bigint {
  if (typeof text !== "string") throw malformed("the digits of a bigint are missing");
  try {
    return text.startsWith("-") ? -BigInt("0x" + text.slice(1)) : BigInt("0x" + text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw malformed(`${JSON.stringify(text.slice(0, 40))} is no bigint in hexadecimal`);
  }
}
