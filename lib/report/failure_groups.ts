/**
 * Failures of tasks, with similar ones in one group.
 *
 * @module
 */

import { quoteLabel } from "../task.ts";
import { escapeHtml } from "./html_text.ts";
import { inputHtml, labelHtml } from "./html_parts.ts";
import { countText } from "./number_text.ts";

/** How many different failures are kept. */
const MAX_FAILURES = 50;
/** How many tasks of one failure are named. */
const MAX_NAMED = 5;

/** A task that failed, and why. */
export interface FailedTask {
  readonly context: number;
  readonly task: number;
  readonly message: string;
  readonly input: string;
  readonly ownLabel: string;
  /** Where it was thrown, a line for each place. */
  readonly stack?: string;
}

/** Failures whose messages differ only in numbers, inputs and labels. */
export interface FailureGroup {
  count: number;
  /** The message of the first failure, without its input and label. */
  readonly message: string;
  /** Where the first failure was thrown, if that is known. */
  readonly stack: string | undefined;
  /** The first of the tasks. */
  readonly tasks: Omit<FailedTask, "message" | "stack">[];
}

/** Failures in groups. It does not grow beyond a limit, however many failures there are. */
export class FailureGroups {
  /** The groups, by their messages without numbers. */
  readonly groups: Map<string, FailureGroup> = new Map();
  /** How many failures belong to none of the kept groups. */
  unlisted = 0;

  /** Adds a failure. */
  add({ message: whole, stack, ...task }: FailedTask): void {
    const message = withoutTask(whole, task.input, task.ownLabel);
    const kind = message.replaceAll(/\d+/g, "#");
    let group = this.groups.get(kind);
    if (group === undefined) {
      if (this.groups.size === MAX_FAILURES) this.#dropRarest();
      this.groups.set(kind, group = { count: 0, message, stack, tasks: [] });
    }
    group.count++;
    if (group.tasks.length < MAX_NAMED) group.tasks.push(task);
  }

  /** Makes room, so that a frequent failure is found even if it began after many others. Drops the oldest of the rarest groups. */
  #dropRarest(): void {
    let rarest = "";
    let least = Infinity;
    for (const [kind, { count }] of this.groups) {
      if (count < least) [rarest, least] = [kind, count];
    }
    this.groups.delete(rarest);
    this.unlisted += least;
  }

  /** The most frequent failures as HTML, the most frequent first. */
  toHtml(most: number = MAX_FAILURES): string {
    const all = [...this.groups.values()].sort((a, b) => b.count - a.count);
    const shown = all.slice(0, most);
    let more = this.unlisted;
    for (const { count } of all.slice(most)) more += count;
    const rest = more === 0
      ? ""
      : `<p class="note">${
        countText(more)
      } more failures, most of other kinds, are not listed.</p>`;
    return shown.map(groupHtml).join("\n") + rest;
  }
}

/** A message without the parts that belong to a single task. */
function withoutTask(message: string, input: string, ownLabel: string): string {
  const withoutInput = input === "" ? message : message.replace(` with input ${input}`, () => "");
  return ownLabel === ""
    ? withoutInput
    : withoutInput.replace(` ${quoteLabel(ownLabel)}`, () => "");
}

function groupHtml({ count, message, stack, tasks }: FailureGroup): string {
  const others = count > tasks.length ? " …" : "";
  const numbers = tasks.map(({ context, task }) => `${context}/${task}`).join(", ");
  const known = tasks.filter(({ input, ownLabel }) => input + ownLabel !== "");
  const inputs = known.map(({ context, task, input, ownLabel }) =>
    `<li>${context}/${task}${labelHtml(ownLabel)}${inputHtml(input)}</li>`
  );
  const list = inputs.length === 0 ? "" : `<ul>${inputs.join("")}</ul>`;
  const places = stack === undefined
    ? ""
    : `<details><summary>Where it was thrown</summary><pre>${escapeHtml(stack)}</pre></details>`;
  return `<article class="failure"><p><b>${countText(count)} ×</b> <span class="note">${
    count === 1 ? "task" : "tasks"
  } (context/number) ${numbers}${others}</span></p><pre>${
    escapeHtml(message)
  }</pre>${places}${list}</article>`;
}
