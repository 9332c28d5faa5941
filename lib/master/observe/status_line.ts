import { textWidth } from "./text_width.ts";

/** The terminal that a status line stands on. */
export interface Terminal {
  /** How many columns it has now. */
  columns(): number;
  write(text: string): void;
}

/** The byte after which the cursor stands at the beginning of a line. */
const NEWLINE = 10;
/** What of the console prints. */
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
 * While it is there, the methods of `console`, and those of `Deno.stdout` and `Deno.stderr` that write, print above it.
 */
export class StatusLine implements Disposable {
  readonly #terminal: Terminal;
  readonly #restore: (() => void)[] = [];
  #text = "";
  /** Columns that the line takes where it stands; 0 if it does not. */
  #drawn = 0;
  /** Whether something stands in the last row that is to be gone on with. */
  #isRowTaken = false;
  /** Writes under way: what they print may come at any moment. */
  #writes = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#interceptConsole();
    this.#interceptEnds();
    this.#interceptStream(Deno.stderr);
    if (Deno.stdout.isTerminal()) this.#interceptStream(Deno.stdout);
  }

  /** Shows a text, which has to be shorter than the terminal is wide, in place of the one before. */
  show(text: string): void {
    this.#text = text;
    this.#draw();
  }

  /** Prints a line that stays, above. */
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

  /** Takes the line away, and leaves printing to itself. */
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
    // A terminal that has been made narrower has broken the line into rows.
    const rowsAbove = Math.ceil(this.#drawn / this.#terminal.columns()) - 1;
    this.#terminal.write(`\r${rowsAbove > 0 ? `\x1b[${rowsAbove}A` : ""}\x1b[J`);
    this.#drawn = 0;
  }

  /** What Deno says when the script fails is not printed by way of the console. */
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
        // Whoever replaced it since may call it still.
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
