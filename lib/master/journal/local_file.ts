/**
 * Reads a file on this machine, if it may be read without asking.
 *
 * @param url Any URL.
 * @returns Its bytes; `undefined` if it is not a file, or cannot be read.
 */
export function readLocal(url: string): Uint8Array<ArrayBuffer> | undefined {
  if (!url.startsWith("file:")) return undefined;
  try {
    const path = new URL(url);
    // On a terminal Deno would ask for the permission.
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
    return Deno.statSync(path).isFile ? Deno.readFileSync(path) : undefined;
  } catch {
    // Whoever needs the file will find out.
    return undefined;
  }
}
