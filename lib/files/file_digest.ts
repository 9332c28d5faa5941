/** How much of a file is read at a time, in bytes. */
const CHUNK_BYTES = 256 * 1024;

/** Digests pieces of a file, one after the other. */
export interface FileDigest {
  update(bytes: Uint8Array): unknown;
  /** The SHA-256 of all pieces, in hexadecimal. */
  digest(encoding: "hex"): string;
}

/**
 * Loads what begins a digest. It is of `node:crypto`, which digests piece by piece, and takes some milliseconds to load: that is done
 * where files are sent, and nowhere else.
 */
export async function loadDigests(): Promise<() => FileDigest> {
  const { createHash } = await import("node:crypto");
  return () => createHash("sha256");
}

/**
 * Reads a file piece by piece, and digests it.
 *
 * @param take Is given each piece, which is only valid until it returns.
 * @param maxBytes How much of its beginning is read; by default all.
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
