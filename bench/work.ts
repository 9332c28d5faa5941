/**
 * What programs that are compared with each other are asked to do: the last word of the command, as JSON. Each starts two slaves
 * (or what it has in their place), warms up, does the work and prints its {@linkcode Figures} as one line of JSON.
 */
export type ComparedWork =
  /** Many tasks, added at once, that each return their argument after `micros` µs of computing. */
  | {
    readonly kind: "stream";
    readonly tasks: number;
    readonly warmUpTasks: number;
    /** How often so many tasks are added and read to the end; 1 if missing. */
    readonly rounds?: number;
    /** How many of them the user has put into one, by hand. */
    readonly chunk: number;
    readonly micros: number;
    /** The argument: the number of the task, an object of about 1 kB, or a typed array of 100 numbers. */
    readonly payload: "index" | "object" | "array";
  }
  /** One task at a time: each is added when the result of the one before is there. */
  | { readonly kind: "round trip"; readonly tasks: number; readonly warmUpTasks: number }
  /** Buffers there and back. */
  | {
    readonly kind: "echo";
    readonly tasks: number;
    readonly warmUpTasks: number;
    readonly bytes: number;
  }
  /** Nothing but the first result of a new process. */
  | { readonly kind: "first result" };

/** What programs are asked to do that measure us alone. */
export type OwnWork =
  /** Tasks that are added and wait, since nobody reads results. */
  | { readonly kind: "waiting"; readonly tasks: number }
  /** Tasks from a lazy source. */
  | { readonly kind: "lazy"; readonly tasks: number }
  /** One long task among many short ones, all of them of one function. */
  | {
    readonly kind: "long task";
    readonly tasks: number;
    readonly micros: number;
    readonly longMicros: number;
    /** How many tasks are added before the long one. */
    readonly position: number;
  }
  /** Tasks one at a time, to count the calls that they make. */
  | { readonly kind: "path"; readonly tasks: number }
  /** Contexts one after another, each with a startup, a task and its end. */
  | { readonly kind: "contexts"; readonly contexts: number }
  /** An argument of a startup function, to two slaves. */
  | { readonly kind: "startup argument"; readonly bytes: number }
  /** One buffer there and back. */
  | { readonly kind: "huge buffer"; readonly bytes: number }
  /** A value of many parts, to its text and back. */
  | {
    readonly kind: "values";
    readonly value:
      | "bigints"
      | "bigints of 128 bits"
      | "errors"
      | "Dates"
      | "references to 100 objects"
      | "doubles";
    readonly count: number;
  }
  /** Many simulated slaves, and no-op tasks for them. */
  | {
    readonly kind: "many slaves";
    readonly slaves: number;
    readonly tasks: number;
    readonly warmUpTasks: number;
  }
  /** The same, while the run has a page, which is looked at during every other one of the rounds. */
  | {
    readonly kind: "page";
    readonly slaves: number;
    readonly tasksPerRound: number;
    readonly rounds: number;
  };

/** What a program is asked to do. */
export type Work = ComparedWork | OwnWork;

/** Work of one kind. */
export type WorkOf<Kind extends Work["kind"]> = Work & { readonly kind: Kind };

/** What a program has measured, by name and unit: `seconds`, `medianMicros`, `p99Micros`, `megabytes` … */
export type Figures = Readonly<Record<string, number>>;

/** Reads the work that a program was started with. */
export function givenWork<Given extends Work>(): Given {
  return JSON.parse(Deno.args[Deno.args.length - 1]);
}

/** Prints what was measured. */
export function printFigures(figures: Figures): void {
  console.log(JSON.stringify(figures));
}

/** The median and the 99th percentile of round trips. */
export function roundTripFigures(micros: Float64Array): Figures {
  const sorted = micros.toSorted();
  return {
    medianMicros: sorted[Math.floor(sorted.length / 2)],
    p99Micros: sorted[Math.floor(sorted.length * 0.99)],
  };
}

/** The arguments of tasks by their number. Objects are made beforehand, so that only their way is measured. */
export function payloads(payload: WorkOf<"stream">["payload"]): (index: number) => unknown {
  if (payload === "index") return (index) => index;
  const make = payload === "object" ? kilobyteObject : hundredNumbers;
  const objects = Array.from({ length: 64 }, (_, i) => make(i));
  return (index) => objects[index % objects.length];
}

function hundredNumbers(index: number): Float64Array {
  return Float64Array.from({ length: 100 }, (_, i) => (index + i) / 64);
}

function kilobyteObject(index: number): Record<string, unknown> {
  return {
    index,
    name: `structure ${index}`,
    weights: Array.from({ length: 48 }, (_, i) => (index + i) / 64),
    labels: Array.from({ length: 12 }, (_, i) => `residue ${i} of chain A`),
    options: { cutoff: 8.5, isPeriodic: false, comment: null },
  };
}

/** The most memory that this process has had, in MB; `NaN` where the system does not tell. */
export function peakMegabytes(): number {
  try {
    const [, kilobytes] = /VmHWM:\s*(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"))!;
    return Number(kilobytes) * 1024 / 1e6;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return NaN;
    throw error;
  }
}
