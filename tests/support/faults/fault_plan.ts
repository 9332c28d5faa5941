/** What can go wrong with a slave. */
export const FAULTS = [
  "throws",
  "exits 0",
  "exits 1",
  "SIGKILL",
  "SIGSTOP",
  "out of memory",
  "endless loop",
  "uncloneable result",
  "half a frame, then silence",
  "garbage frame",
  "prints to a full disk",
  "out of files",
] as const;

/** When it can go wrong. */
export const MOMENTS = [
  "before hello",
  "during startup",
  "while a module loads",
  "during a task",
  "while sending a large result",
  "idle",
] as const;

export type Fault = typeof FAULTS[number];
export type Moment = typeof MOMENTS[number];

/** What a slave is told to do wrong. */
export interface FaultPlan {
  readonly fault: Fault;
  readonly moment: Moment;
  /** Whether all slaves do it, each time, or only the first process of slave 0, once. */
  readonly isEverywhere: boolean;
  /** Where the test listens. */
  readonly port: number;
}
