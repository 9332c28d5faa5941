/**
 * What a slave's machine needs to run tasks of some modules, as files: each with its place there, and its digest.
 *
 * @module
 */

import { loadDigests, readDigested } from "../../files/file_digest.ts";
import type { ModuleGraph } from "./module_graph.ts";
import { filesIn, installedFolders, registryTexts } from "./package_files.ts";
import { pathOfUrl, placeOfFile, placeOfPackage, placeOfRemote } from "./places.ts";
import { unreadable } from "./unreadable.ts";

/** Where the bytes of a sent file are: in a file of this machine, or here. */
export type FileSource = { readonly file: string } | { readonly text: string };

/** The result of reading a file. */
interface ReadFile {
  /** SHA-256 of its bytes, in hexadecimal. */
  readonly hash: string;
  /** How many bytes were read. */
  readonly bytes: number;
}

/** A file to be laid on a slave's machine. */
export interface SentFile {
  /** Its path in the folder of the agent there. */
  readonly place: string;
  readonly source: FileSource;
  /** How many bytes were read. A file of this machine may have grown since then. */
  readonly bytes: number;
  /** SHA-256 of its bytes, in hexadecimal. */
  readonly hash: string;
  /** Whether it is a program. */
  readonly isExecutable: boolean;
}

/** All files that a slave's machine needs for some modules. */
export interface Parcel {
  readonly files: readonly SentFile[];
  /** When its files on this machine were last written, by their paths: `undefined` for a file that does not exist. */
  readonly writtenAt: ReadonlyMap<string, string | undefined>;
}

/**
 * Puts a parcel together.
 *
 * @param configs The files that say how modules run there, by their places.
 * @param included Paths of further files.
 * @param digests Knows the digests of files that have been read before.
 * @throws {Error} If a file cannot be read, naming it.
 */
export async function makeParcel(
  graph: ModuleGraph,
  configs: ReadonlyMap<string, FileSource>,
  included: readonly string[],
  digests: Digests,
): Promise<Parcel> {
  const sources = new Map(configs);
  const addFile = (file: string) => sources.set(placeOfFile(file), { file });
  for (const { url, file } of graph.modules) {
    if (file === undefined) continue;
    const place = url.startsWith("file:") ? placeOfFile(pathOfUrl(url)) : placeOfRemote(file);
    if (place !== undefined) sources.set(place, { file });
  }
  for (const { name, version, folder } of graph.packages) {
    // A package for other systems is not there.
    if (!isFolder(folder)) continue;
    for (const file of filesIn(folder)) {
      sources.set(placeOfPackage(name, version) + file.slice(folder.length), { file });
    }
  }
  for (const { place, text } of registryTexts(graph.packages)) sources.set(place, { text });
  for (const [place, folder] of installedFolders(graph.installed)) {
    for (const file of filesIn(folder)) {
      sources.set(placeOfFile(place + file.slice(folder.length)), { file });
    }
    // Packages beside a package.json are found through it.
    const manifest = `${place.slice(0, place.indexOf("/node_modules/"))}/package.json`;
    if (timeOf(manifest) !== undefined) addFile(manifest);
  }
  for (const file of included) addFile(file);
  const files: SentFile[] = [];
  const writtenAt = new Map<string, string | undefined>();
  for (const [place, source] of sources) {
    if ("text" in source) {
      files.push({ place, source, ...await digests.ofText(source.text), isExecutable: false });
      continue;
    }
    // Before the file is read: if it is written later, there will be another parcel.
    const time = timeOf(source.file);
    writtenAt.set(source.file, time);
    const { hash, bytes } = await digests.ofFile(source.file, time);
    files.push({ place, source, bytes, hash, isExecutable: isProgram(source.file) });
  }
  return { files, writtenAt };
}

/** Whether the files of a parcel are unchanged. */
export function isUpToDate({ writtenAt }: Parcel): boolean {
  return writtenAt.entries().every(([file, time]) => timeOf(file) === time);
}

/** When a file was last written, and its size. */
function timeOf(file: string): string | undefined {
  try {
    const { mtime, size } = Deno.statSync(file);
    return `${mtime?.getTime()} ${size}`;
  } catch {
    // The reason shows when the file is read.
    return undefined;
  }
}

function isProgram(file: string): boolean {
  try {
    return ((Deno.statSync(file).mode ?? 0) & 0o100) !== 0;
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw unreadable(path, error);
  }
}

/** The digests of files that were read. */
export class Digests {
  readonly #closing: AbortSignal;
  readonly #byFile = new Map<string, ReadFile & { readonly time: string | undefined }>();

  /** @param closing Aborted when the manager closes: then no file is read to its end. */
  constructor(closing: AbortSignal) {
    this.#closing = closing;
  }

  /** Digests a text. */
  async ofText(text: string): Promise<ReadFile> {
    const beginDigest = await loadDigests();
    const digest = beginDigest();
    const bytes = new TextEncoder().encode(text);
    digest.update(bytes);
    return { hash: digest.digest("hex"), bytes: bytes.length };
  }

  /**
   * Reads and digests a file.
   *
   * @param time When the file was last written.
   * @throws {Error} If it cannot be read, naming it.
   * @throws The reason of the signal, if the signal is aborted.
   */
  async ofFile(file: string, time: string | undefined): Promise<ReadFile> {
    const known = this.#byFile.get(file);
    if (known !== undefined && known.time === time) return known;
    try {
      let bytes = 0;
      const hash = await readDigested(file, (piece) => {
        this.#closing.throwIfAborted();
        bytes += piece.length;
      });
      const read = { time, hash, bytes };
      this.#byFile.set(file, read);
      return read;
    } catch (cause) {
      this.#closing.throwIfAborted();
      throw unreadable(file, cause);
    }
  }
}
