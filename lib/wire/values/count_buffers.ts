import { escapeIn } from "./value_decoder.ts";
import { typeNamed } from "./value_types.ts";

/** How many buffers of the frame a value takes, whether it can be decoded or not. */
export function countBuffers(json: unknown): number {
  // A value without escapes is not decoded, and takes none.
  if (escapeIn(json) === undefined) return 0;
  let count = 0;
  const found: unknown[] = [json];
  const addContents = (container: unknown) => {
    if (typeof container !== "object" || container === null) return;
    for (const content of Object.values(container)) found.push(content);
  };
  while (found.length > 0) {
    const next = found.pop();
    const escape = escapeIn(next);
    if (escape === undefined) {
      addContents(next);
    } else if (Array.isArray(escape)) {
      const isPlain = escape[0] === "plain";
      if (typeNamed(escape[0])?.takesBytes) count++;
      // What follows a "plain" or a "list" is not an escape, whatever it looks like.
      if (isPlain) addContents(escape[1]);
      else addContents(escape);
    }
  }
  return count;
}
