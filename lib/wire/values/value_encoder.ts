import type { Encoded } from "../codec.ts";
import { describe } from "./describe.ts";
import { isExact, isLongText, stringify, tooLarge } from "./json_text.ts";
import { findListType, LIST_TYPE } from "./list_types.ts";
import { SendableCheck } from "./sendable_check.ts";
import { isUncloneable } from "./uncloneable.ts";
import { type Parts, type PartsWriter, propertyStep, type ValueType } from "./value_type.ts";
import { ARRAY_TYPE, findType, isPlain } from "./value_types.ts";

/** Stands for a value that JSON cannot hold. */
type Escape = { $: string | number | Parts };

/** The encoding of one object. */
interface Entry {
  /** A copy of the object, or the parts of an escape. Its values are escaped in place when the entry's turn comes. */
  readonly target: Record<string, unknown> | unknown[];
  /** The row that made the target; `undefined` for plain objects and dense arrays. */
  readonly type: ValueType | undefined;
  readonly parent: Entry | undefined;
  /** Where the target is in the parent's target. */
  readonly key: string | number;
}

/** Up to this many objects are searched one by one, which is faster than making a `Map`. */
const SEARCHED_OBJECTS = 32;

/** Up to this length an array is copied element by element, which is faster than `Object.values`. */
const LOOPED_ARRAY_LENGTH = 64;

/** From this length on, an array that contains objects repeatedly is written as a list, see list_types.ts. */
const LIST_LENGTH = 16;

/** JSON with more than about 8,380,000 keys in one object ends the process that parses it. */
const MAX_KEYS = 8_000_000;
/** The most that a `Map` takes. */
const MAX_OBJECTS = 2 ** 24;

const MAX_PATH_LENGTH = 400;

/** Encodes one value. See codec.ts for the format. */
export class ValueEncoder implements PartsWriter {
  readonly #root: string;
  readonly #shareBuffers: boolean;
  readonly #buffers: Uint8Array[] = [];
  /** Every object met so far; its index is the object's number. */
  readonly #sources: object[] = [];
  /** The entries of the objects that are escaped when their turn comes. */
  readonly #entries: Entry[] = [];
  /** Numbers of the objects, once there are more than {@linkcode SEARCHED_OBJECTS}. */
  #numbers: Map<object, number> | undefined;
  #json: unknown;
  #hasEscapes = false;
  #hasLongTexts = false;
  #check: SendableCheck | undefined;
  /** What is being escaped, for error messages. */
  #place: { parent: Entry | undefined; key: string | number } = { parent: undefined, key: "" };

  /**
   * @param root What the value is called in error messages.
   * @param shareBuffers Whether buffers go out as views of the caller's memory.
   */
  constructor(root: string, shareBuffers: boolean) {
    this.#root = root;
    this.#shareBuffers = shareBuffers;
  }

  /**
   * @returns The text, with buffers if there are any.
   * @throws {DOMException} A `DataCloneError` if something in the value cannot be sent.
   * @throws {RangeError} If the text is too long for a string.
   */
  encode(value: unknown): Encoded {
    this.#json = isExact(value) ? value : this.#escape(value, undefined, "");
    for (let i = 0; i < this.#entries.length; i++) this.#escapeContents(this.#entries[i]);
    const isBare = this.#entries.length > 0 && this.#json === this.#entries[0].target;
    if (this.#hasEscapes && isBare) this.#json = { $: ["plain", this.#json] };
    const text = stringify(this.#json, this.#root, this.#hasLongTexts);
    return this.#buffers.length === 0 ? text : { text, buffers: this.#buffers };
  }

  /** Adds the bytes of a buffer to those that travel beside the text. */
  addBuffer(buffer: ArrayBuffer): void {
    const bytes = new Uint8Array(buffer);
    this.#buffers.push(this.#shareBuffers ? bytes : bytes.slice());
  }

  /** Adds bytes that nobody else has or changes. */
  addBytes(bytes: Uint8Array): void {
    this.#buffers.push(bytes);
  }

  /** Whether a value can be sent. */
  isSendable(value: unknown): boolean {
    this.#check ??= new SendableCheck();
    return this.#check.isSendable(value);
  }

  /** @throws {DOMException} Always: a `DataCloneError` that names the path to what is being escaped. */
  refuse(what: string): never {
    const path = this.#pathTo(this.#place.parent, this.#place.key);
    const remedy = what === "a Promise"
      ? "Await it first"
      : this.#root === "result"
      ? "Return the plain data that it is made from instead"
      : "Send the plain data that it is made from instead, or make it on the slave, in the startup function or the task";
    throw new DOMException(
      `${path} is ${what}, which cannot be sent to another process. ${remedy}`,
      "DataCloneError",
    );
  }

  #escapeContents(entry: Entry): void {
    const { target, type } = entry;
    if (Array.isArray(target)) {
      if (type === undefined && mayRepeat(target)) this.#escapeList(entry, target);
      else this.#escapeElements(entry, target);
      return;
    }
    let count = 0;
    for (const key in target) {
      const value = target[key];
      // for-in also visits what somebody added to Object.prototype.
      if (!isExact(value) && Object.hasOwn(target, key)) {
        target[key] = this.#escape(value, entry, key);
      }
      if (isLongText(key)) this.#hasLongTexts = true;
      count++;
    }
    if (count > MAX_KEYS) throw tooLarge(this.#root, `an object in it has ${count} properties`);
  }

  #escapeElements(entry: Entry, target: unknown[]): void {
    for (let i = 0; i < target.length; i++) {
      const value = target[i];
      if (!isExact(value)) target[i] = this.#escape(value, entry, i);
    }
  }

  /** Escapes an array without numbers: an object that was met before is written as its bare number, if there is any such object. */
  #escapeList(entry: Entry, target: unknown[]): void {
    let hasNumbers = false;
    for (let i = 0; i < target.length; i++) {
      const value = target[i];
      if (isExact(value)) continue;
      const number = typeof value === "object" ? this.#numberOf(value as object) : undefined;
      if (number !== undefined) hasNumbers = true;
      target[i] = number ?? this.#escape(value, entry, i);
    }
    if (!hasNumbers) return;
    this.#hasEscapes = true;
    const list = { $: [LIST_TYPE.name, target] };
    if (entry.parent === undefined) this.#json = list;
    else (entry.parent.target as Record<string | number, unknown>)[entry.key] = list;
  }

  #escape(value: unknown, parent: Entry | undefined, key: string | number): unknown {
    if (typeof value === "object") return this.#escapeObject(value as object, parent, key);
    if (typeof value !== "string") this.#hasEscapes = true;
    switch (typeof value) {
      case "undefined":
        return { $: "undefined" };
      case "number":
        return { $: Object.is(value, -0) ? "-0" : String(value) };
      case "bigint":
        return { $: ["bigint", value.toString(16)] };
      case "string":
        this.#hasLongTexts = true;
        return value;
      default:
        this.#place = { parent, key };
        return this.refuse(describe(value));
    }
  }

  #escapeObject(source: object, parent: Entry | undefined, key: string | number): unknown {
    const number = this.#numberOf(source);
    if (number !== undefined) {
      this.#hasEscapes = true;
      return { $: number };
    }
    if (Array.isArray(source)) {
      const copy = copyIfDense(source);
      if (copy === undefined) return this.#escapeTyped(source, ARRAY_TYPE, parent, key);
      const type = findListType(copy, this.#isNew);
      if (type !== undefined) return this.#escapeTyped(source, type, parent, key, copy);
      this.#add(source, { target: copy, type: undefined, parent, key });
      return copy;
    }
    if (!isPlain(source)) {
      const type = findType(source);
      if (type !== undefined) return this.#escapeTyped(source, type, parent, key);
      if (isUncloneable(source)) {
        this.#place = { parent, key };
        return this.refuse(describe(source));
      }
    }
    return this.#escapePlain(source, parent, key);
  }

  #escapePlain(source: object, parent: Entry | undefined, key: string | number): unknown {
    // The spread reads each getter once and leaves out what is inherited or not enumerable, as structuredClone does.
    const copy: Record<string, unknown> = { ...source };
    this.#add(source, { target: copy, type: undefined, parent, key });
    if (!Object.hasOwn(copy, "$")) return copy;
    this.#hasEscapes = true;
    return { $: ["plain", copy] };
  }

  /** @param content What the row reads: a copy of an array, because its class may have its own methods and iterator. */
  #escapeTyped(
    source: object,
    type: ValueType,
    parent: Entry | undefined,
    key: string | number,
    content = source,
  ): Escape {
    this.#hasEscapes = true;
    const parts: Parts = [type.name];
    const entry = { target: parts, type, parent, key };
    this.#place = entry;
    // The parts that the decoder needs to make the object at all are numbered right after it.
    const isMadeAtOnce = type.fill === undefined;
    if (isMadeAtOnce) this.giveNumber(source);
    else this.#add(source, entry);
    type.encode(content, parts, this);
    if (isMadeAtOnce) this.#escapeElements(entry, parts);
    return { $: parts };
  }

  #add(source: object, entry: Entry): void {
    this.#entries.push(entry);
    this.giveNumber(source);
  }

  /** Numbers an object. */
  giveNumber(source: object): void {
    const number = this.#sources.push(source) - 1;
    if (number >= MAX_OBJECTS) throw tooLarge(this.#root, `it has more than ${number} objects`);
    if (this.#numbers !== undefined) {
      this.#numbers.set(source, number);
    } else if (number === SEARCHED_OBJECTS) {
      this.#numbers = new Map();
      for (let i = 0; i <= number; i++) this.#numbers.set(this.#sources[i], i);
    }
  }

  readonly #isNew = (source: object): boolean => this.#numberOf(source) === undefined;

  #numberOf(source: object): number | undefined {
    if (this.#numbers !== undefined) return this.#numbers.get(source);
    const number = this.#sources.indexOf(source);
    return number === -1 ? undefined : number;
  }

  #pathTo(parent: Entry | undefined, key: string | number): string {
    const steps: string[] = [];
    for (let entry = parent; entry !== undefined; entry = entry.parent) {
      steps.push(stepTo(entry, key));
      key = entry.key;
    }
    const path = this.#root + steps.reverse().join("");
    if (path.length <= MAX_PATH_LENGTH) return path;
    return `${path.slice(0, MAX_PATH_LENGTH / 2)} … ${path.slice(-MAX_PATH_LENGTH / 2)}`;
  }
}

/** Whether an array is worth searching for objects that it contains repeatedly, so that it may become a list. */
function mayRepeat(array: readonly unknown[]): boolean {
  if (array.length < LIST_LENGTH || typeof array[0] !== "object") return false;
  for (let i = 0; i < array.length; i++) {
    if (typeof array[i] === "number") return false;
  }
  return true;
}

/** Copies an array that has neither holes nor properties beside its elements. */
function copyIfDense(array: unknown[]): unknown[] | undefined {
  const { length } = array;
  if (length > LOOPED_ARRAY_LENGTH) {
    const copy: unknown[] = Object.values(array);
    return copy.length === length && !hasHoles(array) ? copy : undefined;
  }
  const copy: unknown[] = [];
  for (let i = 0; i < length; i++) {
    const value = array[i];
    if (value === undefined && !Object.hasOwn(array, i)) return undefined;
    copy.push(value);
  }
  return Object.keys(array).length === length ? copy : undefined;
}

function hasHoles(array: unknown[]): boolean {
  const mayHaveHoles = Array.prototype.includes.call(array, undefined);
  if (!mayHaveHoles) return false;
  for (let i = 0; i < array.length; i++) {
    if (!Object.hasOwn(array, i)) return true;
  }
  return false;
}

/** How a path goes on from an object to what it contains, such as `[3]` or `.name`. */
function stepTo({ target, type }: Entry, key: string | number): string {
  if (type?.step !== undefined) return type.step(target as Parts, key as number);
  if (Array.isArray(target)) return `[${key}]`;
  return propertyStep(String(key));
}
