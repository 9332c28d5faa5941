/**
 * What a command line asks for.
 *
 * @module
 */

import { quoteText } from "../quote_text.ts";
import { readJson } from "../read_json.ts";
import { quote, quoteAll } from "../shell.ts";
import { type GivenOptions, readOptions } from "./given_options.ts";
import { checkNotation, shellScript } from "./shell_command.ts";
import { type TaskModule, taskModule } from "./task_module.ts";
import { UsageError } from "./usage_error.ts";

/** What runs for each input. */
export type Work =
  | {
    readonly type: "function";
    readonly task: TaskModule;
    /** A startup function of the same module, if one was named. */
    readonly startup: { readonly name: string; readonly args: readonly unknown[] } | undefined;
  }
  | { readonly type: "command"; readonly words: readonly string[] };

/** Where inputs come from. */
export type Source =
  | { readonly type: "words"; readonly words: readonly string[] }
  | {
    readonly type: "file";
    /** `-` is standard input. */
    readonly path: string;
    readonly format: "lines" | "jsonl" | "csv";
  };

/** How results are printed. */
export type OutputFormat = "text" | "jsonl" | "csv";

/** The slaves that are asked for, by kind. */
export interface SlavesOrder {
  readonly local: number | undefined;
  readonly sge: number | undefined;
  readonly slurm: number | undefined;
  readonly ssh: readonly { readonly host: string; readonly slaves: number }[];
  /** Words for `qsub` or `sbatch`. */
  readonly jobOptions: readonly string[];
}

/** All that a command line says. */
export interface Order {
  readonly work: Work;
  readonly source: Source;
  /** Whether inputs stay texts, whatever they look like. */
  readonly isText: boolean;
  readonly format: OutputFormat;
  readonly isOrdered: boolean;
  readonly hasInput: boolean;
  readonly slaves: SlavesOrder;
  readonly timeoutMs: number | undefined;
  readonly retries: number;
  readonly isFailFast: boolean;
  readonly isDryRun: boolean;
  readonly isProgress: boolean;
  /** Whether the run has a live page. */
  readonly hasPage: boolean;
  readonly journal: string | undefined;
  /** Whether all tasks that failed according to the journal run again. */
  readonly isFailedRerun: boolean;
  /** Whether outcomes in the journal count even if their code has changed since. */
  readonly isChangeAccepted: boolean;
  readonly joblog: string | undefined;
}

/**
 * Reads a command line.
 *
 * @param words What follows the name of the program.
 * @param isTerminal Whether standard input is a terminal, where nobody would know that lines are awaited.
 * @throws {UsageError} If the command line makes no sense, with what to write instead.
 */
export async function readOrder(
  words: readonly string[],
  isTerminal: () => boolean,
): Promise<Order | "help" | "version"> {
  // Deno replaces what is not valid text by U+FFFD: it would be another word.
  const bad = words.find((word) => word.includes("\ufffd"));
  if (bad !== undefined) {
    throw new UsageError(
      `The word ${
        quoteText(bad, 80)
      } is not UTF-8 text. Write it in UTF-8; a file that has such a name needs another`,
    );
  }
  const { before, command, inputs } = partsOf(words);
  const { given, names } = await readOptions(before, command);
  if (given.has("help")) return "help";
  if (given.has("version")) return "version";
  const work = readWork(names, command, inputs, given);
  return {
    work,
    source: readSource(inputs, given, isTerminal),
    // A command takes texts.
    isText: given.has("text") || work.type === "command",
    format: readFormat(given),
    isOrdered: !given.has("unordered"),
    hasInput: given.has("with-input"),
    slaves: readSlaves(given),
    timeoutMs: readTimeout(given),
    retries: given.count("retries", "how often a task may run again", 0) ?? 0,
    isFailFast: given.has("fail-fast"),
    isDryRun: given.has("dry-run"),
    isProgress: given.has("progress"),
    hasPage: given.has("dashboard"),
    ...readJournal(given),
    joblog: given.text("joblog"),
  };
}

interface Parts {
  /** Options and the name of the function. */
  readonly before: readonly string[];
  /** What follows `--`. */
  readonly command: readonly string[] | undefined;
  /** What follows `:::`. */
  readonly inputs: readonly string[] | undefined;
}

/** Splits the words. Inputs may look like anything, and so may the words of a command, except for the three colons. */
function partsOf(words: readonly string[]): Parts {
  const colons = words.indexOf(":::");
  const inputs = colons < 0 ? undefined : words.slice(colons + 1);
  const rest = colons < 0 ? words : words.slice(0, colons);
  const dashes = rest.indexOf("--");
  const command = dashes < 0 ? undefined : rest.slice(dashes + 1);
  return { before: dashes < 0 ? rest : rest.slice(0, dashes), command, inputs };
}

function readWork(
  names: readonly string[],
  command: readonly string[] | undefined,
  inputs: readonly string[] | undefined,
  given: GivenOptions,
): Work {
  const [name, ...others] = names;
  if (command !== undefined) return readCommand(command, name, given);
  if (name === undefined) {
    throw new UsageError(
      "Name a function, as in tasks.ts#score ::: 1 2 3, or a command, as in -- wc -l {} ::: a b. See --help",
    );
  }
  const task = taskModule(name);
  if (task === undefined) {
    // Others write a colon between module and function. The colon of a URL is not meant.
    const [, module = name.replace(/#.*/s, ""), meant = "score"] =
      /^(.+\.[cm]?[jt]sx?):([\p{L}_$][\p{L}\p{N}_$]*)$/u.exec(name) ?? [];
    throw new UsageError(
      `Name a function of ${name} as well, behind a #: ${module}#${meant}`,
    );
  }
  if (others.length > 0) {
    checkJoining(others);
    const format = ["csv", "jsonl"].find((each) => given.has(each));
    if (others[0] === "::::" || format !== undefined) {
      const files = others.filter((other) => other !== "::::");
      const options = format === undefined ? [] : [`--${format}`];
      throw new UsageError(
        `A file of inputs follows --input: ${name} ${quoteAll([...options, "--input", ...files])}`,
      );
    }
    const all = [...others, ...inputs ?? []];
    throw new UsageError(
      `Inputs follow three colons: ${name} ::: ${quoteAll(all)}`,
    );
  }
  const startup = given.text("startup");
  const args = readStartupArgs(given);
  if (startup === undefined && args.length > 0) {
    throw new UsageError("--startup-args are those of a function that --startup names");
  }
  return {
    type: "function",
    task,
    startup: startup === undefined ? undefined : { name: startup, args },
  };
}

function readCommand(
  words: readonly string[],
  name: string | undefined,
  given: GivenOptions,
): Work {
  if (name !== undefined) {
    throw new UsageError(
      `Both the function ${name} and a command are given. A command follows --, without a function`,
    );
  }
  checkJoining(words);
  const colons = words.indexOf("::::");
  if (colons >= 0) {
    const [file = "FILE"] = words.slice(colons + 1);
    const command = quoteAll(words.slice(0, colons)).replaceAll("'{}'", "{}");
    throw new UsageError(
      `A file of inputs follows --input: --input ${quote(file)} -- ${command}`,
    );
  }
  if (words.length === 0) throw new UsageError("A command has to follow --, as in -- wc -l {}");
  if (words.length === 1 && /^[^/\\]+\s/.test(words[0])) {
    throw new UsageError(
      `${quoteText(words[0], 80)} is one word, the name of a program. ${wordsRemedy(words[0])}`,
    );
  }
  // A field of the inputs may have such a name.
  if (!given.has("csv") && !given.has("jsonl")) checkNotation(words);
  for (const option of ["startup", "startup-args"]) {
    if (given.text(option) !== undefined) {
      throw new UsageError(`--${option} is for functions: a command has no startup`);
    }
  }
  return { type: "command", words };
}

/** @throws {UsageError} If lists of inputs are combined as GNU parallel combines them. */
function checkJoining(words: readonly string[]): void {
  const colons = words.find((word) => /^::::?\+$/.test(word));
  if (colons === undefined) return;
  throw new UsageError(
    `${colons} joins lists of inputs in GNU parallel. Here inputs of several parts are rows of a file, ` +
      "with a field for each: --csv --input FILE",
  );
}

/** What to write instead of a command in quotes. */
function wordsRemedy(command: string): string {
  const script = shellScript(command);
  const needsShell = /[|&;<>()$`*?~'"\\]|\{[./]+\}/.test(command);
  if (!needsShell) {
    return `Give its words without quotes around all of them: -- ${command}`;
  }
  return `Pipes and the like need a shell, which has the input as $1: -- sh -c ${quote(script)} sh`;
}

function readStartupArgs(given: GivenOptions): readonly unknown[] {
  const text = given.text("startup-args");
  if (text === undefined) return [];
  let args: unknown;
  try {
    args = readJson(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  if (Array.isArray(args)) return args;
  throw new UsageError(
    `--startup-args takes a JSON array of arguments, such as '["model.json", 3]', and not ${
      quoteText(text, 80)
    }`,
  );
}

function readSource(
  words: readonly string[] | undefined,
  given: GivenOptions,
  isTerminal: () => boolean,
): Source {
  const path = given.text("input");
  const formats = (["jsonl", "csv"] as const).filter((name) => given.has(name));
  if (formats.length > 1) throw new UsageError("Inputs are either --jsonl or --csv, not both");
  const [format = "lines"] = formats;
  if (given.has("text") && format === "jsonl") {
    throw new UsageError("--text is for lines, words and --csv: what stands in JSON has types");
  }
  if (words === undefined) {
    if (path === undefined && isTerminal()) {
      throw new UsageError(
        "There are no inputs. Write them behind :::, name a file by --input FILE, or let another program write " +
          "them: seq 10 | …. To type them here say --input -",
      );
    }
    return { type: "file", path: path ?? "-", format };
  }
  if (path !== undefined || words.includes("::::")) {
    throw new UsageError("Inputs follow ::: or come from --input, not both");
  }
  if (format !== "lines") {
    throw new UsageError(
      `--${format} is for files, which --input names: what follows ::: is words`,
    );
  }
  checkJoining(words);
  if (words.includes(":::")) {
    throw new UsageError("There is one list of inputs: ::: can stand once only");
  }
  return { type: "words", words };
}

function readFormat(given: GivenOptions): OutputFormat {
  const format = given.text("to") ?? "text";
  if (format === "text" || format === "jsonl" || format === "csv") return format;
  throw new UsageError(`--to takes text, jsonl or csv, and not ${quoteText(format, 80)}`);
}

function readSlaves(given: GivenOptions): SlavesOrder {
  const slaves = {
    local: given.count("slaves", "how many slaves run on this machine", 1),
    sge: given.count("sge", "how many slaves run in Grid Engine", 1),
    slurm: given.count("slurm", "how many slaves run in Slurm", 1),
    ssh: readHosts(given),
    jobOptions: given.text("job-options")?.split(/\s+/).filter((word) => word !== "") ?? [],
  };
  if (slaves.jobOptions.length > 0 && (slaves.sge === undefined) === (slaves.slurm === undefined)) {
    throw new UsageError("--job-options are words for qsub or sbatch: give --sge N or --slurm N");
  }
  return slaves;
}

function readHosts(given: GivenOptions): SlavesOrder["ssh"] {
  const hosts = given.text("ssh")?.split(",") ?? [];
  return hosts.map((text) => {
    const [, host = "", count = "1"] = /^([^:]+|\[.+\])(?::(\d+))?$/.exec(text.trim()) ?? [];
    if (host !== "" && Number(count) >= 1) return { host, slaves: Number(count) };
    throw new UsageError(
      `--ssh takes names of hosts, each with its number of slaves if that is not 1, as in alice,me@bob:4. ` +
        `${quoteText(text, 80)} is none`,
    );
  });
}

function readJournal(
  given: GivenOptions,
): Pick<Order, "journal" | "isFailedRerun" | "isChangeAccepted"> {
  const journal = given.text("journal");
  for (const option of ["rerun-failed", "accept-changed-code"]) {
    if (journal !== undefined || !given.has(option)) continue;
    throw new UsageError(`--${option} is about what a journal has: name it by --journal FILE`);
  }
  return {
    journal,
    isFailedRerun: given.has("rerun-failed"),
    isChangeAccepted: given.has("accept-changed-code"),
  };
}

function readTimeout(given: GivenOptions): number | undefined {
  const text = given.text("timeout");
  if (text === undefined) return undefined;
  const seconds = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN;
  // Timers count milliseconds in 31 bits.
  if (seconds > 0 && seconds * 1000 < 2 ** 31) return Math.ceil(seconds * 1000);
  throw new UsageError(
    `--timeout takes seconds, above 0 and below 24 days, and not ${quoteText(text, 80)}`,
  );
}
