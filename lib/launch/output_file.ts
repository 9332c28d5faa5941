/**
 * The files with the output of slaves: their names, and how several runs share them.
 *
 * A file is made at the first byte from its slave, so that no empty files are left. All who write a file hold a shared lock on it. Whoever
 * starts a slave empties its file, unless somebody has locked it.
 *
 * @module
 */

import { messageOf } from "../message_of.ts";
import { permissionRemedy } from "../slave_program.ts";

/** Stands for the number of a slave. A folder may have it in its name as well, such as `100%data`. */
const NUMBER = /%d(?=[^/]*$)/g;

/** Whether each slave has its own file. */
export function hasOwnFiles(output: string): boolean {
  return output.search(NUMBER) >= 0;
}

/**
 * The file of a slave.
 *
 * @param output Its path, with `%d` in the file's own name for the slave's number.
 */
export function outputFileName(output: string, slave: number): string {
  return output.replaceAll(NUMBER, String(slave));
}

/**
 * Finds mistakes in the path of slaves' files that show before there is anything to write. All files are in one folder, so the file of
 * slave 0 is tried; it is not made. {@linkcode prepareOutputFile} asks for permissions later.
 *
 * @param cwd Absolute path of the folder that a relative path starts from; the present one by default.
 * @throws {Error} If the file can never be written, saying why and what to do.
 */
export function checkOutputPath(output: string, cwd?: string): void {
  const name = outputFileName(output, 0);
  const path = absolutePath(name, cwd);
  if (!mayWrite(path)) return;
  try {
    if (!canOpen(path)) tryFolder(folderOf(path));
  } catch (cause) {
    // A disk that is full now may have space when there is something to write.
    if (!isMistake(cause)) return;
    throw new Error(`Cannot write the slave's output to ${name}: ${faultOf(name, cause)}`, {
      cause,
    });
  }
}

/** Opens an existing file for a moment. */
function canOpen(path: string): boolean {
  try {
    Deno.openSync(path, { append: true }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Makes a file in a folder, and removes it. */
function tryFolder(folder: string): void {
  // A script that may write only the file itself cannot try this.
  if (!mayWrite(folder)) return;
  Deno.removeSync(Deno.makeTempFileSync({ dir: folder, prefix: ".parallel-" }));
}

function mayWrite(path: string): boolean {
  return Deno.permissions.querySync({ name: "write", path }).state === "granted";
}

function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "." : path.slice(0, end + 1);
}

/** The system's errors for a path at which no file can ever be written. */
const MISTAKES = [
  "EACCES",
  "EINVAL",
  "EISDIR",
  "ELOOP",
  "ENAMETOOLONG",
  "ENOENT",
  "ENOTDIR",
  "EPERM",
  "EROFS",
];

function isMistake(error: unknown): boolean {
  return MISTAKES.includes((error as { code?: string }).code ?? "");
}

/** Why an output file cannot be written, and what to do. */
function faultOf(path: string, cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) {
    const folder = folderOf(path).replace(/(.)\/$/, "$1");
    return `there is no folder ${folder}. Make it first, or set the option output of the manager`;
  }
  return `${messageOf(cause)}. Set the option output of the manager to a file that can be written`;
}

/** Paths of the files that this process has begun: another manager of its script appends to them. */
const begun = new Set<string>();

/**
 * Empties a slave's file that an earlier run has left. A file that this process has begun, or that another process writes, stays as it is.
 * So does one that cannot be emptied: whoever writes it will report why.
 *
 * @param cwd As for {@linkcode checkOutputPath}.
 * @returns The file's absolute path: a script may go to another folder before the first byte comes.
 * @throws {Error} If writing there is not permitted, saying how to permit it; the same error for all slaves.
 */
export function prepareOutputFile(output: string, slave: number, cwd?: string): string {
  const path = absolutePath(outputFileName(output, slave), cwd);
  if (begun.has(path)) return path;
  try {
    emptyUnlessInUse(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) {
      const remedy = permissionRemedy("--allow-write=.");
      throw new Error(
        `Cannot write the slave's output to ${output}: Requires write access to it. ${remedy}, or set the option output to ` +
          '"null" or "inherit"',
        { cause },
      );
    }
    if (!(cause instanceof Error)) throw cause;
  }
  begun.add(path);
  return path;
}

/**
 * The absolute form of a path.
 *
 * @param cwd Absolute path of the folder that a relative path starts from; the present one by default.
 */
export function absolutePath(path: string, cwd?: string): string {
  return /^(\/|[a-z]:)/i.test(path) ? path : `${cwd ?? Deno.cwd()}/${path}`;
}

function emptyUnlessInUse(path: string): void {
  using file = Deno.openSync(path, { append: true });
  if (lock(file, "alone") === "taken") return;
  // For a device, which cannot be truncated, opening it once more does nothing.
  Deno.openSync(path, { write: true, truncate: true }).close();
}

/** The file of one slave. */
export class OutputFile implements Disposable {
  readonly #path: string;
  #file: Deno.FsFile | undefined;
  /** Whether the file is locked, to show others that it is being written. */
  #isClaimed = false;
  #isShared = false;

  /** @param path An absolute path. The file is opened when there is something to write. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Whether another run, or another manager of this script, writes it too. Known once something has been written. */
  get isShared(): boolean {
    return this.#isShared;
  }

  /** Appends bytes, whoever wrote what is there. One call must have ended before the next. */
  async write(bytes: Uint8Array): Promise<void> {
    const file = this.#open();
    for (let written = 0; written < bytes.length;) {
      written += await file.write(bytes.subarray(written));
    }
  }

  /** Closes it, if it was opened. */
  [Symbol.dispose](): void {
    this.#file?.close();
  }

  #open(): Deno.FsFile {
    const file = this.#file ??= Deno.openSync(this.#path, { create: true, append: true });
    // Another process may just be emptying it: then it is claimed at the next write.
    if (!this.#isClaimed) this.#claim(file);
    return file;
  }

  #claim(file: Deno.FsFile): void {
    // Whoever has it locked now writes it, or soon will.
    this.#isShared ||= lock(file, "alone") === "taken";
    this.#isClaimed = lock(file, "with others") !== "taken";
  }
}

/** Locks a file while it is open; `"impossible"` where there are no locks, as on some network file systems. */
function lock(file: Deno.FsFile, use: "alone" | "with others"): "locked" | "taken" | "impossible" {
  // On Windows a lock keeps others from writing.
  if (Deno.build.os === "windows") return "impossible";
  try {
    return file.tryLockSync(use === "alone") ? "locked" : "taken";
  } catch {
    // ENOSYS from Lustre without its option flock, ENOLCK from NFS without its lock service: plain errors, some without a code.
    return "impossible";
  }
}
