/** Knows where the files that this process runs are on the master's machine. */
export class OriginalPaths {
  #laid: string | undefined;

  /** @param folder Folder in which files were laid, see `ConnectionInfo`. */
  set folder(folder: string | undefined) {
    this.#laid = folder === undefined ? undefined : `${folder}/files/`;
  }

  /** A text in which the paths of laid files are those that they have on the master's machine. */
  restoreIn(text: string): string {
    return this.#laid === undefined ? text : text.replaceAll(this.#laid, "/");
  }
}

/** The paths of this process. */
export const originalPaths = new OriginalPaths();
