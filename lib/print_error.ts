/**
 * Prints a line to standard error. A line that cannot be written, because the disk is full or nobody reads it, is lost: that must not end
 * the program.
 */
export function printError(line: string): void {
  try {
    console.error(line);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
