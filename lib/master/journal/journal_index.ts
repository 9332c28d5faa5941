import type { CodeHistory } from "./code_history.ts";
import type { LinePlace } from "./journal_file.ts";
import {
  type DroppedLine,
  type FulfilledLine,
  type OpenedLine,
  outcomesOf,
  type RecordedOutcome,
  sentArguments,
  type SentLine,
  type TaskLine,
} from "./journal_lines.ts";

/** Tasks with the same function and arguments. */
interface AlikeTasks {
  /** Number of their function. */
  readonly function: number;
  /** How they ended, as far as they have, in the order of the tasks. */
  outcomes: (RecordedOutcome | undefined)[];
  /** The run of the script that `next` and `dropped` belong to. */
  run: number;
  /** Index of the next task of this run among them. */
  next: number;
  /** Indices of tasks of this run that were dropped, the highest first. The next tasks take these indices. */
  dropped: number[] | undefined;
}

/** A task of a run that was sent, and its index among those like it. */
interface PlacedTask {
  readonly alike: AlikeTasks;
  readonly place: number;
}

/**
 * The outcomes in a journal, by function, arguments and order.
 *
 * Each run of the script goes through tasks that are alike in the order in which it adds them: those that have ended are answered from the
 * journal, so the tasks that it sends are the others, in their order.
 */
export class JournalIndex {
  readonly #codes: CodeHistory;
  readonly #alike = new Map<string, AlikeTasks>();
  /** Tasks of the run that is being read, by their number in it. */
  readonly #sent = new Map<number, PlacedTask>();
  #rerunFailed: boolean | undefined;

  /** @param codes Which code the runs had. It is told of each run before this object is. */
  constructor(codes: CodeHistory) {
    this.#codes = codes;
  }

  /** Whether nothing is left to be found. */
  get isEmpty(): boolean {
    return this.#alike.size === 0;
  }

  /** A run of the script begins: an earlier one that is being read, or the present one. */
  begin({ rerunFailed }: Pick<OpenedLine, "rerunFailed">): void {
    this.#rerunFailed = rerunFailed;
    this.#sent.clear();
  }

  /** Tasks were sent. */
  noteSent(line: SentLine): void {
    const { sent, function: number } = line;
    for (const [i, args] of sentArguments(line).entries()) {
      const key = keyOf(number, args);
      let alike = this.#alike.get(key);
      if (alike === undefined) {
        alike = {
          function: number,
          outcomes: [],
          run: this.#codes.run,
          next: 0,
          dropped: undefined,
        };
        this.#alike.set(key, alike);
      }
      this.#sent.set(sent + i, { alike, place: this.#placeIn(alike) });
    }
  }

  /** Tasks have ended. */
  noteOutcomes(line: FulfilledLine | TaskLine, place: LinePlace): void {
    const origin = { ...place, run: this.#codes.run };
    for (const { task, outcome } of outcomesOf(line, origin)) {
      const sent = this.#sent.get(task);
      // Somebody may have removed a damaged line that said so.
      if (sent === undefined) continue;
      const { alike, place } = sent;
      // The first write to an index of an empty array allocates 17 elements, and most tasks have no other like them.
      if (place === 0 && alike.outcomes.length === 0) alike.outcomes = [outcome];
      else alike.outcomes[place] = outcome;
      this.#sent.delete(task);
    }
  }

  /** Tasks were dropped. */
  noteDropped({ dropped }: DroppedLine): void {
    const changed = new Set<number[]>();
    for (const task of dropped) {
      const sent = this.#sent.get(task);
      if (sent === undefined) continue;
      const places = sent.alike.dropped ??= [];
      places.push(sent.place);
      changed.add(places);
      this.#sent.delete(task);
    }
    for (const places of changed) places.sort((a, b) => b - a);
  }

  /**
   * Looks up the next task of this run with a function and arguments.
   *
   * @returns How it ended; nothing if it has to run.
   */
  find(number: number, args: string): RecordedOutcome | undefined {
    const key = keyOf(number, args);
    const alike = this.#alike.get(key);
    if (alike === undefined) return undefined;
    this.#enter(alike);
    const place = alike.next++;
    const outcome = alike.outcomes[place];
    alike.outcomes[place] = undefined;
    if (alike.next >= alike.outcomes.length) this.#alike.delete(key);
    return this.#isFinal(outcome, number) ? outcome : undefined;
  }

  /** The index of the next task that is sent, among those like it. */
  #placeIn(alike: AlikeTasks): number {
    this.#enter(alike);
    const dropped = alike.dropped?.pop();
    if (dropped !== undefined) return dropped;
    while (this.#isFinal(alike.outcomes[alike.next], alike.function)) alike.next++;
    return alike.next++;
  }

  /** Starts counting at the first index if this run has not used these tasks yet. */
  #enter(alike: AlikeTasks): void {
    if (alike.run === this.#codes.run) return;
    alike.run = this.#codes.run;
    alike.next = 0;
    alike.dropped = undefined;
  }

  /** Whether a task that ended like this does not run again. */
  #isFinal(outcome: RecordedOutcome | undefined, number: number): boolean {
    if (outcome?.status !== "rejected") return outcome !== undefined;
    if (this.#rerunFailed !== undefined) return !this.#rerunFailed;
    return outcome.failure === "own" &&
      this.#codes.changesSince(outcome.origin.run, number).length === 0;
  }
}

function keyOf(number: number, args: string): string {
  return `${number} ${args}`;
}
