const encoder = new TextEncoder();
const scratch = new Uint8Array(64 * 1024);

/** How many bytes a text takes in UTF-8, found without allocating memory for them. */
export function utf8LengthOf(text: string): number {
  let bytes = 0;
  for (let position = 0; position < text.length;) {
    const { read, written } = encoder.encodeInto(
      text.slice(position, position + scratch.length),
      scratch,
    );
    position += read;
    bytes += written;
  }
  return bytes;
}
