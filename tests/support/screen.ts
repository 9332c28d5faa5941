/**
 * A terminal as a test sees it: takes what programs write to one, and has the rows that a user would see.
 *
 * Knows the ends of lines, and the sequences that our progress line is made of; fails at others.
 */
export class Screen {
  /** Everything from the first row on, also what has scrolled out of sight. */
  readonly #rows: string[][] = [[]];
  #row = 0;
  #column = 0;
  /** How often a line was longer than the screen is wide. */
  wraps = 0;

  /** @param columns How wide it is; may be changed, which breaks long rows anew as terminals do. */
  constructor(public columns: number) {}

  /** Takes text with escape sequences. */
  write(text: string): void {
    // deno-lint-ignore no-control-regex -- that is what is looked for
    for (const [part] of text.matchAll(/\x1b\[[0-9;]*[A-Za-z]|[^]/gu)) this.#take(part);
  }

  /** Makes it narrower or wider. Rows that are longer are broken, and the cursor stays where it is in the text. */
  resize(columns: number): void {
    this.columns = columns;
    const rows = this.#rows.splice(0);
    rows.forEach((row, i) => {
      const isCursorHere = i === this.#row;
      const start = this.#rows.length;
      do this.#rows.push(row.splice(0, columns)); while (row.length > 0);
      if (!isCursorHere) return;
      this.#row = start + Math.floor(this.#column / columns);
      this.#column %= columns;
    });
    while (this.#rows.length <= this.#row) this.#rows.push([]);
  }

  /** The rows that have anything in them, without blanks at their ends. */
  get lines(): string[] {
    return this.#rows.map((row) => Array.from(row, (cell) => cell ?? " ").join("").trimEnd())
      .filter((line) => line !== "");
  }

  #take(part: string): void {
    switch (part) {
      case "\r":
        this.#column = 0;
        return;
      case "\n":
        this.#nextRow();
        this.#column = 0;
        return;
      case "\x1b[K":
        this.#rows[this.#row].length = Math.min(this.#rows[this.#row].length, this.#column);
        return;
      case "\x1b[J":
        this.#rows[this.#row].length = Math.min(this.#rows[this.#row].length, this.#column);
        this.#rows.length = this.#row + 1;
        return;
    }
    // deno-lint-ignore no-control-regex -- that is what is looked for
    const up = part.match(/^\x1b\[(\d+)A$/);
    if (up !== null) {
      this.#row = Math.max(0, this.#row - Number(up[1]));
    } else if (part.startsWith("\x1b")) {
      throw new Error(`The screen does not know ${JSON.stringify(part)}`);
    } else {
      this.#put(part);
    }
  }

  #put(character: string): void {
    if (this.#column === this.columns) {
      this.wraps++;
      this.#nextRow();
      this.#column = 0;
    }
    this.#rows[this.#row][this.#column++] = character;
  }

  #nextRow(): void {
    this.#row++;
    if (this.#rows.length === this.#row) this.#rows.push([]);
  }
}
