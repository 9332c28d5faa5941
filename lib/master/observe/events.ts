import type { SlaveIdentity } from "../../errors.ts";
import type { Task } from "../../task.ts";
import type { TaskProgress } from "../../task_progress.ts";
import type { Outcome } from "../outcome.ts";

/** How many slaves of a manager stand where. */
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
 * What happens in a manager, as told to the option `onEvent`.
 *
 * `context` is the number of a context, see `Context.number`. `timeMs` is the date, in milliseconds since 1970, to about a
 * microsecond. After the machine has slept it is the date again. It never runs backwards, even if somebody sets the date back.
 *
 * Durations, such as `runTimeMs`, are measured by a clock of their own. Time in which a process was stopped counts. Time in
 * which its machine slept does not, but on Windows it does.
 */
export type ManagerEvent =
  & { readonly timeMs: number }
  & (
    /** The manager listens for slaves. With a fixed port `slave.ts --check HOST:PORT` tries it out from another machine. */
    | {
      readonly type: "listening";
      /** Names and addresses that slaves try, in this order. */
      readonly hosts: readonly string[];
      readonly port: number;
      /** Whether it is for slaves on other machines, or for those on this one. */
      readonly isRemote: boolean;
    }
    /** A slave waits for a scheduler to start it. */
    | { readonly type: "slave-queued"; readonly slave: SlaveIdentity; readonly process: string }
    /** The scheduler has started the job of a slave: its agent is to connect. Not told if it has connected before that is known. */
    | {
      readonly type: "slave-job-started";
      readonly slave: SlaveIdentity;
      readonly process: string;
    }
    /** A machine that sees no files of the master has all that its slaves need: what it lacked was sent. */
    | {
      readonly type: "files-laid";
      /** The first of the slaves there. */
      readonly slave: SlaveIdentity;
      /** How many files they need. */
      readonly files: number;
      /** How many of these the machine lacked: none, if it has run the same before. */
      readonly sentFiles: number;
      readonly sentBytes: number;
    }
    /** The process of a slave has been started, for the first time or again. */
    | { readonly type: "slave-started"; readonly slave: SlaveIdentity; readonly process: string }
    /** A slave has connected, and takes tasks from now on. From here on its host is known. */
    | { readonly type: "slave-connected"; readonly slave: SlaveIdentity }
    /** A slave on another machine lives, and what its process uses: told with each heartbeat. */
    | {
      readonly type: "slave-alive";
      readonly slave: SlaveIdentity;
      /** Memory that its process has in use, in bytes; missing where the machine does not tell. */
      readonly memoryBytes: number | undefined;
      /** Processor time that its process has used, in milliseconds; missing where the machine does not tell. */
      readonly cpuMs: number | undefined;
    }
    /**
     * A slave has printed for the first time: `file` has its output. With the option `output` set to `"inherit"` or `"null"` there is
     * no file, and this is not told.
     */
    | { readonly type: "slave-printed"; readonly slave: SlaveIdentity; readonly file: string }
    /** The process of a slave has ended and is started anew; or the slave, which was lost or away with its machine, goes on. */
    | {
      readonly type: "slave-restarted";
      readonly slave: SlaveIdentity;
      readonly reason: string;
      /** Whether you asked for it: the task that it ran was given up, or the option `recycle` says so. */
      readonly isAsked: boolean;
      /**
       * Whether its process has died: it ended by itself, or was killed by its own fault. Not if it was replaced, as for a module that
       * it was not started with, or since its task ran out of time; nor if it went with its job or its agent.
       */
      readonly hasDied: boolean;
    }
    /** A slave is lost: it will run no more tasks. */
    | { readonly type: "slave-lost"; readonly slave: SlaveIdentity; readonly reason: string }
    /** A slave has ended because the manager was closed. */
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
    /** Startup of a context has failed on a slave, which runs no task of that context. */
    | {
      readonly type: "startup-failed";
      readonly context: number;
      readonly slave: SlaveIdentity;
      readonly runTimeMs: number;
      /** What was thrown there. */
      readonly reason: unknown;
    }
    /**
     * A task is taken to run; of a short one this is known only when it ends. It is told again if the slave had given the task back
     * without running it.
     */
    | {
      readonly type: "task-started";
      readonly context: number;
      readonly task: Task;
      readonly slave: SlaveIdentity;
    }
    /** A task that runs says how far it has come, by `reportProgress()`; at most 20 times a second for each slave, and less often with many. */
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
      /** How often it was run, this time included. */
      readonly attempts: number;
      /** How long it ran there. It started that long before `timeMs`, unless the machine slept meanwhile. */
      readonly runTimeMs: number;
      /** About how many bytes its arguments took to send. */
      readonly bytesIn: number;
      /** About how many bytes its result took to send; of short tasks that answered together, the share of each. */
      readonly bytesOut: number;
      /** Its arguments in short, as `RemoteError.input` has them, if it ran for 0.1 s or longer; missing for others. */
      readonly input?: string;
    }
    /** A task has failed for good. */
    | {
      readonly type: "task-failed";
      readonly context: number;
      readonly task: Task;
      /** Missing if it never got to one. */
      readonly slave: SlaveIdentity | undefined;
      readonly attempts: number;
      /** How long it ran there; 0 if it did not. */
      readonly runTimeMs: number;
      readonly bytesIn: number;
      /** Its arguments in short, as `RemoteError.input` has them. */
      readonly input: string;
      readonly reason: Error;
    }
    /** A task was given up before it had ended: it does not run any more. */
    | {
      readonly type: "task-cancelled";
      readonly context: number;
      readonly task: Task;
      /** The slave that it ran on; missing if it did not run. */
      readonly slave: SlaveIdentity | undefined;
      /** How often it was run before. */
      readonly attempts: number;
      readonly bytesIn: number;
      /** Its arguments in short, as `RemoteError.input` has them. */
      readonly input: string;
      readonly reason: Error;
    }
    /**
     * A task is to run again: a slave died while it ran it, or may have run it; or it threw, and the option `retries` of its context says
     * so.
     */
    | {
      readonly type: "task-retried";
      readonly context: number;
      readonly task: Task;
      /** Where it ran. */
      readonly slave: SlaveIdentity;
      /** How the slave died, or what the task threw, in words. */
      readonly reason: string;
      /** What the task threw; missing if a slave died. */
      readonly error?: unknown;
    }
    /** A task that was added is not run: its outcome is in the journal. */
    | {
      readonly type: "task-restored";
      readonly context: number;
      readonly outcome: Outcome;
      /** About how many bytes its arguments are. */
      readonly bytesIn: number;
    }
    /**
     * How far a context has come. Told while its results are read with the option `progress`: at the beginning, about five
     * times a second, and at the end.
     */
    | {
      readonly type: "progress";
      readonly context: number;
      /** Number of the map in its context: 0, 1, 2 …; missing for tasks that were added one by one. */
      readonly map?: number | undefined;
      /** Name of the function of the latest task that was added; empty if it has none. */
      readonly name: string;
      /** Tasks that have ended, the failed ones included. */
      readonly done: number;
      readonly failed: number;
      /** Of those done, how many were not run, since the journal had their outcome. */
      readonly restored: number;
      /** Tasks that have been added, and were not dropped. Those that are still to come from an array count as well. */
      readonly added: number;
      /** Whether more tasks than `added` may come, from inputs whose number nobody knows. */
      readonly isMoreToCome: boolean;
      /** Whether reading has ended: by itself, a break or an error. */
      readonly isOver: boolean;
      readonly slaves: SlaveCounts;
      /** Tasks that run and have told how far they have come, by `reportProgress()`; in the order in which they were added. */
      readonly running: readonly RunningTask[];
    }
    /** Something is not as it should be, but nothing is lost. */
    | { readonly type: "warning"; readonly message: string }
  );

/** A task that runs, and how far it has come, as it told last. */
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
