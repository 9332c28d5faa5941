/**
 * Commands as tasks: a program and its arguments, without a shell.
 *
 * @module
 */

import { lineOfText, quoteText } from "../quote_text.ts";
import { quote } from "../shell.ts";
import { inputValue } from "./input_value.ts";
import { plainText } from "./json_text.ts";
import { UsageError } from "./usage_error.ts";

/** A name in braces. What programs and shells mean by braces looks otherwise: `{print $1}`, `{3}`, `{a,b}`, `${HOME}`. */
const FIELD = /(?<!\$)\{([\p{L}_][\p{L}\p{N}_.-]*)\}/gu;

/** What GNU parallel puts parts of an input in the place of. A shell means something else by `${#}`. */
const GNU_FIELD = /(?<!\$)\{(\.|\/\/?|\/\.|#|%)\}/g;
/** How a shell says that of its argument. */
const IN_SHELL: Readonly<Record<string, string>> = {
  "{}": '"$1"',
  "{.}": '"${1%.*}"',
  "{/}": '"${1##*/}"',
  "{//}": '"$(dirname "$1")"',
  "{/.}": '"$(basename "${1%.*}")"',
};

/**
 * Puts an input into a command.
 *
 * @param words The command's words, in which `{}` stands for the input, and `{name}` for a field of an input that is an object. Where
 * neither stands, the input is added as the last word.
 * @returns Program and arguments.
 */
export function fillCommand(words: readonly string[], input: unknown): string[] {
  let isFilled = false;
  const fields = hasFields(input) ? input : {};
  const filled = words.map((word) =>
    // After a $ a name is the shell's.
    word.replaceAll(/\{\}|(?<!\$)\{([^{}]+)\}/g, (braces, name) => {
      if (name !== undefined && !Object.hasOwn(fields, name)) return braces;
      isFilled = true;
      return plainText(name === undefined ? input : fields[name]);
    })
  );
  return isFilled ? filled : [...words, plainText(input)];
}

/**
 * Makes a script for a shell, which has the input as `$1`, of a line that has it as `{}`, or parts of it as GNU parallel has them.
 */
export function shellScript(line: string): string {
  return line.replaceAll(/(["']?)(\{[./]*\})\1/g, (braces, _, name) => IN_SHELL[name] ?? braces);
}

/** @throws {UsageError} If words of a command have what GNU parallel means by braces, which would stay as it is. */
export function checkNotation(words: readonly string[]): void {
  const [name] = gnuFields(words);
  if (name !== undefined) throw gnuFieldError(name, words);
}

/** The names in braces that only GNU parallel knows, those first that no shell can make. */
function gnuFields(words: readonly string[]): string[] {
  const names = words.flatMap((word) => [...word.matchAll(GNU_FIELD)].map(([, name]) => name));
  const isNumber = (name: string) => name === "#" || name === "%";
  return [...names.filter(isNumber), ...names.filter((name) => !isNumber(name))];
}

function gnuFieldError(name: string, words: readonly string[]): UsageError {
  if (name === "#") {
    return new UsageError(
      "{#} is the number of a job in GNU parallel, which no command is told here. Number the inputs: " +
        "(echo n,name; nl -w1 -s, list.txt) makes rows for --csv, with the fields {n} and {name}",
    );
  }
  if (name === "%") {
    return new UsageError(
      "{%} is the number of a slot in GNU parallel, and no command is told here on which slave it runs. " +
        "Name a file of its own after its input, {}, or by mktemp",
    );
  }
  const what = `{${name}} is GNU parallel's, and means nothing here.`;
  const field = words.join(" ").match(FIELD)?.[0];
  if (field !== undefined) {
    return new UsageError(
      `${what} A shell makes that of its argument: -- sh -c '… ${
        IN_SHELL[`{${name}}`]
      } …' sh ${field}`,
    );
  }
  const [shell, option, line] = words;
  const isScript = /^(.*\/)?(ba|da|k|z)?sh$/.test(shell) && option === "-c" && line !== undefined;
  const script = isScript ? shellScript(line) : words.map(quoteAround).join(" ");
  return new UsageError(
    `${what} A shell has the input as $1: -- ${isScript ? shell : "sh"} -c ${quote(script)} sh`,
  );
}

/** Quotes a word for a shell, in which what stands for the input does so still. */
function quoteAround(word: string): string {
  return word.split(/(\{[./]*\})/)
    .map((part) => part === "" ? "" : IN_SHELL[part] ?? quote(part)).join("");
}

/**
 * Makes what sees that inputs have the fields that a command names. Inputs that are no objects, such as lines, have none: there `{print}` is
 * for the command to understand. But if the first line names that field, an option was forgotten.
 *
 * @param areWords Whether inputs are words of the command line, which no option gives fields to.
 * @returns Takes an input and its number, from 1. It throws a {@linkcode UsageError} that names the field, and those that there are.
 */
export function fieldCheck(
  words: readonly string[],
  areWords = false,
): (input: unknown, number: number) => void {
  const names = words.flatMap((word) => [...word.matchAll(FIELD)].map(([, name]) => name));
  const foreign = gnuFields(words);
  return (input, number) => {
    if (typeof input === "string" && number === 1) checkFormat(names, input, areWords);
    const fields = hasFields(input) ? input : {};
    const unknown = foreign.find((name) => !Object.hasOwn(fields, name));
    if (unknown !== undefined) throw gnuFieldError(unknown, words);
    if (!hasFields(input)) return;
    const missing = names.find((name) => !Object.hasOwn(input, name));
    if (missing === undefined) return;
    const all = Object.keys(input).map((name) => `{${name}}`).join(", ");
    throw new UsageError(
      `The command has {${missing}}, and input ${number} has no field ${quoteText(missing, 80)}. ` +
        `It has ${lineOfText(all, 200)}. ` +
        `If the braces are for the command, put blanks into them: { ${missing} }`,
    );
  };
}

/** Numbers in braces are the command's: an array has none. */
function hasFields(input: unknown): input is Record<string, unknown> {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}

/** @throws {UsageError} If the first line is a head of CSV, or a JSON object, with one of the fields. */
function checkFormat(names: readonly string[], line: string, isWord: boolean): void {
  const columns = line.includes(",") ? line.split(",") : [];
  const fields = /^\{.*\}$/s.test(line) ? Object.keys(Object(inputValue(line))) : columns;
  const name = names.find((name) => fields.includes(name));
  if (name === undefined) return;
  const option = fields === columns ? "--csv" : "--jsonl";
  const braces = `If the braces are for the command, put blanks into them: { ${name} }`;
  if (isWord) {
    throw new UsageError(
      `The command has {${name}}, and there are no fields of words behind :::. ` +
        `Such lines come from a file or standard input: ${option} --input FILE. ${braces}`,
    );
  }
  throw new UsageError(
    `The command has {${name}}, which is a field of the first line only if lines are read by ${option}: ` +
      `add ${option}. ${braces}`,
  );
}

/**
 * Runs a command, on a slave: it sees nothing of this module there.
 *
 * @param words Program and arguments.
 * @returns What it printed to standard output: as text, or as bytes if it is none. What it printed to standard error goes to that of the slave.
 * @throws {Error} If it cannot be started, or does not end with exit code 0. The error has what was printed as `stdout` then.
 */
export async function runCommand(words: readonly string[]): Promise<string | Uint8Array> {
  const [program, ...args] = words;
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program, { args, stdin: "null" }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Error(
        `There is no program ${program}. What a shell knows, such as pipes, needs one: -- sh -c '…' sh`,
      );
    }
    throw error;
  }
  const { code, signal, stdout, stderr } = output;
  const said = new TextDecoder().decode(stderr).trimEnd();
  let printed: string | Uint8Array;
  try {
    printed = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(stdout);
  } catch {
    printed = stdout;
  }
  if (code === 0) {
    if (said !== "") console.error(said);
    return printed;
  }
  const end = signal === null ? `Exit code ${code}` : `Ended by ${signal}`;
  const message = said === "" ? end : `${end}: ${said.slice(-2000)}`;
  throw Object.assign(new Error(message), { stdout: printed });
}
