/** A new empty folder, removed with all that is in it at the end of the scope. */
export class TempFolder implements AsyncDisposable {
  /** Its absolute path, without a slash at the end. */
  readonly path: string;

  /**
   * Makes the folder.
   *
   * @param dir Folder to make it in; that for temporary files by default.
   */
  constructor(dir?: string) {
    this.path = Deno.realPathSync(Deno.makeTempDirSync({ dir, prefix: "parallel-test-" }));
  }

  /** The absolute path of a file in it. */
  file(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Writes a text file and returns its URL. */
  write(name: string, text: string): string {
    Deno.writeTextFileSync(this.file(name), text);
    return new URL(`file://${this.file(name)}`).href;
  }

  /** The lines of a text file; none if it is not there. */
  lines(name: string): string[] {
    try {
      return Deno.readTextFileSync(this.file(name)).split("\n").filter((line) => line !== "");
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** Names of what is in it, or in a folder of it, sorted. */
  names(name = "."): string[] {
    return [...Deno.readDirSync(this.file(name))].map(({ name }) => name).sort();
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
