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

/** A name in braces. Programs and shells use braces in other ways: `{print $1}`, `{3}`, `{a,b}`, `${HOME}`. */
const FIELD = /(?<!\$)\{([\p{L}_][\p{L}\p{N}_.-]*)\}/gu;

/** What GNU parallel replaces by parts of an input. In a shell, `${#}` means something else. */
const GNU_FIELD = /(?<!\$)\{(\.|\/\/?|\/\.|#|%)\}/g;
/** How a shell says the same about its argument. */
const IN_SHELL: Readonly<Record<string, string>> = {
  "{}": '"$1"',
  "{.}": '"${1%.*}"',
  "{/}": '"${1##*/}"',
  "{//}": '"$(dirname "$1")"',
  "{/.}": '"$(basename "${1%.*}")"',
};

/**
 * Fills an input into a command.
 *
 * @param words The command's words, in which `{}` stands for the input, and `{name}` for a field of an input that is an object. If there is
 * neither, the input is added as the last word.
 * @returns Program and arguments.
 */
export function fillCommand(words: readonly string[], input: unknown): string[] {
  let isFilled = false;
  const fields = hasFields(input) ? input : {};
  const filled = words.map((word) =>
    // A name after a $ is for the shell.
    word.replaceAll(/\{\}|(?<!\$)\{([^{}]+)\}/g, (braces, name) => {
      if (name !== undefined && !Object.hasOwn(fields, name)) return braces;
      isFilled = true;
      return plainText(name === undefined ? input : fields[name]);
    })
  );
  return isFilled ? filled : [...words, plainText(input)];
}

/**
 * Makes a shell script that has the input as `$1` from a line that has it as `{}`, or has parts of it in GNU parallel's notation.
 */
export function shellScript(line: string): string {
  return line.replaceAll(/(["']?)(\{[./]*\})\1/g, (braces, _, name) => IN_SHELL[name] ?? braces);
}

/** @throws {UsageError} If words of a command have braces in GNU parallel's notation, which would stay as they are. */
export function checkNotation(words: readonly string[]): void {
  const [name] = gnuFields(words);
  if (name !== undefined) throw gnuFieldError(name, words);
}

/** The names in braces that only GNU parallel knows, beginning with those that no shell can make. */
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

/** Quotes a word for a shell, except for what stands for the input in it. */
function quoteAround(word: string): string {
  return word.split(/(\{[./]*\})/)
    .map((part) => part === "" ? "" : IN_SHELL[part] ?? quote(part)).join("");
}

/**
 * Makes a check that inputs have the fields which a command names. Inputs that are not objects, such as lines, have no fields: then
 * `{print}` is for the command itself. But if the first line names that field, the user has forgotten an option.
 *
 * @param areWords Whether inputs are words of the command line: no option gives these fields.
 * @returns Takes an input and its number, from 1. It throws a {@linkcode UsageError} that names the missing field and those that exist.
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

/** Whether an input has named fields. An array has none: numbers in braces are for the command. */
function hasFields(input: unknown): input is Record<string, unknown> {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}

/** @throws {UsageError} If the first line is a CSV header, or a JSON object, with one of the fields. */
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
 * Runs a command on a slave, where it sees nothing else of this module.
 *
 * @param words Program and arguments.
 * @returns What it printed to standard output: text, or bytes if that is not text. Its standard error goes to that of the slave.
 * @throws {Error} If it cannot be started, or its exit code is not 0. Then the error has the output as `stdout`.
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
