/** What Deno says about a module that is neither laid nor in its cache. */
const NOT_SENT = /, --cached-only is specified/g;

/** What Deno says about a missing file or local module, with its path. */
const MISSING =
  /(?:No such file or directory \(os error 2\): \w+ '|Module not found "file:\/\/)([^'"]*)['"]/g;

/** Knows the paths on the master's machine of the files that this process runs. */
export class OriginalPaths {
  #laid: string | undefined;

  /** @param folder Folder in which files were laid, see `ConnectionInfo`. */
  set folder(folder: string | undefined) {
    this.#laid = folder === undefined ? undefined : `${folder}/files/`;
  }

  /** Replaces the paths of laid files in a text by those that they have on the master's machine. */
  restoreIn(text: string): string {
    const laid = this.#laid;
    if (laid === undefined) return text;
    return text.replace(
      MISSING,
      (words, path: string) =>
        path.startsWith(laid)
          ? `${words}: it was not sent to this machine. If the master's has it, name it in the option include of SSHSlaveArray`
          : words,
    ).replaceAll(laid, "/").replace(
      NOT_SENT,
      ": it was not sent to this machine. What is imported by a name that is put together when the code runs is sent if a module " +
        "that the option include of SSHSlaveArray names imports it",
    );
  }
}

/** The original paths for this process. */
export const originalPaths = new OriginalPaths();
