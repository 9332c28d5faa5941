/** How many lines, and how many characters of them, an error message shows. */
const MAX_LINES = 10;
const MAX_CHARACTERS = 2000;

/**
 * The stack of Deno's own machine code, a heading and indented lines: V8 prints one when it ends its process, up to 25 addresses before
 * Deno 2.9.5; with `RUST_BACKTRACE` an older Deno prints one after each of its errors.
 */
const NATIVE_STACK = /^(?:==== C stack trace =+|Stack backtrace:)\n(?:\n|[ \t].*\n?)*/gm;

/**
 * The last lines of what a process has printed, for an error message.
 *
 * A stack of machine code is left out: the lines before it say why the process has ended.
 */
export function lastLines(text: string): string {
  return text.replaceAll(NATIVE_STACK, "").trimEnd().split("\n").slice(-MAX_LINES).join("\n")
    .slice(-MAX_CHARACTERS).trim();
}
