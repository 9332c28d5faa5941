import { messageOf } from "../../message_of.ts";
import { lastLines } from "../last_lines.ts";

/** How the tail of a file that cannot be read begins: nobody knows what the file says. */
export const UNREADABLE = "(cannot read ";

/**
 * A folder that both the master's machine and the slaves' machines see, and that nobody else may enter: it holds the file with the
 * connection, and what jobs print before their slaves have connected.
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
   * Makes the folder synchronously, so that the script cannot end when half of it is made.
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
      // Why the folder cannot be made matters more than whether the rest of it can be removed.
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
      return lastLines(await Deno.readTextFile(`${this.path}/${name}`));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      return `${UNREADABLE}${this.path}/${name}: ${messageOf(error)})`;
    }
  }

  /**
   * Jobs that cannot start their agents, and wait until the queue knows: the numbers of their slaves, with the names of their hosts. The
   * scripts of the jobs write these, see `job_script.ts`. If they cannot be read there are none: these jobs end by themselves after a
   * while.
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

  /** Lets a job that cannot start its agent end. */
  async release(slave: number): Promise<void> {
    await remove(`${this.path}/failed.${slave}`);
  }

  /** Removes the folder. The file comes first, whatever happens to the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    await remove(this.file);
    await remove(this.path);
  }

  /** Removes the file with the connection synchronously. Jobs can still print into the folder. */
  removeFile(): void {
    removeNow(this.file);
  }

  /** Removes the folder synchronously, for a process that ends. */
  [Symbol.dispose](): void {
    this.removeFile();
    removeNow(this.path);
  }
}

/** Removes a file, or a folder with all its content, if it exists. */
async function remove(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch(unlessMissing);
}

/** The same, synchronously. */
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
