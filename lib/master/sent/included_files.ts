import { messageOf } from "../../message_of.ts";
import { filesIn } from "./package_files.ts";
import { pathOfUrl, urlOfFile } from "./places.ts";
import { unreadable } from "./unreadable.ts";

/**
 * Finds the files that the option `include` names.
 *
 * @param include Paths, relative to `cwd`, or `file:` URLs. For a folder all files in and below it are taken.
 * @param cwd Absolute path of the folder in which the manager was made.
 * @returns Their absolute paths.
 * @throws {Error} If a file does not exist, or cannot be read, naming it.
 */
export function includedFiles(include: readonly (string | URL)[], cwd: string): string[] {
  return include.flatMap((entry) => {
    const path = absolutePath(entry, cwd);
    try {
      const { isDirectory, isFile } = Deno.statSync(path);
      if (!isDirectory && !isFile) throw new Error("it is neither a file nor a folder");
      return isDirectory ? [...filesIn(path)] : [path];
    } catch (cause) {
      if (cause instanceof Deno.errors.NotCapable) throw unreadable(path, cause);
      throw new Error(
        `Cannot send ${path}, which the option include names: ${
          messageOf(cause)
        }. Paths there are relative to the folder in ` +
          `which the manager is made, ${cwd}; new URL("data.txt", import.meta.url) names a file beside the script`,
        { cause },
      );
    }
  });
}

function absolutePath(entry: string | URL, cwd: string): string {
  const isUrl = entry instanceof URL || entry.startsWith("file:");
  const url = isUrl
    ? entry
    : new URL(urlOfFile(entry).slice("file://".length), `${urlOfFile(cwd)}/`);
  return pathOfUrl(url).replace(/(.)\/$/, "$1");
}
