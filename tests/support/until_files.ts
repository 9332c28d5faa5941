/**
 * Waits until files of a folder are as they are to be. They are looked at whenever one of them has changed.
 *
 * @param orWhen Ends the wait as well.
 */
export async function untilFiles(
  folder: string,
  isSo: () => boolean,
  orWhen?: Promise<unknown>,
): Promise<void> {
  // Not what is in its folders: to watch one that is removed meanwhile fails.
  using watcher = Deno.watchFs(folder, { recursive: false });
  orWhen?.then(() => watcher.close()).catch(() => {});
  if (isSo()) return;
  for await (const { kind } of watcher) {
    if (kind !== "access" && isSo()) return;
  }
}
