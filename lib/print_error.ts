/**
 * Prints a line to standard error. One that cannot be written, since a disk is full or nobody reads any more, is lost: it
 * is no reason to end what somebody waits for.
 */
export function printError(line: string): void {
  try {
    console.error(line);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
