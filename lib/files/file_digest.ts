/** How much of a file is read at a time, in bytes. */
const CHUNK_BYTES = 256 * 1024;

/** Digests pieces of a file, one after the other. */
export interface FileDigest {
  update(bytes: Uint8Array): unknown;
  /** The SHA-256 of all pieces, in hexadecimal. */
  digest(encoding: "hex"): string;
}

/**
 * Loads the function that begins a digest. It is from `node:crypto`, which can digest piece by piece. Loading takes some milliseconds, so
 * it is only done where files are sent.
 */
export async function loadDigests(): Promise<() => FileDigest> {
  const { createHash } = await import("node:crypto");
  return () => createHash("sha256");
}

/**
 * Reads a file piece by piece, and digests it.
 *
 * @param take Is given each piece, which is valid only until it returns.
 * @param maxBytes How many bytes to read from its beginning; by default all.
 * @returns SHA-256 of what was read, in hexadecimal.
 */
export async function readDigested(
  path: string,
  take: (bytes: Uint8Array<ArrayBuffer>) => void | Promise<void> = () => {},
  maxBytes = Infinity,
): Promise<string> {
  const beginDigest = await loadDigests();
  const digest = beginDigest();
  using file = await Deno.open(path);
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let leftBytes = maxBytes; leftBytes > 0;) {
    const count = await file.read(chunk.subarray(0, Math.min(CHUNK_BYTES, leftBytes)));
    if (count === null) break;
    leftBytes -= count;
    const bytes = chunk.subarray(0, count);
    digest.update(bytes);
    await take(bytes);
  }
  return digest.digest("hex");
}
