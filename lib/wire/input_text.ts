/**
 * The input of a task in short, for the message that it failed: `(31, "6lyz.pdb", Float64Array(1000) [0.1, 0.2, …])`.
 *
 * It is made from what was sent, which may be a gigabyte. So the whole is not decoded: only the beginning of the text is read, and the
 * first elements of each buffer. The format is that of codec.ts.
 *
 * @module
 */

import { lineOfText, quoteText } from "../quote_text.ts";
import { argumentsOf, codeOf, type EncodedArguments, type Task } from "../task.ts";
import { readJson } from "../read_json.ts";
import { BufferCursor, decodeValue, TEXT_IN_BUFFER } from "./codec.ts";
import { CUT, parseBeginning } from "./json_beginning.ts";
import { escapeIn } from "./values/value_decoder.ts";
import type { Parts } from "./values/value_type.ts";
import { typeNamed } from "./values/value_types.ts";

const MAX_LENGTH = 200;
/** How much of the text is read: characters, or bytes if the text is a buffer. */
const MAX_READ = 16 * 1024;

/** A longer bigint is shown as it was sent, in hexadecimal. */
const MAX_HEX_LENGTH = 40;
/** Names of typed arrays, and of `DataView`. */
const VIEWS = /.Array$|^DataView$/;

/** How much is shown. */
interface Detail {
  /** How many arguments. */
  readonly args: number;
  /** How many elements of a list, or properties of an object. */
  readonly items: number;
  /** How many characters of a text. */
  readonly text: number;
  /** How many levels of nested objects. */
  readonly depth: number;
}

/** The first one whose text is short enough is used. */
const DETAILS: readonly Detail[] = [
  { args: 20, items: 6, text: 100, depth: 3 },
  { args: 20, items: 4, text: 60, depth: 2 },
  { args: 16, items: 3, text: 30, depth: 2 },
  { args: 10, items: 3, text: 20, depth: 1 },
  { args: 6, items: 2, text: 16, depth: 1 },
  { args: 3, items: 2, text: 12, depth: 1 },
  { args: 2, items: 1, text: 10, depth: 0 },
];

/**
 * Puts the arguments of a task on one line, of at most 200 characters: `(31, "6lyz.pdb")`, and for an object of a remote class
 * `new Score("6lyz.pdb").run(31)`. Arguments that startup adds are left out. Call it before the task forgets its arguments.
 */
export function inputText(task: Task): string {
  const args = argumentsOf(task);
  const { reference } = codeOf(task);
  if (typeof args === "number") return `(${args})`;
  try {
    const outline = new Outline(args);
    let text = "";
    for (const detail of DETAILS) {
      text = reference.type === "class"
        ? outline.showObject(reference.name, detail)
        : outline.showArguments(detail);
      if (text.length <= MAX_LENGTH) return text;
    }
    return `${text.slice(0, MAX_LENGTH - 1).toWellFormed()}…`;
  } catch {
    // Telling that the task failed matters more than showing its input.
    return "(…)";
  }
}

/** Encoded arguments, as far as they are shown. */
class Outline {
  readonly #json: unknown;
  /** The object that each number stands for in an escape. */
  readonly #objects = new Map<number, unknown>();
  /** The bytes of each buffer and long list. The key is the parts of its escape. */
  readonly #bytes = new Map<Parts, Uint8Array>();

  constructor(args: Exclude<EncodedArguments, number>) {
    const { text, buffers } = typeof args === "string" ? { text: args, buffers: [] } : args;
    const cursor = new BufferCursor(buffers);
    const isBuffer = text === TEXT_IN_BUFFER;
    const bytes = isBuffer ? cursor.take() : undefined;
    const read = bytes === undefined
      ? text.slice(0, MAX_READ)
      : new TextDecoder().decode(bytes.subarray(0, MAX_READ), { stream: true });
    const isWhole = (bytes ?? text).length <= MAX_READ;
    this.#json = isWhole ? readJson(read) : parseBeginning(read);
    if (escapeIn(this.#json) !== undefined) this.#number(cursor);
  }

  /** Shows the arguments of a function. */
  showArguments(detail: Detail): string {
    return this.#showList(this.#json, detail);
  }

  /** Shows the arguments of an object's constructor, and those of its `run`. */
  showObject(name: string, detail: Detail): string {
    const [constructorArgs, args] = elementsOf(this.#json);
    return `new ${lineOfText(name, 40)}${this.#showList(constructorArgs, detail)}` +
      `.run${this.#showList(args, detail)}`;
  }

  #showList(json: unknown, detail: Detail): string {
    const limits = { ...detail, items: detail.args };
    return some(
      { brackets: "()", items: elementsOf(json) },
      limits,
      (arg) => this.#show(arg, detail),
    );
  }

  /**
   * Finds out which number each object has, and whose bytes each buffer has: in the order in which the decoder meets them, up to where the
   * text was cut off.
   */
  #number(buffers: BufferCursor): void {
    let count = 0;
    const containers: unknown[] = [];
    const meet = (json: unknown): void => {
      if (!isObject(json)) return;
      const escape = escapeIn(json);
      if (escape === CUT) throw new CutOff();
      if (escape === undefined) {
        this.#objects.set(count++, json);
        containers.push(json);
      } else if (Array.isArray(escape) && escape[0] !== "bigint") {
        meetTyped(json, escape);
      }
    };
    const meetTyped = (json: unknown, parts: Parts): void => {
      const [name, content] = parts;
      const type = typeNamed(name);
      this.#objects.set(count++, json);
      if (type?.takesBytes) this.#bytes.set(parts, buffers.take());
      // Each date in a list has a number of its own.
      if (name === "dates") count += this.#bytes.get(parts)!.length / 8;
      if (name === "plain" || name === "list") containers.push(content);
      else if (type?.fill !== undefined) containers.push(parts);
      else parts.forEach(meet);
    };
    try {
      meet(this.#json);
      for (const container of containers) Object.values(container as object).forEach(meet);
    } catch (error) {
      if (!(error instanceof CutOff)) throw error;
    }
  }

  #show(json: unknown, detail: Detail): string {
    if (typeof json === "string") return quoteText(json, detail.text);
    if (!isObject(json)) return String(json);
    const escape = escapeIn(json);
    if (escape === undefined) return this.#showPlain(json, detail);
    if (Array.isArray(escape)) return this.#showTyped(escape, detail);
    return typeof escape === "number" ? this.#showNumbered(escape, detail) : String(escape);
  }

  #showNumbered(number: number, detail: Detail): string {
    return this.#objects.has(number) ? this.#show(this.#objects.get(number), detail) : CUT;
  }

  #showPlain(json: object, detail: Detail): string {
    const inner = deeper(detail);
    if (Array.isArray(json)) return some(arrayOf(json), detail, (each) => this.#show(each, inner));
    const items = Object.entries(json);
    return some(
      { brackets: "{}", items },
      detail,
      ([key, value]) => isCut(value) ? CUT : `${keyText(key, detail)}: ${this.#show(value, inner)}`,
    );
  }

  #showTyped(parts: Parts, detail: Detail): string {
    const [name, content] = parts;
    const inner = deeper(detail);
    const isWhole = !parts.some(isCut);
    switch (name) {
      case "plain":
        return this.#showPlain(content as object, detail);
      case "list":
        return some(
          arrayOf(elementsOf(content)),
          detail,
          (each) =>
            typeof each === "number" ? this.#showNumbered(each, inner) : this.#show(each, inner),
        );
      case "Set": {
        const items = parts.slice(1);
        const length = isWhole ? items.length : undefined;
        return some(
          { name, length, brackets: "{}", items },
          detail,
          (each) => this.#show(each, inner),
        );
      }
      case "Map": {
        const items = pairsIn(parts, 1);
        const length = isWhole ? items.length : undefined;
        return some(
          { name, length, brackets: "{}", items },
          detail,
          ([key, value]) =>
            isCut(key) ? CUT : `${this.#show(key, inner)} => ${this.#show(value, inner)}`,
        );
      }
      case "Array":
        return some(
          { name, length: content as number, brackets: "[]", items: pairsIn(parts, 2) },
          detail,
          ([key, value]) =>
            isCut(key) ? CUT : `${placeText(key, detail)}: ${this.#show(value, inner)}`,
        );
      case "Error": {
        const { name = content, message } = Object.fromEntries(pairsIn(parts, 2));
        return errorText(name, message, detail);
      }
      case "DOMException":
        return errorText(parts[2], content, detail);
      case "ArrayBuffer":
        return `${name}(${this.#bytes.get(parts)?.length ?? CUT})`;
      case "numbers":
      case "bigints":
      case "dates":
        return this.#showLongList(parts, detail);
      case "bigint":
        return typeof content === "string" && content.length > MAX_HEX_LENGTH
          ? lineOfText(`0x${content}n`, detail.text)
          : inspect({ $: parts }, detail);
      default:
        if (!isWhole || typeNamed(name) === undefined) return CUT;
        return VIEWS.test(String(name))
          ? this.#showView(parts, detail)
          : inspect({ $: parts }, detail);
    }
  }

  /** Shows a typed array or a `DataView`, which needs no copy of its buffer. */
  #showView([name, buffer, ...place]: Parts, detail: Detail): string {
    const escape = escapeIn(buffer);
    const bufferParts = typeof escape === "number" ? escapeIn(this.#objects.get(escape)) : escape;
    const bytes = this.#bytes.get(bufferParts as Parts);
    if (bytes === undefined) return `${name} [${CUT}]`;
    const whole = { $: [name, { $: ["ArrayBuffer"] }, ...place] };
    const view = decodeValue(whole, new BufferCursor([bytes])) as DataView | Float64Array;
    if (view instanceof DataView) return `${name}(${view.byteLength})`;
    const items = [...view.subarray(0, detail.items)];
    return some(
      { name: String(name), length: view.length, brackets: "[]", items },
      detail,
      (each) => inspectValue(each, detail),
    );
  }

  /** Shows an array that was sent as bytes, of which only the first elements are decoded. */
  #showLongList(parts: Parts, detail: Detail): string {
    const bytes = this.#bytes.get(parts);
    if (bytes === undefined) return `[${CUT}]`;
    const elementBytes = 8 * (parts[0] === "bigints" ? Number(parts[1]) : 1);
    const beginning = bytes.slice(0, elementBytes * detail.items);
    const items = decodeValue({ $: parts }, new BufferCursor([beginning])) as unknown[];
    const length = bytes.length / elementBytes;
    return some(
      { name: "Array", length, brackets: "[]", items },
      detail,
      (each) => inspectValue(each, detail),
    );
  }
}

/** Something is cut off, so what the decoder would meet next is unknown. */
class CutOff extends Error {
  override name = "CutOff";
}

/** What is shown between brackets. */
interface Listing<Item> {
  /** What precedes a list of this kind: for an `Array`, only if not all of it is shown. */
  readonly name?: string;
  /** How many items there are, if that is known and to be shown. */
  readonly length?: number;
  readonly brackets: "()" | "[]" | "{}";
  /** All items, or the first ones. {@linkcode CUT} stands for the rest. */
  readonly items: readonly Item[];
}

function some<Item>(
  { name = "", length, brackets, items }: Listing<Item>,
  detail: Detail,
  show: (item: Item) => string,
): string {
  const head = length === undefined ? name : `${name}(${length})`;
  const [open, close] = brackets;
  if (items.length > 0 && detail.depth <= 0 && brackets !== "()") return head || open + CUT + close;
  const texts = items.slice(0, detail.items).map(show);
  const isAll = texts.length >= Math.max(items.length, length ?? 0);
  if (!isAll) texts.push(CUT);
  const isSpaced = brackets === "{}" && texts.length > 0;
  const list = isSpaced ? `{ ${texts.join(", ")} }` : open + texts.join(", ") + close;
  return head === "" || (name === "Array" && isAll) ? list : `${head} ${list}`;
}

function arrayOf(items: readonly unknown[]): Listing<unknown> {
  const isWhole = !isCut(items.at(-1));
  return { brackets: "[]", items, ...isWhole && { name: "Array", length: items.length } };
}

/** The elements of a list of arguments; what was cut off counts as one. */
function elementsOf(json: unknown): readonly unknown[] {
  if (Array.isArray(json)) return json;
  const escape = escapeIn(json);
  if (!Array.isArray(escape) || !["plain", "list"].includes(escape[0])) return [{ $: CUT }];
  return elementsOf(escape[1]);
}

function pairsIn(parts: Parts, start: number): [key: string, value: unknown][] {
  const pairs: [string, unknown][] = [];
  for (let i = start; i < parts.length; i += 2) pairs.push([parts[i] as string, parts[i + 1]]);
  return pairs;
}

function keyText(key: string, { text }: Detail): string {
  const isName = key.length <= text && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key);
  return isName ? key : quoteText(key, text);
}

/** The number of an element of an array, or the key of another property of it. */
function placeText(key: string, detail: Detail): string {
  return /^\d{1,10}$/.test(key) ? key : keyText(key, detail);
}

function errorText(name: unknown, message: unknown, { text }: Detail): string {
  const what = typeof name === "string" ? lineOfText(name, text) : CUT;
  return `${what}(${typeof message === "string" ? quoteText(message, text) : ""})`;
}

/** Shows a value that has no buffer. */
function inspect(json: unknown, detail: Detail): string {
  return inspectValue(decodeValue(json, new BufferCursor([])), detail);
}

function inspectValue(value: unknown, { text }: Detail): string {
  return lineOfText(Deno.inspect(value, { colors: false }), text);
}

function deeper(detail: Detail): Detail {
  return { ...detail, depth: detail.depth - 1 };
}

function isCut(json: unknown): boolean {
  return escapeIn(json) === CUT;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
