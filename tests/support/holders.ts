import { assertEquals } from "@std/assert";
import { TempFolder } from "./temp_folder.ts";

/** A program of the shell that starts another, which says so to the pipe that is named, and holds it; it waits for that. */
export const HOLD = `sleep 1000 3>"$0" & echo started >"$0"; wait`;

/**
 * Tells a test when programs run and when all of them have ended, without looking at a clock: each of them, and whatever it starts,
 * holds a named pipe open, into which it says a word. See `family_tasks.ts`.
 */
export class Holders implements AsyncDisposable {
  readonly #folder = new TempFolder();
  readonly #reader: Promise<ReadableStreamDefaultReader<Uint8Array>>;
  #said = "";

  constructor() {
    new Deno.Command("mkfifo", { args: [this.path] }).outputSync();
    // This waits for one that writes.
    this.#reader = Deno.open(this.path).then(({ readable }) => readable.getReader());
  }

  /** Where the pipe is. */
  get path(): string {
    return this.#folder.file("pipe");
  }

  /** Waits until a word has been said; returns the line that begins with it. */
  async said(word: string): Promise<string> {
    for (;;) {
      const line = this.#said.split("\n").slice(0, -1).find((line) => line.startsWith(word));
      if (line !== undefined) return line;
      if (!await this.#read()) throw new Error(`All have ended, and none has said ${word}`);
    }
  }

  /** Waits until no program holds the pipe any more. */
  async ended(): Promise<void> {
    while (await this.#read());
  }

  /**
   * Runs a script that says `started`, waits for the end of its standard input, and kills itself; then waits until nothing is left of what
   * it has started.
   *
   * @param flags Options of `deno run`.
   */
  async outlive(script: string, ...flags: readonly string[]): Promise<void> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", ...flags, script, this.path],
      stdin: "piped",
      stdout: "null",
    }).spawn();
    await this.said("started");
    await child.stdin.close();
    assertEquals((await child.status).signal, "SIGKILL");
    await this.ended();
  }

  async #read(): Promise<boolean> {
    const { value, done } = await (await this.#reader).read();
    if (value !== undefined) this.#said += new TextDecoder().decode(value);
    return !done;
  }

  /** Waits until all have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    // If none has ever opened it, this is the first.
    (await Deno.open(this.path, { append: true, read: true })).close();
    await this.ended();
    await this.#folder[Symbol.asyncDispose]();
  }
}
