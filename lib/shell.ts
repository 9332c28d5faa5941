/** Writes a word so that a POSIX shell takes it as it is. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Writes words as a command line of a POSIX shell. */
export function quoteAll(words: readonly string[]): string {
  return words.map(quote).join(" ");
}
