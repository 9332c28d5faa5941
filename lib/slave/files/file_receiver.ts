import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import { messageOf } from "../../message_of.ts";
import { Promise } from "../../own_globals.ts";
import type { FromAgent, LaidFile, ToAgent } from "../../wire/messages.ts";
import { FileStore, type IncomingFile, type StoreVariables } from "./file_store.ts";
import { LaidFiles } from "./laid_files.ts";

/** The agent's part in the sending of files: it says what it lacks, receives that, and lays all files. */
export class FileReceiver implements Disposable {
  readonly #folder: string;
  readonly #laid: LaidFiles;
  readonly #variables: StoreVariables;
  readonly #post: (message: FromAgent) => void;
  readonly #clock: Pick<Clock, "now" | "setTimer">;
  /** The files that are on their way. */
  #awaited: { readonly hashes: Set<string>; readonly all: PromiseWithResolvers<void> } | undefined;
  #store: FileStore | undefined;
  /** The file whose parts are arriving now. */
  #incoming: IncomingFile | undefined;

  /**
   * @param folder Absolute path of the folder that files are laid in.
   * @param variables Environment variables that say where the store may be.
   * @param post Sends a message to the master.
   * @param clock Tells how long another agent is waited for; the system's by default.
   */
  constructor(
    folder: string,
    variables: StoreVariables,
    post: (message: FromAgent) => void,
    clock: Pick<Clock, "now" | "setTimer"> = SYSTEM_CLOCK,
  ) {
    this.#clock = clock;
    this.#folder = folder;
    this.#laid = new LaidFiles(folder);
    this.#variables = variables;
    this.#post = post;
  }

  /** What runners are told of the files that were laid for them. */
  get place(): { readonly folder: string; readonly config: string } {
    return { folder: this.#folder, config: `${this.#folder}/deno.json` };
  }

  /** Lays files, and sends the answer when that is done or has failed. Never rejects. */
  async lay(files: readonly LaidFile[]): Promise<void> {
    try {
      const store = this.#store ??= await FileStore.open(this.#variables);
      using _lock = await store.lock(this.#clock);
      const lacking = await this.#layStored(files, store);
      if (lacking.length > 0) {
        await this.#receive(lacking);
        const [missing] = await this.#layStored(lacking, store);
        if (missing !== undefined) {
          throw new Error(
            `${missing.place} was written to ${store.folder}, and is not there as it was sent. Its disk may be full or broken`,
          );
        }
        store.removeUnused();
      }
      this.#post({ type: "laid", folder: this.#folder });
    } catch (error) {
      this.#post({ type: "not-laid", reason: messageOf(error) });
    }
  }

  /** @returns The files that the store does not have. */
  async #layStored(files: readonly LaidFile[], store: FileStore): Promise<LaidFile[]> {
    const lacking: LaidFile[] = [];
    for (const file of files) if (!await this.#laid.lay(file, store)) lacking.push(file);
    return lacking;
  }

  async #receive(files: readonly LaidFile[]): Promise<void> {
    const hashes = new Set(files.map(({ hash }) => hash));
    const all = Promise.withResolvers<void>();
    this.#awaited = { hashes, all };
    this.#post({ type: "lacking", hashes: [...hashes] });
    try {
      await all.promise;
    } finally {
      this.#awaited = undefined;
    }
  }

  /** Takes the next part of a file. A part that nobody waits for any more is dropped. */
  take({ hash, isLast }: ToAgent & { type: "file-part" }, bytes: Uint8Array): void {
    const awaited = this.#awaited;
    if (awaited === undefined) return;
    try {
      if (!awaited.hashes.has(hash)) throw new Error(`${hash} was sent, which is not lacking`);
      this.#incoming ??= this.#store!.begin(hash);
      if (this.#incoming.hash !== hash) {
        throw new Error(`${hash} came in the middle of another file`);
      }
      this.#incoming.write(bytes);
      if (!isLast) return;
      this.#incoming.finish();
      this.#incoming = undefined;
      awaited.hashes.delete(hash);
      if (awaited.hashes.size === 0) awaited.all.resolve();
    } catch (error) {
      this.#incoming?.[Symbol.dispose]();
      this.#incoming = undefined;
      this.#awaited = undefined;
      awaited.all.reject(error);
    }
  }

  /** The connection has ended: files that have not arrived will not arrive. */
  [Symbol.dispose](): void {
    this.#incoming?.[Symbol.dispose]();
    this.#incoming = undefined;
    this.#awaited?.all.reject(new Error("the connection to the master has ended"));
  }
}
