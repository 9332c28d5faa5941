/**
 * Answers of tasks that have ended, held back for a moment: a write takes as long as many short tasks, so answers leave together.
 *
 * They leave when there are as many as the master allows, when the next task is of another context, when the last ones left some
 * milliseconds ago, after a large one, and whenever the runner has something else to say or has to wait.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { sizeOfEncoded } from "../task.ts";
import { type Encoded, encodeValue, jsonOf } from "../wire/codec.ts";
import { CopyMemory } from "../wire/copy_memory.ts";
import { checkSendable, type MessageStream } from "../wire/message_stream.ts";
import type { Failure, ToSlave } from "../wire/messages.ts";
import { encodeThrown } from "./thrown.ts";

/** Answers leave before the next task starts, once this much time has passed since the last ones left. */
const MAX_HELD_MS = 5;
/** The same for processes whose tasks report progress: a report has to wait for the answers before it. */
const MAX_HELD_OF_TELLING_MS = 1;
/** A result larger than this leaves before the next task starts, so that copies of large results do not pile up. */
const LARGE_RESULT_BYTES = 64 * 1024;

/** Answers that a slave holds back for a moment. */
export class HeldAnswers {
  readonly #stream: MessageStream<ToSlave>;
  readonly #clock: Pick<Clock, "now">;
  readonly #copies = new CopyMemory();
  #count = 0;
  /** The context of the held answers' tasks, and of the running task. */
  #context = 0;
  #sentAtMs = 0;
  /** Whether one of the answers is large. */
  #isLarge = false;
  /** The answers that make one message: those of consecutive tasks that ended well. */
  #firstNumber = 0;
  #texts: string[] = [];
  #micros: number[] = [];
  #buffers: Uint8Array[] = [];

  /** @param clock The clock of the times that its methods are given. */
  constructor(stream: MessageStream<ToSlave>, clock: Pick<Clock, "now">) {
    this.#stream = stream;
    this.#clock = clock;
  }

  /**
   * Whether the held answers may wait for the end of a task that starts now. That task may never end: then they would never leave. The
   * master allows it for few answers, and not for those of another context.
   *
   * @param areTelling Whether tasks of this process report progress.
   */
  mayWaitFor(
    { context, maxHeld }: { readonly context: number; readonly maxHeld: number },
    nowMs: number,
    areTelling: boolean,
  ): boolean {
    const maxMs = areTelling ? MAX_HELD_OF_TELLING_MS : MAX_HELD_MS;
    const isOfSameContext = this.#context === context;
    this.#context = context;
    if (this.#isLarge || nowMs - this.#sentAtMs > maxMs) return false;
    return this.#count === 0 || (this.#count < maxHeld && isOfSameContext);
  }

  /**
   * Adds what a task returned; if it cannot be sent, the task has failed. Called once for each task, so it takes plain arguments: an object
   * with them cost a twentieth of the processor time of a task that does nothing.
   *
   * @param task Its number on this connection.
   * @param elapsedMs How long it ran.
   */
  addResult(task: number, elapsedMs: number, value: unknown): void {
    // A message numbers its results by counting, and there may be gaps: startup or loading failed for some tasks.
    if (task !== this.#firstNumber + this.#texts.length) this.post();
    let encoded: Encoded;
    try {
      encoded = this.#encode(value);
    } catch (error) {
      return this.addFailure(task, elapsedMs, { failure: "result", thrown: error });
    }
    if (this.#texts.length === 0) this.#firstNumber = task;
    this.#micros.push(Math.round(elapsedMs * 1000));
    if (typeof encoded === "string") {
      this.#texts.push(encoded);
    } else {
      this.#texts.push(encoded.text);
      for (const buffer of encoded.buffers) this.#buffers.push(buffer);
    }
    this.#count++;
  }

  /** Adds how a task failed. */
  addFailure(
    task: number,
    elapsedMs: number,
    { failure, thrown }: { readonly failure: Failure; readonly thrown: unknown },
  ): void {
    const encoded = encodeThrown(thrown);
    this.post();
    const micros = Math.round(elapsedMs * 1000);
    const message = { type: "failed", first: task, failure, micros };
    postThrown(this.#stream, message, encoded);
    this.#count++;
  }

  /** Sends the held answers, and what else has been posted after them. */
  send(): void {
    this.post();
    this.#stream.flush();
    this.#count = 0;
    this.#isLarge = false;
    this.noteSilence();
  }

  /** Sends the held answers, and waits until they have left. */
  async sent(): Promise<void> {
    this.send();
    await this.#stream.flushed();
  }

  /** Notes that there was nothing to send until now. */
  noteSilence(): void {
    this.#sentAtMs = this.#clock.now();
  }

  /** Encodes a result at once: the next line of the task's code, or another task, may change its memory. */
  #encode(value: unknown): Encoded {
    const encoded = encodeValue(value, "result", { shareBuffers: true });
    checkSendable(encoded, "result");
    if (sizeOfEncoded(encoded) > LARGE_RESULT_BYTES) {
      // The result alone fits into a message; together with those before it, it might not.
      this.post();
      this.#isLarge = true;
    }
    if (typeof encoded === "string") return encoded;
    return { text: encoded.text, buffers: encoded.buffers.map((each) => this.#copies.copy(each)) };
  }

  /** Posts the held answers, those of consecutive tasks that ended well as one message, so that what is posted next follows them. */
  post(): void {
    if (this.#texts.length === 0) return;
    const text =
      `{"type":"results","first":${this.#firstNumber},"values":[${this.#texts.join(",")}],` +
      `"micros":[${this.#micros.join(",")}]}`;
    if (this.#buffers.length === 0) {
      this.#stream.post(text);
    } else {
      this.#stream.post(text, this.#buffers, this.#copies.handOver());
      this.#buffers = [];
    }
    this.#texts = [];
    this.#micros = [];
  }
}

/** Posts a message whose field `thrown` is an encoded value. */
export function postThrown(
  stream: MessageStream<ToSlave>,
  message: object,
  thrown: Encoded,
): void {
  const text = typeof thrown === "string" ? thrown : thrown.text;
  const buffers = typeof thrown === "string" ? undefined : thrown.buffers;
  stream.post(`${jsonOf(message).slice(0, -1)},"thrown":${text}}`, buffers);
}
