import type { CodeReference } from "../../task.ts";

/**
 * Where a module is now if it was moved together with a script. The folders at the end of whose paths both places of the
 * script agree have moved as a whole, but for the topmost one.
 *
 * @param url URL of the module, before.
 * @param from URL of the script, before.
 * @param to URL of the script now.
 */
export function followMove(url: string, from: string, to: string): string {
  const [before, after] = [from.split("/"), to.split("/")];
  while (Math.min(before.length, after.length) > ROOT_PARTS && before.at(-1) === after.at(-1)) {
    before.pop();
    after.pop();
  }
  const folder = before.join("/");
  const isInside = url === folder || url.startsWith(`${folder}/`);
  return isInside ? after.join("/") + url.slice(folder.length) : url;
}

/** Parts of a URL with one folder: `file:`, two that are empty, and that. */
const ROOT_PARTS = 4;

/** The same for code: what it is called where the script is now. */
export function followCode(reference: CodeReference, from: string, to: string): CodeReference {
  return reference.type === "inline"
    ? reference
    : { ...reference, module: followMove(reference.module, from, to) };
}
