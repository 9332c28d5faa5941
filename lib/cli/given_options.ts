/**
 * The options of a command line as they were given, before they are interpreted, and their names in messages.
 *
 * @module
 */

import { loadDistance, loadParseArgs, type ParseArgs, STD } from "../deps.ts";
import { messageOf } from "../message_of.ts";
import { quoteText } from "../quote_text.ts";
import { quoteAll } from "../shell.ts";
import { UsageError } from "./usage_error.ts";

const SWITCHES = [
  ...["help", "version", "jsonl", "csv", "text", "unordered", "with-input"],
  ...["fail-fast", "dry-run", "progress", "dashboard", "rerun-failed", "accept-changed-code"],
];
const VALUES = [
  ...["input", "to", "slaves", "sge", "slurm", "ssh", "job-options", "startup", "startup-args"],
  ...["timeout", "retries", "journal", "joblog"],
];
const ALIASES = { h: "help" };
/** The names that other programs have for our options. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ...["j", "jobs", "P", "max-procs", "w", "workers"].map((name) => [name, "slaves"] as const),
  ...["a", "arg-file", "f", "file"].map((name) => [name, "input"] as const),
  ...["bar", "eta"].map((name) => [name, "progress"] as const),
  ["halt", "fail-fast"],
  ...["resume-failed", "retry-failed"].map((name) => [name, "rerun-failed"] as const),
  ...["resume", "results"].map((name) => [name, "journal"] as const),
  ...["header", "colsep", "C"].map((name) => [name, "csv"] as const),
  ...["sshlogin", "S"].map((name) => [name, "ssh"] as const),
  ["tag", "with-input"],
  ["output", "to"],
]);
/** What other programs call their option for the order that results have here anyway. */
const KEEP_ORDER: readonly string[] = ["k", "keep-order"];

/** The names that messages have for options of scripts, and the names of these options here. */
const OWN_NAMES: readonly (readonly [name: RegExp, ownName: string])[] = [
  [/\bthe option rerunFailed: true/g, "--rerun-failed"],
  [/\bgive the context the option acceptChangedCode: true/g, "give --accept-changed-code"],
  [/\blonger than taskTimeoutMs,/g, "longer than --timeout,"],
  [/\bthe option (joblog|dashboard)\b/g, "--$1"],
  [/\bCorrect the options of (?:SGEQsub|Slurm)SlaveArray\b/g, "Correct --job-options"],
  [/\b(?:SGEQsub|Slurm)SlaveArray cannot be given\b/g, "--job-options cannot be given"],
  [/\b([Aa]dd slaves) with Manager\.addSlave\(\)/g, "$1 with --slaves, --sge, --slurm or --ssh"],
];

/** Options as they were given: a switch that was not given is `false`, a value that was not given is `undefined`. */
export class GivenOptions {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** Whether a switch was given. */
  has(name: string): boolean {
    return this.#values[name] === true;
  }

  /** @throws {UsageError} If an option was given without a value. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    if (value === undefined) return undefined;
    if (value === "") throw new UsageError(`A value has to follow --${name}. See --help`);
    return `${value}`;
  }

  /**
   * Reads the value of an option as a count of things.
   *
   * @param what The things, for the message.
   * @throws {UsageError} If the value is not a whole number, or is below `least`.
   */
  count(name: string, what: string, least: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = /^\d+$/.test(text) ? Number(text) : NaN;
    if (Number.isSafeInteger(number) && number >= least) return number;
    throw new UsageError(
      `--${name} takes ${what}, a whole number from ${least}, and not ${quoteText(text, 80)}`,
    );
  }
}

/**
 * Reads options, and the names between them.
 *
 * @param command What follows `--`, if that was given.
 * @throws {UsageError} If there is no such option. The message names the one that may be meant.
 */
export async function readOptions(
  words: readonly string[],
  command: readonly string[] | undefined,
): Promise<{ given: GivenOptions; names: readonly string[] }> {
  const parseArgs = await loadReader();
  const names: string[] = [];
  const unknown: string[] = [];
  const values = parseArgs(withValues(words), {
    boolean: SWITCHES,
    string: VALUES,
    alias: ALIASES,
    unknown: (word, name) => {
      if (name === undefined) names.push(word);
      else unknown.push(word);
      return false;
    },
  });
  // The options may belong to a command that was not marked by `--`.
  if (command === undefined) checkModuleName(names[0], words);
  if (command === undefined && names.length > 0) checkNumbers(names[0], unknown[0], words);
  for (const word of words) checkSwitch(word);
  if (unknown.length > 0) throw await unknownOption(unknown[0]);
  return { given: new GivenOptions(values), names };
}

/** @throws {UsageError} If it is not in Deno's cache, and there is no network. */
async function loadReader(): Promise<ParseArgs> {
  try {
    return await loadParseArgs();
  } catch (cause) {
    throw new UsageError(
      `Cannot load the package that reads options: ${messageOf(cause).replace(/\.+$/, "")}. ` +
        `Load it once where there is a network: deno cache ${STD}`,
      { cause },
    );
  }
}

/** Joins options and their values, which may begin with a dash: `--job-options "-q long"`. */
function withValues(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (let i = 0; i < words.length; i++) {
    checkOnce(words[i], joined);
    if (takesValue(words[i]) && i + 1 < words.length && !isOption(words[i + 1])) {
      joined.push(`${words[i]}=${words[++i]}`);
    } else {
      joined.push(words[i]);
    }
  }
  return joined;
}

/** @throws {UsageError} If an option with a value was given before: all but the last would be lost. */
function checkOnce(word: string, before: readonly string[]): void {
  const [, name = ""] = /^--([^=]+)/.exec(word) ?? [];
  if (!VALUES.includes(name) || !before.some((other) => other.startsWith(`--${name}=`))) return;
  const remedy = name === "ssh" ? "Name all hosts in one, as in --ssh alice,bob" : "Leave one out";
  throw new UsageError(`--${name} stands twice. ${remedy}`);
}

/** Whether the value of an option is the next word. */
function takesValue(word: string): boolean {
  return VALUES.some((name) => word === `--${name}`);
}

function isOption(word: string): boolean {
  const [, name = ""] = /^--([^=]+)/.exec(word) ?? [];
  return [...SWITCHES, ...VALUES].includes(name);
}

/** @throws {UsageError} If the unknown option is a negative number, which is an input. */
function checkNumbers(name: string, unknown: string | undefined, words: readonly string[]): void {
  if (unknown === undefined || !/^-\.?\d/.test(unknown)) return;
  const inputs = divided(words).others.filter((word) => word !== name);
  throw new UsageError(`Inputs follow three colons: ${name} ::: ${quoteAll(inputs)}`);
}

/** @throws {UsageError} If a switch has a value, which would be lost. */
function checkSwitch(word: string): void {
  const [, name = "", value = ""] = /^--([^=]+)=(.*)$/s.exec(word) ?? [];
  if (!SWITCHES.includes(name)) return;
  throw new UsageError(
    name === "csv" || name === "jsonl"
      ? `--${name} takes no value. A file of inputs follows --input: ${
        quoteAll([`--${name}`, "--input", value])
      }`
      : `--${name} takes no value, and ${quoteText(value, 80)} is one. ` +
        "Leave the option out where it is not meant",
  );
}

async function unknownOption(word: string): Promise<UsageError> {
  // An option of one letter may have its value directly after it.
  const name = word.replace(/^--|^-(?=.$)|^-(.).*/s, "$1").replace(/=.*/s, "");
  if (KEEP_ORDER.includes(name)) {
    return new UsageError(
      `There is no option ${word}. Leave it out: results come in the order of the inputs`,
    );
  }
  const meant = FOREIGN.get(name) ?? await misspelt(name);
  const question = meant === undefined ? "" : ` Is --${meant} meant?`;
  return new UsageError(`There is no option ${word}.${question} See --help for all of them`);
}

/** The option whose name this may be with a mistake, of half its letters at most: `undefined` if it is like none. */
async function misspelt(name: string): Promise<string | undefined> {
  const distance = await loadDistance();
  let nearest: string | undefined;
  let least = Infinity;
  for (const option of [...SWITCHES, ...VALUES]) {
    const mistakes = distance(name.toLowerCase(), option);
    if (mistakes < least) [nearest, least] = [option, mistakes];
  }
  return least <= name.length / 2 ? nearest : undefined;
}

/** Distinguishes a forgotten `--` from a misspelt option. */
function checkModuleName(name: string | undefined, words: readonly string[]): void {
  if (name === undefined || /#|\.[cm]?[jt]sx?(:|$)|^[a-z][a-z\d+-]+:/i.test(name)) return;
  const { options, others } = divided(words);
  throw new UsageError(
    `${quoteText(name, 80)} names no function, as tasks.ts#score does. ` +
      `If it is a command, it follows two dashes: ${quoteAll([...options, "--", ...others])}`,
  );
}

/** Separates our own options and their values from the words of a command between them. */
function divided(words: readonly string[]): { options: string[]; others: string[] } {
  const options: string[] = [];
  const others: string[] = [];
  for (let i = 0; i < words.length; i++) {
    if (!isOption(words[i])) {
      others.push(words[i]);
      continue;
    }
    options.push(words[i]);
    if (takesValue(words[i]) && i + 1 < words.length) options.push(words[++i]);
  }
  return { options, others };
}

/** Rewords a message for users of the command line. */
export function inOwnNames(message: string): string {
  let own = message;
  for (const [name, ownName] of OWN_NAMES) own = own.replace(name, ownName);
  return own;
}

/**
 * Rewords everything that this process prints to standard error from now on: failures, what ends the run, and the warnings that the manager
 * prints itself.
 */
export function speakOwnNames(): void {
  const print = console.error;
  console.error = (line: string) => print(inOwnNames(line));
}
