import type { Peer } from "./peers.ts";

/** What a case is run with. */
export interface Bench {
  /** How often each contestant is measured. */
  readonly runs: number;
  /** What the numbers of tasks are multiplied with: below 1 for a quick look. */
  readonly scale: number;
  /** Peers that are installed. */
  readonly peers: readonly Peer[];
  /** Says what is being measured now. */
  progress(text: string): void;
}

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly who: string;
  readonly unit: string;
  /** One value a run. */
  readonly values: readonly number[];
  /** Each value by that of the first row of the same `what` in the same run. */
  readonly ratios: readonly number[];
}

/** What is aimed at, and what was reached. */
export interface Goal {
  readonly what: string;
  /** One value a run, mostly a ratio. */
  readonly values: readonly number[];
  readonly limit: { readonly least: number } | { readonly most: number };
}

/** What a case has found. */
export interface Findings {
  readonly rows: readonly Row[];
  readonly goals: readonly Goal[];
}

/** Something to be measured. */
export interface BenchCase {
  /** The word that runs it alone. */
  readonly name: string;
  readonly summary: string;
  /** Whether it runs only when it is named: it takes minutes, or gigabytes. */
  readonly isOnRequest?: boolean;
  run(bench: Bench): Promise<Findings>;
}
