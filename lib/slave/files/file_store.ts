import type { Clock } from "../../clock.ts";
import { type FileDigest, loadDigests, readDigested } from "../../files/file_digest.ts";
import { messageOf } from "../../message_of.ts";
import { Date, Promise } from "../../own_globals.ts";

/** Files that no run has used for so long are removed: changed ones would pile up. */
const KEPT_MS = 30 * 24 * 3600 * 1000;
/** The names of the files in a store: SHA-256 of what is in them. */
const HASH = /^[0-9a-f]{64}$/;
/** How long another process that adds files is waited for. */
const MAX_LOCK_MS = 60_000;
/** How often it is looked whether that has ended. */
const LOCK_PAUSE_MS = 100;

/** The environment: `XDG_CACHE_HOME`, `HOME` and `TMPDIR` tell where a store may be. */
export type StoreVariables = Readonly<Record<string, string | undefined>>;

/**
 * The files that managers have sent to this machine, each under its digest. What is there is not sent again, by whatever run.
 *
 * The store is the user's: nobody else may write there. Even so a file is checked each time that it is used.
 */
export class FileStore {
  /** Absolute path of the folder that has the files. */
  readonly folder: string;
  readonly #beginDigest: () => FileDigest;

  private constructor(folder: string, beginDigest: () => FileDigest) {
    this.folder = folder;
    this.#beginDigest = beginDigest;
  }

  /**
   * Opens the store of this user: in `$XDG_CACHE_HOME`, `~/.cache` or, where there is no home, the folder for temporary files.
   *
   * @throws {Error} If there is one that others can write to, or none can be made.
   */
  static async open({ XDG_CACHE_HOME, HOME, TMPDIR }: StoreVariables): Promise<FileStore> {
    // A user may have none, and be told one all the same.
    const home = HOME && isFolder(HOME) ? `${HOME}/.cache` : undefined;
    const candidates = [
      ...[XDG_CACHE_HOME, home].filter((folder) => folder?.startsWith("/"))
        .map((folder) => `${folder}/parallel`),
      // Other users have theirs there as well.
      `${TMPDIR || "/tmp"}/parallel-${Deno.uid()}`,
    ];
    const refusals: string[] = [];
    for (const folder of candidates) {
      try {
        Deno.mkdirSync(`${folder}/files`, { recursive: true, mode: 0o700 });
      } catch (error) {
        refusals.push(`${folder}: ${messageOf(error)}`);
        continue;
      }
      checkOwn(folder);
      checkOwn(`${folder}/files`);
      return new FileStore(`${folder}/files`, await loadDigests());
    }
    throw new Error(
      `Cannot make a folder for the files that the master sends: ${
        refusals.join("; ")
      }. Make one of these writable`,
    );
  }

  /**
   * Waits until no other process of this user adds files: what that is sent need not be sent twice. That process may be stopped, or
   * its machine have gone: it is waited for a minute at most.
   */
  async lock(clock: Pick<Clock, "now" | "setTimer">): Promise<Disposable> {
    const file = Deno.openSync(`${this.folder}/../lock`, {
      create: true,
      write: true,
      mode: 0o600,
    });
    try {
      const endMs = clock.now() + MAX_LOCK_MS;
      while (!await file.tryLock(true) && clock.now() < endMs) {
        await new Promise<void>((resolve) => void clock.setTimer(resolve, LOCK_PAUSE_MS));
      }
    } catch {
      // Not every network file system can. Files may be sent twice then, and nothing worse.
    }
    return file;
  }

  /**
   * Copies a file out of the store.
   *
   * @param path Where to; nothing is there yet.
   * @returns Whether it was there, and was what its name says. What is not is removed.
   */
  async copyTo(hash: string, path: string): Promise<boolean> {
    const stored = this.#pathOf(hash);
    if (!isThere(stored)) return false;
    let digest: string;
    try {
      using copy = Deno.openSync(path, { createNew: true, write: true, mode: 0o600 });
      digest = await readDigested(stored, (bytes) => writeAll(copy, bytes));
    } catch (error) {
      throw new Error(`Cannot write ${path}: ${messageOf(error)}. ${ROOM}`, { cause: error });
    }
    if (digest === hash) {
      const now = Date.now() / 1000;
      await Deno.utime(stored, now, now);
      return true;
    }
    Deno.removeSync(stored);
    Deno.removeSync(path);
    return false;
  }

  /** Begins to add a file. */
  begin(hash: string): IncomingFile {
    return new IncomingFile(this.#pathOf(hash), hash, this.#beginDigest());
  }

  /** Removes files that no run has used for a month. */
  removeUnused(nowMs: number = Date.now()): void {
    for (const { name } of Deno.readDirSync(this.folder)) {
      const path = `${this.folder}/${name}`;
      try {
        const { mtime } = Deno.lstatSync(path);
        if (mtime !== null && mtime.getTime() < nowMs - KEPT_MS) Deno.removeSync(path);
      } catch (error) {
        // Another agent has removed or renamed it.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  #pathOf(hash: string): string {
    if (!HASH.test(hash)) throw new Error(`${hash} is not the SHA-256 of a file`);
    return `${this.folder}/${hash}`;
  }
}

const ROOM = "If its disk is full, make room there";

/** A file that is being added to a store. It is there when all of it has come, and is what it should be. */
export class IncomingFile implements Disposable {
  readonly #path: string;
  readonly #newPath: string;
  /** SHA-256 of what is to come. */
  readonly hash: string;
  readonly #digest: FileDigest;
  readonly #file: Deno.FsFile;
  #isDone = false;

  constructor(path: string, hash: string, digest: FileDigest) {
    this.#path = path;
    // Whoever adds the same file writes another.
    this.#newPath = `${path}.${crypto.randomUUID()}`;
    this.hash = hash;
    this.#digest = digest;
    const options = { createNew: true, write: true, mode: 0o600 };
    this.#file = tellingRoom(path, () => Deno.openSync(this.#newPath, options));
  }

  /** Adds the next bytes. */
  write(bytes: Uint8Array): void {
    this.#digest.update(bytes);
    tellingRoom(this.#path, () => writeAll(this.#file, bytes));
  }

  /**
   * All has come.
   *
   * @throws {Error} If it is not what it should be. Nothing is added then.
   */
  finish(): void {
    const digest = this.#digest.digest("hex");
    if (digest !== this.hash) {
      throw new Error(`What was sent as ${this.hash} is ${digest}`);
    }
    Deno.renameSync(this.#newPath, this.#path);
    this.#isDone = true;
    this.#file.close();
  }

  /** Forgets it, unless it is finished. */
  [Symbol.dispose](): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#file.close();
    Deno.removeSync(this.#newPath);
  }
}

/** A link would lead to a file that somebody else may change. */
function isThere(path: string): boolean {
  try {
    return Deno.lstatSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    // Why does not matter: there is another place.
    return false;
  }
}

function tellingRoom<Result>(path: string, write: () => Result): Result {
  try {
    return write();
  } catch (cause) {
    throw new Error(`Cannot write ${path}: ${messageOf(cause)}. ${ROOM}`, { cause });
  }
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += file.writeSync(bytes.subarray(written));
}

/** What is in a store is run: nobody else may have made it, or write to it. */
function checkOwn(folder: string): void {
  const { isDirectory, uid, mode } = Deno.lstatSync(folder);
  const isOthers = uid !== null && uid !== Deno.uid();
  const isOpen = mode !== null && (mode & 0o022) !== 0;
  if (isDirectory && !isOthers && !isOpen) return;
  const why = !isDirectory
    ? "it is no folder"
    : isOthers
    ? `it belongs to user ${uid}, and slaves run as user ${Deno.uid()}`
    : "other users may write there";
  throw new Error(
    `Cannot keep the files that the master sends in ${folder}: ${why}. Remove it, or set XDG_CACHE_HOME on that machine`,
  );
}
