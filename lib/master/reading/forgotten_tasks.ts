import type { Hub } from "../observe/hub.ts";

/** Something that should be read. */
export interface Readable {
  /** Whether there is something to read, or may be later. Inputs that were left when the manager closed count as well. */
  readonly hasUnread: boolean;
}

const WARNING =
  "The tasks of a context have not run: nobody has read its results. Tasks run while these are read: " +
  "for await (const result of context.map(task, inputs)) …, or of context.getResults() after addTask(). " +
  "For one task with a promise there is await context.run(task, [2])";

/** Warns users who forget to read results, and maybe to close the manager as well: at the latest when the script ends. */
export class ForgottenTasks implements Disposable {
  readonly #hub: Hub;
  /** What nobody has begun to read: none of its tasks has run. */
  readonly #unread = new Set<Readable>();
  readonly #atUnload = () => this.#warn();

  constructor(hub: Hub) {
    this.#hub = hub;
    globalThis.addEventListener("unload", this.#atUnload);
  }

  /** Somebody should read this. */
  add(readable: Readable): void {
    this.#unread.add(readable);
  }

  /** Somebody begins to read this. */
  delete(readable: Readable): void {
    this.#unread.delete(readable);
  }

  /** The manager closes: warns if there is reason to. */
  [Symbol.dispose](): void {
    globalThis.removeEventListener("unload", this.#atUnload);
    this.#warn();
  }

  #warn(): void {
    if ([...this.#unread].some(({ hasUnread }) => hasUnread)) this.#hub.warn(WARNING);
    // The script may be at its end.
    this.#hub.flush();
  }
}
