import {
  BufferCursor,
  decodeValue,
  type EncodeOptions,
  encodeValue,
} from "../../lib/wire/codec.ts";
import { readJson } from "../../lib/read_json.ts";

/** Sends a value through its text and back, as the wire does. */
export function roundTrip(value: unknown, options?: EncodeOptions): unknown {
  const encoded = encodeValue(value, "value", options);
  if (typeof encoded === "string") return decodeValue(readJson(encoded), new BufferCursor([]));
  const cursor = new BufferCursor(encoded.buffers);
  const decoded = decodeValue(readJson(encoded.text), cursor);
  if (!cursor.done) throw new Error("The decoder left buffers behind");
  return decoded;
}

/** The text of a value that has no buffers. */
export function textOf(value: unknown): string {
  const encoded = encodeValue(value, "value");
  return typeof encoded === "string" ? encoded : encoded.text;
}
