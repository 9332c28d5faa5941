import { textWidth } from "./text_width.ts";

/** The terminal that has the status line. */
export interface Terminal {
  /** How many columns it has now. */
  columns(): number;
  write(text: string): void;
}

/** The byte after which the cursor stands at the beginning of a line. */
const NEWLINE = 10;
/** The console's methods that print. */
const PRINTING = [
  "log",
  "debug",
  "info",
  "warn",
  "error",
  "dir",
  "dirxml",
  "table",
  "trace",
  "assert",
  "count",
  "group",
  "groupCollapsed",
  "timeEnd",
  "timeLog",
] as const;

/**
 * A line that stays below everything else that is printed on a terminal, and is changed in place.
 *
 * While it is there, the methods of `console`, and the writing methods of `Deno.stdout` and `Deno.stderr`, print above it.
 */
export class StatusLine implements Disposable {
  readonly #terminal: Terminal;
  readonly #restore: (() => void)[] = [];
  #text = "";
  /** How many columns the line takes; 0 while it is not drawn. */
  #drawn = 0;
  /** Whether something was printed that does not end with a newline. The next print continues in its row. */
  #isRowTaken = false;
  /** Writes under way: their output may come at any moment. */
  #writes = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#interceptConsole();
    this.#interceptEnds();
    this.#interceptStream(Deno.stderr);
    if (Deno.stdout.isTerminal()) this.#interceptStream(Deno.stdout);
  }

  /** Shows a text, which must be narrower than the terminal, in place of the previous one. */
  show(text: string): void {
    this.#text = text;
    this.#draw();
  }

  /** Prints a line that stays, above the status line. */
  print(text: string): void {
    this.above(() => this.#terminal.write(text + "\n"));
  }

  /** Takes the line away while something is printed. */
  above(print: () => void): void {
    this.#erase();
    try {
      print();
    } finally {
      this.#draw();
    }
  }

  /** Removes the line. From now on the console and the streams print as they did before. */
  [Symbol.dispose](): void {
    this.#erase();
    this.#text = "";
    for (const restore of this.#restore.splice(0)) restore();
  }

  #draw(): void {
    if (this.#text === "" || this.#isRowTaken || this.#writes > 0) return;
    const isInOneRow = this.#drawn <= this.#terminal.columns();
    if (!isInOneRow) this.#erase();
    this.#terminal.write(`\r${this.#text}\x1b[K`);
    this.#drawn = textWidth(this.#text);
  }

  #erase(): void {
    if (this.#drawn === 0) return;
    // If the terminal has been made narrower, the line takes several rows.
    const rowsAbove = Math.ceil(this.#drawn / this.#terminal.columns()) - 1;
    this.#terminal.write(`\r${rowsAbove > 0 ? `\x1b[${rowsAbove}A` : ""}\x1b[J`);
    this.#drawn = 0;
  }

  /** When the script fails, Deno itself prints the error: the line has to be gone by then. */
  #interceptEnds(): void {
    const erase = () => this.#erase();
    for (const end of ["error", "unhandledrejection", "unload"]) {
      addEventListener(end, erase);
      this.#restore.push(() => removeEventListener(end, erase));
    }
  }

  #interceptConsole(): void {
    const methods = console as unknown as Record<string, (...args: unknown[]) => void>;
    for (const name of PRINTING) {
      const print = methods[name];
      const intercepted = (...args: unknown[]) => this.above(() => print(...args));
      methods[name] = intercepted;
      this.#restore.push(() => {
        // If somebody has replaced it since, they may still call ours.
        if (methods[name] === intercepted) methods[name] = print;
      });
    }
  }

  #interceptStream(stream: typeof Deno.stderr): void {
    const { write, writeSync } = stream;
    const note = (bytes: Uint8Array, count: number): void => {
      if (count > 0) this.#isRowTaken = bytes[count - 1] !== NEWLINE;
    };
    const interceptedSync = (bytes: Uint8Array): number => {
      let count = 0;
      this.above(() => {
        count = writeSync.call(stream, bytes);
        note(bytes, count);
      });
      return count;
    };
    const intercepted = async (bytes: Uint8Array): Promise<number> => {
      this.#erase();
      this.#writes++;
      try {
        const count = await write.call(stream, bytes);
        note(bytes, count);
        return count;
      } finally {
        this.#writes--;
        this.#draw();
      }
    };
    stream.writeSync = interceptedSync;
    stream.write = intercepted;
    this.#restore.push(() => {
      if (stream.writeSync === interceptedSync) stream.writeSync = writeSync;
      if (stream.write === intercepted) stream.write = write;
    });
  }
}
