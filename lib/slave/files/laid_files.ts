import type { LaidFile } from "../../wire/messages.ts";
import type { FileStore } from "./file_store.ts";

/** A folder in which files are laid at their places, for the runners of one agent. */
export class LaidFiles {
  readonly #folder: string;
  /** Digests of the files that were laid, by their places. */
  readonly #hashes = new Map<string, string>();
  #count = 0;

  /** @param folder Its absolute path. Nobody else may write there. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Lays a file, replacing what is there.
   *
   * @returns Whether the store has it.
   * @throws {Error} If its place is not inside the folder, or it cannot be written.
   */
  async lay({ place, hash, isExecutable }: LaidFile, store: FileStore): Promise<boolean> {
    if (this.#hashes.get(place) === hash) return true;
    const parts = place.split("/");
    if (parts.some((part) => !/^[^\0]+$/.test(part) || /^\.\.?$/.test(part))) {
      throw new Error(
        `Cannot lay a file at ${JSON.stringify(place)}, which is no place inside of a folder`,
      );
    }
    this.#makeFolders(parts.slice(0, -1));
    // A process that reads the old file meanwhile reads all of it.
    const path = `${this.#folder}/.new-${this.#count++}`;
    if (!await store.copyTo(hash, path)) return false;
    if (isExecutable) Deno.chmodSync(path, 0o700);
    Deno.renameSync(path, `${this.#folder}/${place}`);
    this.#hashes.set(place, hash);
    return true;
  }

  /** Makes the folders. If one of them were a link, it would lead elsewhere. */
  #makeFolders(names: readonly string[]): void {
    let path = this.#folder;
    for (const name of names) {
      path += `/${name}`;
      try {
        Deno.mkdirSync(path, { mode: 0o700 });
      } catch (error) {
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
        if (Deno.lstatSync(path).isDirectory) continue;
        throw new Error(`Cannot lay a file below ${path}: that is no folder`);
      }
    }
  }
}
