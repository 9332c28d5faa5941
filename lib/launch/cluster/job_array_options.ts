import { MAX_TIMER_MS } from "../../clock.ts";
import type { Scheduler } from "./scheduler.ts";

/** Options of a {@linkcode JobArray}. */
export interface JobArrayOptions {
  /** Words for the command that submits, such as `["-q", "long"]`. They are added to our own; where both say the same, yours count. */
  readonly words?: readonly string[];
  /** Shell lines to run before Deno, such as `module load deno`. A line that fails ends the job. */
  readonly setup?: string | readonly string[];
  /** Absolute path of the shell that runs the job, a POSIX one; `/bin/sh` by default. */
  readonly shell?: string;
  /** Folder that jobs run in, which all machines see; by default the master's folder. A relative path starts from that. */
  readonly cwd?: string;
  /** Name of the job: a letter, then letters, digits and `_ . + -`, at most 100; `parallel` by default. With Slurm, some letters follow. */
  readonly jobName?: string;
  /**
   * How long a job may run, in milliseconds, if the queue has a limit: the slave takes no more tasks after nine tenths of this time, and
   * ends at the limit at the latest. If there is still work, another job is then submitted.
   */
  readonly timeLimitMs?: number;
  /**
   * Where Deno keeps its caches; by default a folder of the job's own, on the machine's own disk. A shell word that is put in double
   * quotes: `$TMPDIR` works, `~` does not, and the word must not contain a double quote.
   */
  readonly denoDir?: string;
}

const TEXTS = ["shell", "cwd", "jobName", "denoDir"] as const;
/** Names of jobs that all schedulers accept unchanged. */
const JOB_NAME = /^[A-Za-z][\w.+-]{0,99}$/;

/** The class whose options are checked. */
export interface OptionsOwner {
  /** Name of the class. */
  readonly owner: string;
  /** The class's own name for {@linkcode JobArrayOptions.words}. */
  readonly wordsName: string;
}

/**
 * Refuses options that are unknown or wrong.
 *
 * @param given Should be an object that has the words under the owner's name for them.
 * @throws {TypeError} If an option is unknown or of a wrong type, or jobs cannot have the name.
 * @throws {RangeError} If the time limit is not above 0 and below 25 days.
 */
export function checkJobArrayOptions(
  given: unknown,
  { programs: [program], refusedWords = [] }: Scheduler,
  { owner, wordsName }: OptionsOwner,
): void {
  if (typeof given !== "object" || given === null) {
    const remedy = typeof given === "string"
      ? `. Write ${JSON.stringify(given.split(/\s+/).filter((word) => word !== ""))}`
      : "";
    throw new TypeError(
      `The options of ${owner} must be a list of words for ${program} or an object, not ${
        Deno.inspect(given)
      }${remedy}`,
    );
  }
  const options: Readonly<Record<string, unknown>> = { ...given };
  const known = [wordsName, "setup", "shell", "cwd", "jobName", "timeLimitMs", "denoDir"];
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new TypeError(`Unknown option ${name} of ${owner}. There are: ${known.join(", ")}`);
  }
  const { [wordsName]: words = [], setup = [], shell, jobName, timeLimitMs } = options;
  if (!areTexts(words)) throw notTexts(wordsName, owner, words, separateWords(words));
  const joined = words.find((word) => /^--?[\w-]+\s/.test(word));
  if (joined !== undefined) {
    throw new TypeError(
      `${owner} cannot be given "${joined}" as one word of ${program}: an option and its value are two${
        separateWords(joined)
      }`,
    );
  }
  if (!areTexts([setup].flat())) throw notTexts("setup", owner, setup);
  for (const name of TEXTS) {
    const text = options[name];
    if (text !== undefined && !areTexts([text])) throw notTexts(name, owner, text);
  }
  const { denoDir } = options;
  if (typeof denoDir === "string" && denoDir.startsWith("~")) {
    throw new TypeError(
      `The option denoDir of ${owner} cannot begin with ~, which no shell expands there: write $HOME in its place, not ${
        Deno.inspect(denoDir)
      }`,
    );
  }
  if (typeof denoDir === "string" && denoDir.includes('"')) {
    throw new TypeError(
      `The option denoDir of ${owner} is quoted in the job's script: leave out the quotes, not ${
        Deno.inspect(denoDir)
      }`,
    );
  }
  if (typeof shell === "string" && !/^\/.+$/.test(shell)) {
    throw new TypeError(
      `The option shell of ${owner} must be an absolute path, such as /bin/bash, not ${
        Deno.inspect(shell)
      }`,
    );
  }
  if (typeof jobName === "string" && !JOB_NAME.test(jobName)) {
    throw new TypeError(
      `The option jobName of ${owner} must be a letter, then letters, digits and _ . + -, at most 100 in all, not ${
        Deno.inspect(jobName)
      }`,
    );
  }
  const refused = words.find((word) => refusedWords.some((refused) => isRefused(word, refused)));
  if (refused !== undefined) {
    throw new TypeError(
      `${owner} cannot be given the word ${refused} of ${program}: the array is made and watched by the manager`,
    );
  }
  checkTimeLimit(timeLimitMs, owner);
}

function isRefused(word: string, refused: string | RegExp): boolean {
  return typeof refused === "string" ? word.replace(/=.*/s, "") === refused : refused.test(word);
}

function checkTimeLimit(timeLimitMs: unknown, owner: string): void {
  if (timeLimitMs === undefined) return;
  const what = `The option timeLimitMs of ${owner} must be a number`;
  if (typeof timeLimitMs !== "number") {
    throw new TypeError(`${what}, not ${Deno.inspect(timeLimitMs)}`);
  }
  if (!(timeLimitMs > 0 && timeLimitMs < MAX_TIMER_MS)) {
    throw new RangeError(`${what} above 0 and below 25 days, not ${timeLimitMs}`);
  }
}

function areTexts(words: unknown): words is readonly string[] {
  return Array.isArray(words) && words.every((word) => typeof word === "string" && word !== "");
}

function notTexts(name: string, owner: string, value: unknown, remedy = ""): TypeError {
  return new TypeError(
    `The option ${name} of ${owner} must be made of texts that are not empty, not ${
      Deno.inspect(value)
    }${remedy}`,
  );
}

/** How to write words correctly that were given as one text, or with numbers among them. */
function separateWords(given: unknown): string {
  const values = [given].flat();
  if (!values.every((value) => typeof value === "string" || typeof value === "number")) return "";
  const words = values.join(" ").split(/\s+/).filter((word) => word !== "");
  return words.length === 0 ? "" : `. Write [${words.map((word) => `"${word}"`).join(", ")}]`;
}
