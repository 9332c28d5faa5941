import type { CodeReference } from "../../task.ts";

/** The topmost folder is not looked beyond. Its URL has so many parts: `file:`, two that are empty, and the folder. */
const ROOT_PARTS = 4;

/**
 * Where a module is now, after its script was moved.
 *
 * The two paths of the script are compared from their ends. Where they first differ, one folder has become another: all modules in
 * it are taken to have moved along, and all others to be where they were. If the names of the script itself differ, it moved alone.
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

/** The same for code: its reference, after its script was moved. */
export function followCode(reference: CodeReference, from: string, to: string): CodeReference {
  return reference.type === "inline"
    ? reference
    : { ...reference, module: followMove(reference.module, from, to) };
}
