import type { Clock } from "../../clock.ts";
import { type FileDigest, loadDigests, readDigested } from "../../files/file_digest.ts";
import { messageOf } from "../../message_of.ts";
import { Date, Promise } from "../../own_globals.ts";

/** Files that no run has used for this long are removed: otherwise old versions would pile up. */
const KEPT_MS = 30 * 24 * 3600 * 1000;
/** The names of the files in a store: the SHA-256 of their content. */
const HASH = /^[0-9a-f]{64}$/;
/** The names of incomplete files: the process that adds a file may be killed. */
const HALF = /^[0-9a-f]{64}\.[0-9a-f-]{36}$/;
const HALF_KEPT_MS = 24 * 3600 * 1000;
/** How long another process that adds files is waited for. */
const MAX_LOCK_MS = 60_000;
/** How often to check whether that process has ended. */
const LOCK_PAUSE_MS = 100;

/** The environment: `XDG_CACHE_HOME`, `HOME` and `TMPDIR` tell where a store may be. */
export type StoreVariables = Readonly<Record<string, string | undefined>>;

/**
 * The files that managers have sent to this machine, each under its digest. A file that is there is not sent again, by whatever run.
 *
 * The store is the user's own: nobody else may write there. Even so a file is checked each time that it is used.
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
   * Opens the store of this user: in `$XDG_CACHE_HOME` or `~/.cache`, or in the folder for temporary files if there is no usable home.
   *
   * @throws {Error} If none can be made or used.
   */
  static async open({ XDG_CACHE_HOME, HOME, TMPDIR }: StoreVariables): Promise<FileStore> {
    // HOME may name a folder that does not exist.
    const home = HOME && isFolder(HOME) ? `${HOME}/.cache` : undefined;
    const candidates = [
      ...[XDG_CACHE_HOME, home].filter((folder) => folder?.startsWith("/"))
        .map((folder) => `${folder}/parallel`),
      // Other users have their stores there as well.
      `${TMPDIR || "/tmp"}/parallel-${Deno.uid()}`,
    ];
    const refusals: string[] = [];
    for (const candidate of candidates) {
      try {
        const folder = ownFolder(ownFolder(candidate) + "/files");
        openLock(folder).close();
        return new FileStore(folder, await loadDigests());
      } catch (error) {
        refusals.push(`${candidate}: ${messageOf(error)}`);
      }
    }
    throw new Error(
      `Cannot keep the files that the master sends: ${
        refusals.join("; ")
      }. Make one of these your own and writable, or set ` +
        "XDG_CACHE_HOME on that machine",
    );
  }

  /**
   * Waits until no other process of this user adds files, so that the same files are not sent twice. It waits for a minute at most: that
   * process may be stopped, or its machine may be gone.
   */
  async lock(clock: Pick<Clock, "now" | "setTimer">): Promise<Disposable> {
    const file = openLock(this.folder);
    try {
      const endMs = clock.now() + MAX_LOCK_MS;
      while (!await file.tryLock(true) && clock.now() < endMs) {
        await new Promise<void>((resolve) => void clock.setTimer(resolve, LOCK_PAUSE_MS));
      }
    } catch {
      // Not every network file system can lock. Then files may be sent twice, and nothing worse happens.
    }
    return file;
  }

  /**
   * Copies a file out of the store.
   *
   * @param path The copy's path; nothing is there yet.
   * @returns Whether the file was there, and its content was what its name says. A file with other content is removed.
   */
  async copyTo(hash: string, path: string): Promise<boolean> {
    const stored = this.#pathOf(hash);
    if (!isThere(stored)) return false;
    using copy = new NewFile(path);
    let digest: string;
    try {
      digest = await readDigested(stored, (bytes) => copy.write(bytes));
    } catch (error) {
      if (error instanceof WriteError) throw error;
      // Another agent may have removed it.
      if (error instanceof Deno.errors.NotFound) return false;
      throw new Error(
        `Cannot read ${stored}: ${messageOf(error)}. Remove it there: it is sent anew`,
        {
          cause: error,
        },
      );
    }
    if (digest !== hash) {
      removeIfThere(stored);
      return false;
    }
    copy.keepAs(path);
    markUsed(stored);
    return true;
  }

  /** Begins to add a file. */
  begin(hash: string): IncomingFile {
    return new IncomingFile(this.#pathOf(hash), hash, this.#beginDigest());
  }

  /** Removes files that no run has used for a month, and files that have been incomplete for a day. Anything else that is there stays. */
  removeUnused(nowMs: number = Date.now()): void {
    for (const { name } of Deno.readDirSync(this.folder)) {
      const keptMs = HASH.test(name) ? KEPT_MS : HALF.test(name) ? HALF_KEPT_MS : Infinity;
      const path = `${this.folder}/${name}`;
      try {
        const { mtime } = Deno.lstatSync(path);
        if (mtime !== null && mtime.getTime() < nowMs - keptMs) Deno.removeSync(path);
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

/** A file that is being written. It is removed at the end of the scope, unless it is kept. */
class NewFile implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #isKept = false;

  /**
   * @param path Nothing is there yet.
   * @throws {WriteError} If it cannot be made.
   */
  constructor(path: string) {
    this.#path = path;
    const options = { createNew: true, write: true, mode: 0o600 };
    this.#file = tellingRoom(path, () => Deno.openSync(path, options));
  }

  /** @throws {WriteError} If the bytes cannot be added. */
  write(bytes: Uint8Array): void {
    tellingRoom(this.#path, () => {
      for (let written = 0; written < bytes.length;) {
        written += this.#file.writeSync(bytes.subarray(written));
      }
    });
  }

  /**
   * Keeps the file under another path, in place of what is there, or under its own.
   *
   * @throws {WriteError} If it cannot be kept.
   */
  keepAs(path: string): void {
    tellingRoom(path, () => Deno.renameSync(this.#path, path));
    this.#isKept = true;
  }

  [Symbol.dispose](): void {
    this.#file.close();
    if (!this.#isKept) removeIfThere(this.#path);
  }
}

/** A file cannot be written. */
class WriteError extends Error {
  override readonly name = "WriteError";
}

function tellingRoom<Result>(path: string, write: () => Result): Result {
  try {
    return write();
  } catch (cause) {
    const room = "If its disk is full, make room there";
    throw new WriteError(`Cannot write ${path}: ${messageOf(cause)}. ${room}`, { cause });
  }
}

/** A file that is being added to a store. It is there once it is complete and its content is right. */
export class IncomingFile implements Disposable {
  readonly #path: string;
  /** SHA-256 of the file's content. */
  readonly hash: string;
  readonly #digest: FileDigest;
  readonly #file: NewFile;
  #isOver = false;

  constructor(path: string, hash: string, digest: FileDigest) {
    this.#path = path;
    this.hash = hash;
    this.#digest = digest;
    // Each process that adds the same file writes to a file of its own.
    this.#file = new NewFile(`${path}.${crypto.randomUUID()}`);
  }

  /** Adds the next bytes. */
  write(bytes: Uint8Array): void {
    this.#digest.update(bytes);
    this.#file.write(bytes);
  }

  /**
   * The file is complete.
   *
   * @throws {Error} If its content is not what it should be. Then nothing is added.
   */
  finish(): void {
    const digest = this.#digest.digest("hex");
    if (digest !== this.hash) {
      throw new Error(`What was sent as ${this.hash} is ${digest}`);
    }
    this.#file.keepAs(this.#path);
    this[Symbol.dispose]();
  }

  /** Drops the file, unless it is finished. */
  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#file[Symbol.dispose]();
  }
}

/** Whether a file is there, and not a link, which could lead to a file that somebody else may change. */
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
    // The reason does not matter: there is another place.
    return false;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** A file that is not marked is removed sooner, and sent anew. */
function markUsed(path: string): void {
  const now = Date.now() / 1000;
  try {
    Deno.utimeSync(path, now, now);
  } catch {
    // Another agent may have removed it, or its time cannot be changed there.
  }
}

/** Opens the file that a process locks while it adds something to a store. */
function openLock(folder: string): Deno.FsFile {
  return Deno.openSync(`${folder}/../lock`, { create: true, write: true, mode: 0o600 });
}

/**
 * Makes a folder, if it is not there. The content of a store is run, so nobody else may have made the folder, or write to it. If it is the
 * user's own and others may write to it, as its group may with a usual umask, it is closed to them. It may be a link that the user has made
 * to where there is more room.
 *
 * @returns Its path, whose last part is not a link.
 * @throws {Error} If it cannot be made, or is not the user's own.
 */
function ownFolder(path: string): string {
  Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  checkOwner(Deno.lstatSync(path));
  const folder = Deno.realPathSync(path);
  const { uid, mode } = Deno.lstatSync(folder);
  checkOwner({ uid });
  if (mode === null || (mode & OTHERS_WRITE) === 0) return folder;
  Deno.chmodSync(folder, 0o700);
  // Not every file system has permissions.
  if ((Deno.lstatSync(folder).mode! & OTHERS_WRITE) === 0) return folder;
  throw new Error("other users may write there, which cannot be changed");
}

const OTHERS_WRITE = 0o022;

function checkOwner({ uid }: Pick<Deno.FileInfo, "uid">): void {
  if (uid === null || uid === Deno.uid()) return;
  throw new Error(`it belongs to user ${uid}, and slaves run as user ${Deno.uid()}`);
}
