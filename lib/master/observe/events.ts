import type { SlaveIdentity } from "../../errors.ts";
import type { Task } from "../../task.ts";
import type { TaskProgress } from "../../task_progress.ts";
import type { Outcome } from "../outcome.ts";

/** How many slaves of a manager are in each state. */
export interface SlaveCounts {
  /** They wait for a scheduler to start their job. */
  readonly queued: number;
  /** Their jobs or processes have been started, and have not connected. */
  readonly starting: number;
  /** They are connected, and have no task. */
  readonly idle: number;
  /** They are connected, and have tasks. */
  readonly busy: number;
  /** They will run no more tasks. */
  readonly lost: number;
}

/**
 * What happens in a manager, as reported to the option `onEvent`.
 *
 * `context` is the number of a context, see `Context.number`. `timeMs` is the date, in milliseconds since 1970, to about a microsecond.
 * After the machine has slept it is the date again. It never runs backwards, even if somebody sets the date back.
 *
 * Durations, such as `runTimeMs`, are measured by another clock. Time in which a process was stopped counts. Time in which its machine
 * slept does not, except on Windows.
 */
export type ManagerEvent =
  & { readonly timeMs: number }
  & (
    /** The manager listens for slaves. With a fixed port, `slave.ts --check HOST:PORT` tests this from another machine. */
    | {
      readonly type: "listening";
      /** Names and addresses that slaves try, in this order. */
      readonly hosts: readonly string[];
      readonly port: number;
      /** Whether it is for slaves on other machines, and not for those on this one. */
      readonly isRemote: boolean;
    }
    /** A slave waits for a scheduler to start it. */
    | { readonly type: "slave-queued"; readonly slave: SlaveIdentity; readonly process: string }
    /** The scheduler has started the job of a slave, whose agent will connect. Not reported if the agent connects before that is known. */
    | {
      readonly type: "slave-job-started";
      readonly slave: SlaveIdentity;
      readonly process: string;
    }
    /** A machine that does not see the master's files has all that its slaves need: what it lacked was sent. */
    | {
      readonly type: "files-laid";
      /** The first of the slaves on this machine. */
      readonly slave: SlaveIdentity;
      /** How many files they need. */
      readonly files: number;
      /** How many of these the machine lacked: none if it has run the same before. */
      readonly sentFiles: number;
      readonly sentBytes: number;
    }
    /** The process of a slave has been started, for the first time or again. */
    | { readonly type: "slave-started"; readonly slave: SlaveIdentity; readonly process: string }
    /** A slave has connected, and takes tasks from now on. From here on its host is known. */
    | { readonly type: "slave-connected"; readonly slave: SlaveIdentity }
    /** A slave on another machine lives, with what its process uses: reported with each heartbeat. */
    | {
      readonly type: "slave-alive";
      readonly slave: SlaveIdentity;
      /** Memory that its process uses, in bytes; missing where the machine does not tell. */
      readonly memoryBytes: number | undefined;
      /** Processor time that its process has used, in milliseconds; missing where the machine does not tell. */
      readonly cpuMs: number | undefined;
    }
    /**
     * A slave has printed for the first time: its output is in `file`. With the option `output` set to `"inherit"` or `"null"` there is no
     * file, and no such event.
     */
    | { readonly type: "slave-printed"; readonly slave: SlaveIdentity; readonly file: string }
    /** The process of a slave has ended and is started anew; or the slave, which was lost or whose machine was away, goes on. */
    | {
      readonly type: "slave-restarted";
      readonly slave: SlaveIdentity;
      readonly reason: string;
      /** Whether you asked for it, by giving up the running task or by the option `recycle`. */
      readonly isAsked: boolean;
      /**
       * Whether its process has died: it ended by itself, or was killed for a fault of its own. False if it was replaced, as for a module
       * that it was not started with, or because its task ran out of time; and false if it went with its job or its agent.
       */
      readonly hasDied: boolean;
    }
    /** A slave is lost: it will run no more tasks. */
    | { readonly type: "slave-lost"; readonly slave: SlaveIdentity; readonly reason: string }
    /** A slave has ended because the manager was closed, or because there was no work for it any more: see {@linkcode ElasticCount}. */
    | { readonly type: "slave-ended"; readonly slave: SlaveIdentity }
    /** Startup of a context begins on a slave: its module is loaded, then it runs. */
    | {
      readonly type: "startup-started";
      readonly context: number;
      readonly slave: SlaveIdentity;
      /** Name of the startup function. */
      readonly name: string;
    }
    /** Startup of a context has finished on a slave. */
    | {
      readonly type: "startup-finished";
      readonly context: number;
      readonly slave: SlaveIdentity;
      readonly runTimeMs: number;
    }
    /** Startup of a context has failed on a slave, which will run no task of that context. */
    | {
      readonly type: "startup-failed";
      readonly context: number;
      readonly slave: SlaveIdentity;
      readonly runTimeMs: number;
      /** What was thrown there. */
      readonly reason: unknown;
    }
    /**
     * A task begins to run; for a short task this is known only when it ends. Reported again if the slave had returned the task without
     * running it.
     */
    | {
      readonly type: "task-started";
      readonly context: number;
      readonly task: Task;
      readonly slave: SlaveIdentity;
    }
    /** A running task reports its progress, by `reportProgress()`; at most 20 times a second for each slave, and less often with many. */
    | (TaskProgress & {
      readonly type: "task-progress";
      readonly context: number;
      readonly task: Task;
      readonly slave: SlaveIdentity;
    })
    /** A task has returned. */
    | {
      readonly type: "task-finished";
      readonly context: number;
      readonly task: Task;
      readonly slave: SlaveIdentity;
      /** How often it was run, including this time. */
      readonly attempts: number;
      /** How long it ran there. It started that long before `timeMs`, unless the machine slept meanwhile. */
      readonly runTimeMs: number;
      /** About how many bytes its arguments took to send. */
      readonly bytesIn: number;
      /** About how many bytes its result took to send; for short tasks that answered together, the share of each. */
      readonly bytesOut: number;
      /** Its arguments in short, as in `RemoteError.input`, if it ran for 0.1 s or longer; missing otherwise. */
      readonly input?: string;
    }
    /** A task has failed for good. */
    | {
      readonly type: "task-failed";
      readonly context: number;
      readonly task: Task;
      /** The slave that it ended on; missing if it ended on none. */
      readonly slave: SlaveIdentity | undefined;
      readonly attempts: number;
      /** How long it ran there; 0 if it did not run, or its slave died. */
      readonly runTimeMs: number;
      readonly bytesIn: number;
      /** Its arguments in short, as in `RemoteError.input`. */
      readonly input: string;
      readonly reason: Error;
    }
    /** A task was given up before it had ended: it no longer runs. */
    | {
      readonly type: "task-cancelled";
      readonly context: number;
      readonly task: Task;
      /** The slave that it ran on; missing if it did not run. */
      readonly slave: SlaveIdentity | undefined;
      /** How often it was run before. */
      readonly attempts: number;
      readonly bytesIn: number;
      /** Its arguments in short, as in `RemoteError.input`. */
      readonly input: string;
      readonly reason: Error;
    }
    /**
     * A task will run again: a slave died that ran it, or may have run it; or it threw, and the option `retries` of its context applies.
     */
    | {
      readonly type: "task-retried";
      readonly context: number;
      readonly task: Task;
      /** Where it ran. */
      readonly slave: SlaveIdentity;
      /** How the slave died, or what the task threw, as text. */
      readonly reason: string;
      /** What the task threw; missing if a slave died. */
      readonly error?: unknown;
    }
    /** An added task does not run, because its outcome is in the journal. */
    | {
      readonly type: "task-restored";
      readonly context: number;
      readonly outcome: Outcome;
      /** About how many bytes its arguments are. */
      readonly bytesIn: number;
    }
    /**
     * How far a context has come. Reported while its results are read with the option `progress`: at the beginning, about five times a
     * second, and at the end.
     */
    | {
      readonly type: "progress";
      readonly context: number;
      /** Number of the map in its context: 0, 1, 2 …; missing for tasks that were added one by one. */
      readonly map?: number | undefined;
      /** Name of the function of the task that was added last; empty if it has none. */
      readonly name: string;
      /** Tasks that have ended, including failed ones. */
      readonly done: number;
      readonly failed: number;
      /** How many of these did not run, because the journal had their outcome. */
      readonly restored: number;
      /** Tasks that have been added and not dropped. Tasks that are still to come from an array count as well. */
      readonly added: number;
      /** Whether more tasks than `added` may come, from inputs of unknown number. */
      readonly isMoreToCome: boolean;
      /** Whether reading has ended: by itself, a break or an error. */
      readonly isOver: boolean;
      readonly slaves: SlaveCounts;
      /** Running tasks that have reported their progress by `reportProgress()`, in the order in which they were added. */
      readonly running: readonly RunningTask[];
    }
    /** Something is not as it should be, but nothing is lost. */
    | { readonly type: "warning"; readonly message: string }
  );

/** A running task, and its last report of progress. */
export interface RunningTask extends TaskProgress {
  /** The task. */
  readonly task: Task;
  /** The slave that it runs on. */
  readonly slave: SlaveIdentity;
}

/** How far a context has come. */
export type ProgressEvent = Extract<ManagerEvent, { readonly type: "progress" }>;

/** An event without its time. */
export type ManagerEventBody = ManagerEvent extends infer Event
  ? Event extends unknown ? Omit<Event, "timeMs"> : never
  : never;
