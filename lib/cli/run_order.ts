/**
 * Runs what a command line asks for, using only what every script can use.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import {
  type Context,
  LocalSlaveArray,
  Manager,
  type MapOptions,
  type MapOutcome,
  remote,
  SGEQsubSlaveArray,
  SlurmSlaveArray,
  SSHSlaveArray,
} from "../../mod.ts";
import { pathOf } from "../files/nearest_config.ts";
import { printError } from "../print_error.ts";
import { quoteAll } from "../shell.ts";
import { Inputs } from "./inputs.ts";
import { jsonText } from "./json_text.ts";
import type { Order, SlavesOrder, Work } from "./order.ts";
import { OutcomePrinter } from "./outcome_printer.ts";
import { ResultWriter, type Writable } from "./result_writer.ts";
import { fieldCheck, fillCommand, runCommand } from "./shell_command.ts";
import { checkModule, configOf } from "./task_module.ts";
import { UsageError } from "./usage_error.ts";

/** The highest number of failures that an exit code can show. */
const MAX_COUNTED = 100;

/**
 * Runs the function or the command for each input, and writes the results.
 *
 * @param stdout Gets the results.
 * @returns The exit code: how many inputs failed, 101 for more than 100.
 * @throws {UsageError} If the module is not there, if a file that is written is also another file of the command line, or if an input
 * cannot be read: then the inputs before it have been run.
 * @throws {ParallelError} If the run cannot go on: no slave is left, none can load the function, or startup fails on all.
 */
export async function runOrder(order: Order, stdout: Writable): Promise<number> {
  const { work } = order;
  if (work.type === "function") await checkModule(work.task);
  await checkFiles(order);
  const check = work.type === "command"
    ? fieldCheck(work.words, order.source.type === "words")
    : undefined;
  const inputs = new Inputs(order.source, order.isText, check);
  const aborter = new AbortController();
  const writer = new ResultWriter(stdout, (error) => aborter.abort(error));
  let failures = 0;
  try {
    // Without an input, no slave is started and no job is submitted.
    if (order.isDryRun) {
      const { promise: unread, reject } = Promise.withResolvers<never>();
      aborter.signal.addEventListener("abort", () => reject(aborter.signal.reason));
      // The next input may come late, or never.
      await Promise.race([writeDescriptions(work, inputs, writer), unread]);
    } else if (!await inputs.isEmpty()) {
      failures = await runInputs(order, inputs, writer, aborter.signal);
    }
  } finally {
    await writer.flush();
  }
  if (inputs.fault !== undefined) throw inputs.fault;
  return Math.min(failures, MAX_COUNTED + 1);
}

/** @throws {UsageError} If a file that is written is also another one of the files, under whatever name. */
async function checkFiles({ work, source, journal, joblog }: Order): Promise<void> {
  const others: { name: string; path: string }[] = [];
  if (source.type === "file") {
    others.push(
      source.path === "-"
        ? { name: "standard input", path: "/dev/stdin" }
        : { name: "--input", path: source.path },
    );
  }
  if (work.type === "function" && work.task.module.startsWith("file:")) {
    others.push({ name: "the module of the function", path: pathOf(new URL(work.task.module)) });
  }
  for (const [name, path] of [["--joblog", joblog], ["--journal", journal]] as const) {
    if (path === undefined) continue;
    const identity = await identityOf(path);
    for (const other of others) {
      if (identity === undefined || identity !== await identityOf(other.path)) continue;
      throw new UsageError(
        `${name} and ${other.name} are one file, ${path}, which would be overwritten. Give ${name} another`,
      );
    }
    others.push({ name, path });
  }
}

/** What identifies a file; `undefined` for something that is not a regular file, such as a pipe. */
async function identityOf(path: string): Promise<string | undefined> {
  // On a terminal Deno would ask for the permission.
  if (Deno.permissions.querySync({ name: "read", path }).state === "granted") {
    try {
      const { isFile, dev, ino } = await Deno.stat(path);
      if (!isFile) return undefined;
      if (ino !== null) return `${dev} ${ino}`;
    } catch (error) {
      // If it only does not exist yet, it will be made. Any other fault shows when it is opened.
      if (!(error instanceof Error)) throw error;
    }
  }
  return pathToFileURL(path).href;
}

async function runInputs(
  order: Order,
  inputs: Inputs,
  writer: ResultWriter,
  signal: AbortSignal,
): Promise<number> {
  const { work, journal } = order;
  let restored = 0;
  await using manager = asked(() =>
    new Manager({
      output: "inherit",
      joblog: order.joblog,
      dashboard: order.hasPage,
      // A command is run only by our own code, which needs no other permission.
      ...(work.type === "function"
        ? { config: configOf(work.task) }
        : { permissions: { run: true } }),
    })
  );
  asked(() => addSlaves(manager, order.slaves));
  const isSorted = order.isFailFast && order.isOrdered;
  // The number of words is known.
  const given = order.source.type === "words" ? await Array.fromAsync(inputs) : inputs;
  const outcomes = mapOutcomes(manager, order, given, {
    order: order.isOrdered && !isSorted ? "inputs" : "finish",
    signal,
    // The progress line shows that number as well.
    progress: order.isProgress || (journal !== undefined && ((event) => restored = event.restored)),
  });
  const printer = new OutcomePrinter(order, writer);
  for await (const outcome of isSorted ? failuresFirst(outcomes) : outcomes) {
    const written = printer.print(outcome);
    if (written !== undefined) await written;
    if (order.isFailFast && printer.failures > 0) break;
  }
  if (restored > 0) printError(`${restored} of the results are from the journal ${journal}`);
  return printer.failures;
}

/** Sorts outcomes by their inputs, up to the first failure, which is given as soon as it comes. */
async function* failuresFirst(
  outcomes: AsyncIterable<MapOutcome>,
): AsyncGenerator<MapOutcome, void, undefined> {
  const early = new Map<number, MapOutcome>();
  let next = 0;
  for await (const outcome of outcomes) {
    if (outcome.status === "rejected") {
      yield outcome;
      return;
    }
    early.set(outcome.index, outcome);
    for (let due = early.get(next); due !== undefined; due = early.get(++next)) {
      early.delete(next);
      yield due;
    }
  }
}

/** Does what the command line asks for. If it cannot be done, the user needs no stack. */
function asked<Made>(make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    throw error instanceof Error ? new UsageError(error.message, { cause: error }) : error;
  }
}

function addSlaves(manager: Manager, { local, sge, slurm, ssh, jobOptions }: SlavesOrder): void {
  if (sge !== undefined) manager.addSlave(new SGEQsubSlaveArray(sge, jobOptions));
  if (slurm !== undefined) manager.addSlave(new SlurmSlaveArray(slurm, jobOptions));
  if (ssh.length > 0) manager.addSlave(new SSHSlaveArray(ssh));
  const isElsewhere = sge !== undefined || slurm !== undefined || ssh.length > 0;
  if (local !== undefined || !isElsewhere) manager.addSlave(new LocalSlaveArray(local));
}

/** Functions whose types are unknown here. */
type AnyFunctions = Record<string, (...args: unknown[]) => unknown>;

function mapOutcomes(
  manager: Manager,
  { work, timeoutMs, retries, journal, isFailedRerun, isChangeAccepted }: Order,
  inputs: unknown[] | AsyncIterable<unknown>,
  options: MapOptions,
): AsyncGenerator<MapOutcome, void, undefined> {
  const contextOptions = {
    taskTimeoutMs: timeoutMs,
    retries,
    journal,
    rerunFailed: isFailedRerun ? true : undefined,
    acceptChangedCode: isChangeAccepted ? true : undefined,
  };
  if (work.type === "command") {
    return mapCommands(manager.getContext(undefined, contextOptions), work.words, inputs, options);
  }
  const tasks = remote<AnyFunctions>(work.task.module);
  const task = tasks[work.task.name];
  if (work.startup === undefined) {
    return manager.getContext(undefined, contextOptions).mapOutcomes(task, inputs, options);
  }
  const { name, args } = work.startup;
  return manager.getContext(tasks[name], { ...contextOptions, args: [...args] }).mapOutcomes(
    task,
    inputs,
    options,
  );
}

/** Runs a command for each input. Each is sent to a slave as a list of words. */
async function* mapCommands(
  context: Context,
  words: readonly string[],
  inputs: unknown[] | AsyncIterable<unknown>,
  options: MapOptions,
): AsyncGenerator<MapOutcome, void, undefined> {
  const inputOf = new WeakMap<object, unknown>();
  const commandOf = (input: unknown): string[] => {
    const command = fillCommand(words, input);
    inputOf.set(command, input);
    return command;
  };
  const commands = Array.isArray(inputs) ? inputs.map(commandOf) : mapEach(inputs, commandOf);
  for await (const outcome of context.mapOutcomes(runCommand, commands, options)) {
    yield { ...outcome, input: inputOf.get(outcome.input) };
  }
}

async function* mapEach<Result>(
  inputs: AsyncIterable<unknown>,
  make: (input: unknown) => Result,
): AsyncGenerator<Result, void, undefined> {
  for await (const input of inputs) yield make(input);
}

/** Writes what would run. */
async function writeDescriptions(work: Work, inputs: Inputs, writer: ResultWriter): Promise<void> {
  for await (const input of inputs) await writer.write(`${describeTask(work, input)}\n`);
}

/** What would run for an input. */
function describeTask(work: Work, input: unknown): string {
  return work.type === "command"
    ? quoteAll(fillCommand(work.words, input))
    : `${work.task.name}(${jsonText(input)})`;
}
