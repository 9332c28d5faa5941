import { messageOf } from "../../message_of.ts";

/**
 * A folder that both the master's machine and the slaves' see, which nobody else may look into: it holds the file with
 * the connection, and what jobs print before their slaves are there.
 */
export class ConnectionFolder implements AsyncDisposable {
  /** Absolute path of the folder. */
  readonly path: string;
  /** Absolute path of the file with the connection, which only its owner may read. */
  readonly file: string;

  private constructor(path: string) {
    this.path = path;
    this.file = `${path}/connection.json`;
  }

  /**
   * Makes the folder.
   *
   * @param parent Absolute path of the folder to make it in.
   * @param connection Content of the file.
   * @throws {Error} If it cannot be made there.
   */
  static async make(parent: string, connection: string): Promise<ConnectionFolder> {
    let folder: ConnectionFolder | undefined;
    try {
      // The mode of a temporary folder is 0700.
      folder = new ConnectionFolder(
        await Deno.makeTempDir({ dir: parent, prefix: ".parallel-" }),
      );
      await Deno.writeTextFile(folder.file, connection, { mode: 0o600 });
      return folder;
    } catch (cause) {
      // Why it cannot be made matters more than whether what is there can be removed.
      await folder?.[Symbol.asyncDispose]().catch(() => {});
      const reason = messageOf(cause);
      throw new Error(
        `Cannot make a folder for the connection in ${parent}: ${reason}. Start the master in a folder that it may write ` +
          "to (--allow-write) and that the compute nodes see",
        { cause },
      );
    }
  }

  /** The last lines of a file in the folder; empty if it is not there. */
  async tail(name: string): Promise<string> {
    try {
      const text = await Deno.readTextFile(`${this.path}/${name}`);
      return text.trimEnd().split("\n").slice(-10).join("\n").slice(-2000);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      return `(cannot read ${this.path}/${name}: ${messageOf(error)})`;
    }
  }

  /** Removes the folder; the file first, whatever becomes of the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    await remove(this.file);
    await remove(this.path);
  }
}

/** Removes a file, or a folder with all that is in it, if it is there. */
async function remove(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
