import type { CodeReference } from "../../task.ts";

/** Folders above the topmost one do not count. Its URL has this many parts: `file:`, two empty ones, and the folder. */
const ROOT_PARTS = 4;

/**
 * Where a module is now, after its script was moved.
 *
 * The two paths of the script are compared from their ends. Where they first differ, one folder has become another: all modules in it count
 * as moved along, and all others as still in their places. If the names of the script itself differ, only the script moved.
 *
 * @param url Old URL of the module.
 * @param from Old URL of the script.
 * @param to Present URL of the script.
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

/** The same for a reference to code. */
export function followCode(reference: CodeReference, from: string, to: string): CodeReference {
  return reference.type === "inline"
    ? reference
    : { ...reference, module: followMove(reference.module, from, to) };
}
