/**
 * Makes a report on a run from its job log, as one HTML file.
 *
 * ```sh
 * deno run --allow-read=. --allow-write=. report.ts run.tsv
 * ```
 *
 * The job log is what a manager writes with the option `joblog`.
 *
 * @module
 */

import { UsageError } from "./lib/cli/usage_error.ts";
import { readJobLog } from "./lib/report/job_log_reader.ts";
import { reportPage } from "./lib/report/report_page.ts";
import { RunSummary } from "./lib/report/run_summary.ts";

const HELP = `Makes a report on a run from its job log, as one HTML file.

Usage: deno run --allow-read --allow-write report.ts RUN.tsv [REPORT.html]

  RUN.tsv      what a manager wrote with the option joblog
  REPORT.html  the file to be written; by default the job log's name with .html instead of .tsv

  --title TEXT  what stands above the report; by default the job log's name
  -h, --help    prints this
`;

/** What the program was asked to do. */
interface Order {
  readonly log: string;
  readonly report: string;
  readonly title: string;
}

/**
 * Makes a report from the text of a job log.
 *
 * @param chunks The text, in pieces of any size.
 * @param title What stands above the report.
 * @returns An HTML page that needs no other file.
 * @throws {SyntaxError} If the text is no job log.
 */
export async function makeReport(
  chunks: AsyncIterable<string> | Iterable<string>,
  title: string,
): Promise<string> {
  const summary = new RunSummary();
  for await (const line of readJobLog(chunks)) summary.add(line);
  return reportPage(summary, title);
}

function readOrder(words: readonly string[]): Order | "help" {
  const files: string[] = [];
  let title = "";
  const rest = words.values();
  for (const word of rest) {
    const [, option, value] = word.match(/^(-[^=]+)(?:=(.*))?$/s) ?? [];
    if (option === undefined) files.push(word);
    else if (word === "-h" || word === "--help") return "help";
    else if (word === "--") files.push(...rest);
    else if (option === "--title") title = value ?? readTitle(rest);
    else throw new UsageError(`There is no option ${word}. See --help`);
  }
  const [log, report = defaultReport(`${log}`), ...others] = files;
  if (log === undefined || others.length > 0) {
    throw new UsageError("Name a job log, and a file for the report if you like. See --help");
  }
  if (report === log) throw new UsageError(`The report would replace the job log ${log}`);
  return { log, report, title: title === "" ? nameOf(log) : title };
}

function readTitle(rest: Iterator<string, void>): string {
  const { value } = rest.next();
  if (value === undefined) throw new UsageError("A title has to follow --title. See --help");
  return value;
}

function defaultReport(log: string): string {
  return `${log.replace(/\.[^./\\]*$/, "")}.html`;
}

function nameOf(path: string): string {
  return path.replace(/^.*[/\\]/, "");
}

async function writeReport({ log, report, title }: Order): Promise<void> {
  let page: string;
  let logInfo: Deno.FileInfo;
  try {
    const file = await Deno.open(log);
    logInfo = await file.stat();
    page = await makeReport(file.readable.pipeThrough(new TextDecoderStream()), title);
  } catch (error) {
    throw explain(`Cannot read the job log ${log}`, error, `--allow-read=${log}`);
  }
  try {
    using file = await Deno.open(report, { write: true, create: true });
    if (await isSame(file, logInfo)) {
      throw new UsageError(`The report would replace the job log ${log}`);
    }
    await file.truncate();
    const bytes = new TextEncoder().encode(page);
    // Not by file.writable: it reports no error when only a part is written, as on a full disk.
    for (let written = 0; written < bytes.length;) {
      written += await file.write(bytes.subarray(written));
    }
  } catch (error) {
    throw explain(`Cannot write the report ${report}`, error, `--allow-write=${report}`);
  }
}

/** Whether an open file is the one that has been read, whatever their names are. */
async function isSame(file: Deno.FsFile, read: Deno.FileInfo): Promise<boolean> {
  try {
    const { ino, dev } = await file.stat();
    return ino !== null && ino === read.ino && dev === read.dev;
  } catch (error) {
    // A file that this program may not read is not the one that it has read.
    if (error instanceof Deno.errors.NotCapable) return false;
    throw error;
  }
}

/** Says what is wrong with a file; any other error is a fault of this program. */
function explain(what: string, error: unknown, flag: string): unknown {
  if (error instanceof Deno.errors.NotCapable) {
    return new UsageError(`${what}: that is not allowed. Start with ${flag}`, { cause: error });
  }
  if (error instanceof Deno.errors.NotFound) {
    return new UsageError(`${what}: it, or its folder, does not exist`, { cause: error });
  }
  const isKnown = error instanceof SyntaxError || error instanceof Deno.errors.IsADirectory ||
    (error instanceof Error && ("code" in error || error.message.includes("(os error ")));
  return isKnown ? new UsageError(`${what}: ${error.message}`, { cause: error }) : error;
}

async function main(): Promise<void> {
  try {
    const order = readOrder(Deno.args);
    if (order === "help") {
      console.log(HELP.trimEnd());
      return;
    }
    await writeReport(order);
    console.log(`The report is in ${order.report}`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    Deno.exitCode = 1;
  }
}

if (import.meta.main) await main();
