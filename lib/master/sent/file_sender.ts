import { readDigested } from "../../files/file_digest.ts";
import { JSON } from "../../own_globals.ts";
import type { MessageStream } from "../../wire/message_stream.ts";
import type { ToAgent } from "../../wire/messages.ts";
import type { Parcel, SentFile } from "./parcel.ts";
import { unreadable } from "./unreadable.ts";

/** How many bytes may wait to be written: other messages never wait for more than this. */
const MAX_QUEUED_BYTES = 256 * 1024;
const encoder = new TextEncoder();

/** The part of a message stream that is needed to send files. */
export type PartStream = Pick<MessageStream<unknown>, "post" | "flush" | "flushed">;

/** A file has changed since its parcel was made, or cannot be read any more. */
export class ChangedFileError extends Error {
  override readonly name = "ChangedFileError";
}

/** Sends files of a parcel to one agent, part by part. */
export class FileSender {
  readonly #parcel: Parcel;
  readonly #stream: PartStream;
  #queuedBytes = 0;
  /** How many bytes have been sent so far. */
  sentBytes = 0;

  constructor(parcel: Parcel, stream: PartStream) {
    this.#parcel = parcel;
    this.#stream = stream;
  }

  /**
   * Sends files.
   *
   * @param hashes The digests of the files.
   * @throws {ChangedFileError} If a file has changed. The agent is then told that the rest does not come.
   * @throws {Error} If there is no such file.
   */
  async send(hashes: readonly string[]): Promise<void> {
    const byHash = new Map(this.#parcel.files.map((file) => [file.hash, file]));
    for (const hash of hashes) {
      const file = byHash.get(hash);
      if (file === undefined) {
        throw new Error(`An agent asks for ${hash}, which it was not told of`);
      }
      await this.#sendFile(file).catch((error) => {
        if (error instanceof ChangedFileError) this.#sendEnd();
        throw error;
      });
    }
    await this.#stream.flushed();
  }

  #sendEnd(): void {
    const message: ToAgent = { type: "file-part", hash: "", isLast: true };
    this.#stream.post(JSON.stringify(message), [new Uint8Array()]);
    this.#stream.flush();
  }

  async #sendFile({ hash, source, bytes: wholeBytes }: SentFile): Promise<void> {
    if ("text" in source) return await this.#post(hash, encoder.encode(source.text), true);
    let last = new Uint8Array();
    let lost: unknown;
    let digest: string;
    try {
      digest = await readDigested(source.file, async (bytes) => {
        if (last.length > 0) {
          await this.#post(hash, last, false).catch((error) => {
            lost = error;
            throw error;
          });
        }
        last = bytes.slice();
      }, wholeBytes);
    } catch (error) {
      if (error === lost) throw error;
      const { message, cause } = unreadable(source.file, error);
      throw new ChangedFileError(message, { cause });
    }
    // The last part is sent only once the file is known to be unchanged.
    if (digest === hash) return await this.#post(hash, last, true);
    throw new ChangedFileError(
      `${source.file} changed while it was being sent. Leave the files of a script alone while it runs`,
    );
  }

  async #post(hash: string, bytes: Uint8Array, isLast: boolean): Promise<void> {
    const message: ToAgent = { type: "file-part", hash, isLast };
    this.#stream.post(JSON.stringify(message), [bytes]);
    this.sentBytes += bytes.length;
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes < MAX_QUEUED_BYTES) return;
    this.#queuedBytes = 0;
    await this.#stream.flushed();
  }
}
