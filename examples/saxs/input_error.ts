/**
 * Something is wrong with a file that the user gave. The message is one line that starts with the
 * file's name and, where there is one, the line: `lyzexp.dat:17: expected q, intensity, error, …`.
 */
export class InputError extends Error {
  override name = "InputError";

  /**
   * @param file Name of the file as it is shown.
   * @param problem What was expected, what was found, what to do.
   * @param options `line` counts from 1; `cause` is the error behind this one.
   */
  constructor(
    file: string,
    problem: string,
    options: { line?: number; cause?: unknown } = {},
  ) {
    const place = options.line === undefined ? file : `${file}:${options.line}`;
    super(`${place}: ${problem}`, { cause: options.cause });
  }
}

/**
 * Content of a text file, with errors that name the file.
 *
 * @throws {InputError} If the file is missing, may not be read, is a directory or is empty.
 */
export async function readInput(path: string): Promise<string> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw new InputError(path, `cannot read the file (${reasonOf(error)})`, { cause: error });
  }
  if (text.trim() === "") throw new InputError(path, "the file is empty");
  return text;
}

/** Last part of a path: what messages call the file. */
export function fileName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file";
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.NotCapable) return "not allowed to: run with --allow-read";
  throw error;
}
