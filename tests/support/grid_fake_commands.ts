import { TempFolder } from "./temp_folder.ts";
import { untilFiles } from "./until_files.ts";

/** Stands for commands of Grid Engine: shell scripts that are found first on PATH, until the end of the scope. */
export class FakeCommands implements AsyncDisposable {
  readonly #folder = new TempFolder();
  readonly #path = Deno.env.get("PATH")!;

  constructor() {
    Deno.env.set("PATH", `${this.#folder.path}:${this.#path}`);
  }

  /** Folder in which the commands are, and may write. */
  get folder(): string {
    return this.#folder.path;
  }

  /** Makes a command, or makes it anew. `$0.calls` gets a line with the arguments of each call. */
  set(name: string, script: string): void {
    const path = this.#folder.file(name);
    // Another file each time: one that runs cannot be written.
    Deno.writeTextFileSync(`${path}.new`, `#!/bin/sh\necho "$*" >>"$0.calls"\n${script}\n`, {
      mode: 0o755,
    });
    Deno.renameSync(`${path}.new`, path);
  }

  /** Makes a command that prints a text. */
  print(name: string, text: string, code = 0): void {
    this.#folder.write(`${name}.text`, text);
    this.set(name, `cat "$0.text"; exit ${code}`);
  }

  /** The arguments of all calls of a command so far. */
  calls(name: string): string[] {
    return this.#folder.lines(`${name}.calls`);
  }

  /** Waits until a command has been called so often. */
  async called(name: string, times = 1): Promise<void> {
    await untilFiles(this.folder, () => this.calls(name).length >= times);
  }

  /** What a file in the folder holds. */
  read(name: string): string {
    return Deno.readTextFileSync(this.#folder.file(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    Deno.env.set("PATH", this.#path);
    await this.#folder[Symbol.asyncDispose]();
  }
}
