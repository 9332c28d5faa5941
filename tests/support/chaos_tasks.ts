/** Tasks of the chaos run: bytes that both sides can make. */

/** The bytes that belong to a seed; the same here and there. */
export function bytesOf(seed: number, length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 2654435761) | 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** What one task is to do. */
export interface ChaosInput {
  readonly seed: number;
  /** Of the bytes that it returns. */
  readonly length: number;
  /** How long it computes. */
  readonly ms: number;
  /** Bytes that it is sent, and returns instead of making them. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
}

/** Computes, and returns bytes. */
export function respond({ seed, length, ms, bytes }: ChaosInput): [number, Uint8Array] {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return [seed, bytes ?? bytesOf(seed, length)];
}
