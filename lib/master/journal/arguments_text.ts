/**
 * How a journal identifies arguments: those of tasks, and those of the startup function.
 *
 * @module
 */

import { jsonOf, TEXT_IN_BUFFER } from "../../wire/codec.ts";
import type { EncodedArguments } from "../../task.ts";
import { textOfArguments } from "../argument_list.ts";
import { crc32, crcText } from "./crc32.ts";

/** Arguments up to this length, in characters, are written into the journal as they are. */
export const MAX_ARGS_LENGTH = 1000;

const encoder = new TextEncoder();

/** Arguments as a line has them: their JSON, or their hash if it is long or has buffers. */
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
   * The digest of earlier versions, which did not depend on where the bytes of one array end and those of the next begin; missing if there
   * is at most one array.
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
 * What is hashed after the buffers: their lengths, which the text does not give. Empty if there is at most one: it goes from the text to
 * the end, so that its hash is the same as in older journals.
 */
function lengthsOf(buffers: readonly Uint8Array[], text: string): string {
  // The text shows by itself where it ends, even if it is a buffer.
  const divided = text === TEXT_IN_BUFFER ? buffers.slice(1) : buffers;
  return divided.length < 2 ? "" : jsonOf(divided.map(({ length }) => length));
}

/** Loaded when first needed: importing any of Node's modules makes every script start 18 ms later. */
function nodeCrypto(): typeof import("node:crypto") {
  const { process } = globalThis as unknown as { process: typeof import("node:process") };
  return process.getBuiltinModule("node:crypto");
}
