/**
 * What arguments are known by in a journal: that of tasks, and that of the startup function.
 *
 * @module
 */

import { jsonOf, TEXT_IN_BUFFER } from "../../wire/codec.ts";
import type { EncodedArguments } from "../../task.ts";
import { textOfArguments } from "../argument_list.ts";
import { crc32, crcText } from "./crc32.ts";

/** Arguments up to this length, in characters, stand in the journal as they are. */
export const MAX_ARGS_LENGTH = 1000;

const encoder = new TextEncoder();

/** Arguments as a line holds them: their JSON, or their hash if that is long or has buffers. */
export function argumentsText(args: EncodedArguments): string {
  const text = textOfArguments(args);
  if (typeof args !== "object" && text.length <= MAX_ARGS_LENGTH) return text;
  const hash = nodeCrypto().createHash("sha256");
  if (text !== TEXT_IN_BUFFER) hash.update(text);
  if (typeof args === "object") {
    for (const buffer of args.buffers) hash.update(buffer);
    hash.update(lengthsOf(args.buffers, text));
  }
  return `{"sha256":"${hash.digest("hex")}"}`;
}

/** A digest of a startup's arguments. */
export interface StartupDigest {
  readonly digest: string;
  /**
   * What earlier versions wrote for them, which is the same wherever the bytes of several arrays are divided; missing if they have
   * no more than one array.
   */
  readonly undivided?: string;
}

/** The digest of a startup's arguments; nothing if it has none. */
export function digestOf(args: EncodedArguments | undefined): StartupDigest | undefined {
  if (args === undefined || args === "[]") return undefined;
  const text = textOfArguments(args);
  let crc = crc32(encoder.encode(text));
  if (typeof args !== "object") return { digest: crcText(crc) };
  for (const buffer of args.buffers) crc = crc32(buffer, crc);
  const lengths = lengthsOf(args.buffers, text);
  if (lengths === "") return { digest: crcText(crc) };
  return { digest: crcText(crc32(encoder.encode(lengths), crc)), undivided: crcText(crc) };
}

/**
 * What is hashed behind buffers: where one ends and the next begins, which their text does not say. Empty if there is one at most:
 * it goes from the text to the end, and what is known by its hash in older journals is known by the same.
 */
function lengthsOf(buffers: readonly Uint8Array[], text: string): string {
  // The text says itself where it ends, also if it is a buffer.
  const divided = text === TEXT_IN_BUFFER ? buffers.slice(1) : buffers;
  return divided.length < 2 ? "" : jsonOf(divided.map(({ length }) => length));
}

/** Loaded when it is first needed: an import of any of Node's modules makes every script start 18 ms later. */
function nodeCrypto(): typeof import("node:crypto") {
  const { process } = globalThis as unknown as { process: typeof import("node:process") };
  return process.getBuiltinModule("node:crypto");
}
