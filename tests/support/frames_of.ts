import { type Frame, FrameParser } from "../../lib/wire/frames.ts";

/** The whole frames of bytes, and whether nothing stands behind them. */
export function framesOf(
  bytes: Uint8Array,
): { readonly frames: readonly Frame[]; readonly isWhole: boolean } {
  const parser = new FrameParser();
  const frames: Frame[] = [];
  for (let position = 0; position < bytes.length;) {
    const space = parser.space();
    const piece = bytes.subarray(position, position + space.length);
    space.set(piece);
    parser.filled(piece.length);
    position += piece.length;
    for (let frame = parser.next(); frame !== undefined; frame = parser.next()) frames.push(frame);
  }
  return { frames, isWhole: parser.isBetweenFrames };
}
