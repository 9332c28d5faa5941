import { messageOf } from "../../message_of.ts";

/** How the tail of a file begins that cannot be read: what it says is not known. */
export const UNREADABLE = "(cannot read ";

/**
 * A folder that both the master's machine and the slaves' see, which nobody else may look into: it holds the file with
 * the connection, and what jobs print before their slaves are there.
 */
export class ConnectionFolder implements AsyncDisposable, Disposable {
  /** Absolute path of the folder. */
  readonly path: string;
  /** Absolute path of the file with the connection, which only its owner may read. */
  readonly file: string;

  private constructor(path: string) {
    this.path = path;
    this.file = `${path}/connection.json`;
  }

  /**
   * Makes the folder, without waiting: the script cannot end when half of it is made.
   *
   * @param parent Absolute path of the folder to make it in.
   * @param connection Content of the file.
   * @throws {Error} If it cannot be made there.
   */
  static make(parent: string, connection: string): ConnectionFolder {
    let folder: ConnectionFolder | undefined;
    try {
      // The mode of a temporary folder is 0700.
      folder = new ConnectionFolder(
        Deno.makeTempDirSync({ dir: parent, prefix: ".parallel-" }),
      );
      Deno.writeTextFileSync(folder.file, connection, { mode: 0o600 });
      return folder;
    } catch (cause) {
      // Why it cannot be made matters more than whether what is there can be removed.
      try {
        folder?.[Symbol.dispose]();
      } catch {
        // As said.
      }
      const reason = messageOf(cause);
      throw new Error(
        `Cannot make a folder for the connection in ${parent}: ${reason}. Start the master in a folder that it may write ` +
          "to (--allow-write) and that the compute nodes see, or name one by the option cwd of the slaves",
        { cause },
      );
    }
  }

  /** The last lines of a file in the folder; empty if it is not there. If it cannot be read they are {@linkcode UNREADABLE}, and why. */
  async tail(name: string): Promise<string> {
    try {
      const text = await Deno.readTextFile(`${this.path}/${name}`);
      return text.trimEnd().split("\n").slice(-10).join("\n").slice(-2000);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      return `${UNREADABLE}${this.path}/${name}: ${messageOf(error)})`;
    }
  }

  /**
   * Jobs that cannot start their agents, and wait until that is known: the numbers of their slaves, with the names of their hosts. The
   * scripts of jobs write that, see `job_script.ts`. Where that cannot be read they are none: those jobs end by themselves after a while.
   */
  async failures(): Promise<Map<number, string>> {
    const failures = new Map<number, string>();
    try {
      for await (const { name } of Deno.readDir(this.path)) {
        const number = /^failed\.(\d+)$/.exec(name)?.[1];
        if (number === undefined) continue;
        const host = await Deno.readTextFile(`${this.path}/${name}`);
        failures.set(Number(number), host.trim());
      }
    } catch {
      // As said.
    }
    return failures;
  }

  /** Lets a job end that cannot start its agent. */
  async release(slave: number): Promise<void> {
    await remove(`${this.path}/failed.${slave}`);
  }

  /** Removes the folder; the file first, whatever becomes of the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    await remove(this.file);
    await remove(this.path);
  }

  /** Removes the file with the connection at once. Jobs can still write into the folder what they print. */
  removeFile(): void {
    removeNow(this.file);
  }

  /** Removes the folder at once, for a process that ends. */
  [Symbol.dispose](): void {
    this.removeFile();
    removeNow(this.path);
  }
}

/** Removes a file, or a folder with all that is in it, if it is there. */
async function remove(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch(unlessMissing);
}

/** The same at once. */
function removeNow(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    unlessMissing(error);
  }
}

function unlessMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
