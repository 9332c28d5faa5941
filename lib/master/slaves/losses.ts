/**
 * Explains why slaves are lost.
 *
 * @module
 */

import { NoMoreSlavesError } from "../../errors.ts";
import type { ProcessEnd } from "../../launch/command.ts";
import type { OutputSink } from "../../launch/output_sink.ts";
import { deathRemedy, OUT_OF_ADDRESSES, OUT_OF_MEMORY, OUT_OF_THREADS } from "../board/failures.ts";
import { startRemedy } from "./slave_command.ts";

/** How many of the last losses an error lists. */
const MAX_LISTED_LOSSES = 10;

/** A slave that is lost. */
export interface Loss {
  readonly name: string;
  readonly reason: string;
}

/** Consecutive losses of slaves for the same reason. */
interface LikeLosses {
  readonly names: string[];
  readonly reason: string;
}

/** Explains why none of a manager's slaves is left. */
export function explainLosses(all: readonly Loss[]): NoMoreSlavesError {
  const losses: LikeLosses[] = [];
  for (const { name, reason } of all) {
    const before = losses.at(-1);
    if (before?.reason === reason) before.names.push(name);
    else losses.push({ names: [name], reason });
  }
  const last = losses.pop();
  if (last === undefined) {
    return new NoMoreSlavesError(
      "Cannot run tasks: the manager has no slaves. Add some with Manager.addSlave(new LocalSlave())",
    );
  }
  const which = all.length === 1 ? "the only slave is lost" : `all ${all.length} slaves are lost`;
  // A slave without output has no file.
  const isInFiles = [...losses, last].some(({ reason }) => reason.includes("output in "));
  const others = losses.slice(-MAX_LISTED_LOSSES).map((loss) => `\n  ${describe(loss)}`).join("");
  const remedy = isInFiles ? ". Look into their output, or add slaves" : ". Add slaves";
  return new NoMoreSlavesError(
    `Cannot run tasks: ${which} (last: ${describe(last)})` +
      (deathRemedy(all.map(({ reason }) => reason)) || `${remedy} with Manager.addSlave()`) +
      (others === "" ? "" : `. Lost before:${others}`),
  );
}

function describe({ names, reason }: LikeLosses): string {
  const who = names.length === 1 ? names[0] : `${names[0]} to ${names.at(-1)}`;
  return `${who}, ${reason}`;
}

/** What else is known about the end of a process. */
export interface EndCircumstances {
  /** The command that it ran, if it ended before it connected. */
  readonly command: string | undefined;
  /** What was wrong with its messages. */
  readonly fault: Error | undefined;
  /** How much memory it used, according to the last report. */
  readonly memoryBytes?: number;
}

/** The exit code of a process that SIGKILL has ended. */
const KILLED = 128 + 9;

function inBytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Describes how a process ended: `exit code 137 (SIGKILL), output in slave3.output; it printed last: …`. */
export function describeEnd(
  end: ProcessEnd,
  { file, tail: sinkTail }: Pick<OutputSink, "file" | "tail">,
  { command, fault, memoryBytes }: EndCircumstances,
): string {
  const parts: string[] = [];
  const tail = end.tail || sinkTail;
  if (fault !== undefined) parts.push(`its connection was closed: ${fault.message}`);
  if (end.reason !== undefined) parts.push(end.reason);
  if (end.code !== null) {
    parts.push(`exit code ${end.code}${end.signal === null ? "" : ` (${end.signal})`}`);
  }
  // Mostly the system, or a scheduler, kills like this because memory is short. The agent may have been killed instead.
  const isKilled = end.code === KILLED || /\bexit code 137$/m.test(tail);
  if (isKilled && memoryBytes !== undefined) {
    parts.push(`it last used ${inBytes(memoryBytes)} of memory`);
  }
  if (command !== undefined && end.reason === undefined) {
    parts.push(`before it connected; the command was ${command}`);
  }
  if (file !== undefined) parts.push(`output in ${file}`);
  const meaning = explainLastWords(end, tail);
  if (meaning !== undefined) return [meaning, ...parts].join(", ");
  const remedy = command === undefined ? undefined : startRemedy(tail, command);
  if (remedy !== undefined) parts.push(remedy);
  return parts.join(", ") + (tail === "" ? "" : `; it printed last: ${tail}`);
}

/** Explains the last words of V8 or Deno, if a limit ended the process: they are long, and say nothing else. */
function explainLastWords({ code }: ProcessEnd, lastWords: string): string | undefined {
  // V8 ends its process by a signal. A program that a task runs may print the same words.
  const isBySignal = code === null || code > 128;
  if (isBySignal && /JavaScript (heap )?out of memory|Reached heap limit/.test(lastWords)) {
    const sizes = [...lastWords.matchAll(/(\d+)\.\d+ \(\d+\.\d+\) -> \d+/g)].at(-1);
    return `${OUT_OF_MEMORY}: its heap was full${
      sizes === undefined ? "" : ` with ${sizes[1]} MB`
    }`;
  }
  if (lastWords.includes("CagedHeap reservation")) {
    return `${OUT_OF_ADDRESSES}, and Deno reserves about 36 GB of it, whatever it uses`;
  }
  if (lastWords.includes("unable to create worker threads")) {
    return `${OUT_OF_THREADS}, see ulimit -u`;
  }
  return undefined;
}
