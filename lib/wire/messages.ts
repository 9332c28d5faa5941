/**
 * What master and slave say to each other once each has proved that it knows the secret. The text of a frame is a JSON array of these
 * messages, in the order in which they were said.
 *
 * The dialogue: the master announces a context and a piece of code before it first names them, and sends tasks. The
 * slave numbers the tasks of a connection 0, 1, 2 … as they come: a task needs no identity on the wire. It runs them one
 * at a time, in that order, and answers each exactly once: by `results` or `failed`, by a `startup-failed` or
 * `load-failed` for all tasks of a context or code, or by `returned` for tasks that were not run. It says `starting` and
 * `ready` around the startup of a context, and `loaded` when the first task of a piece of code begins: time limits count
 * from there. A task may report its `progress`, if the master has asked for that. When the connection ends, the slave ends.
 *
 * The dialogue with an agent: the master says `configure`, and then `start` and `kill` for its runners. The agent answers each `start` with
 * one `ended`, when that runner has ended. Until then it passes on what a runner has `printed`. If the agent writes the output to a file
 * itself, it says once when the file has its first bytes (`output-begun`), and once when something could not be written (`output-failed`).
 * Where the agent's machine does not see the master's files, `lay` precedes a `start`: the agent says what is `lacking`, if anything is,
 * receives that in `file-part`s, and says `laid` or `not-laid`. Both say `alive` at intervals. When the connection ends, the agent ends its
 * runners, and itself.
 *
 * `Encoded` values are as `codec.ts` made them; the bytes of their buffers follow in the frame, in the same order.
 *
 * @module
 */

import type { CodeReference } from "../task.ts";
import type { TaskProgress } from "../task_progress.ts";

/** A value as it stands in the JSON of a message, see `decodeValue()`. */
export type EncodedJson = unknown;

/** What the master says. */
export type ToSlave =
  /** Announces a context, whose startup code runs before the first task of it. */
  | {
    readonly type: "context";
    readonly context: number;
    readonly startup: CodeReference | null;
    /** The startup's own argument list, see `jsonOfList()`: one, or none if there is no startup. */
    readonly args: EncodedJson[];
  }
  /** Announces a piece of code that tasks are going to name. */
  | { readonly type: "code"; readonly code: number; readonly reference: CodeReference }
  /**
   * Tasks of one context and one piece of code: the argument list of each, see `jsonOfList()`. The slave may keep fewer than `maxHeld`
   * finished answers when one of these tasks starts: with 1, each answer leaves before the next task starts.
   */
  | {
    readonly type: "run";
    readonly context: number;
    readonly code: number;
    readonly maxHeld: number;
    readonly args: EncodedJson[];
  }
  /** A context has ended, and no more of its tasks come: the slave frees what startup returned, and answers `context-ended`. */
  | { readonly type: "end-context"; readonly context: number }
  /** Asks for all tasks that wait behind the running one, and, once a running startup is done, for the task that needs it. */
  | { readonly type: "recall" }
  /** How much memory the process may hold after a task has ended, in bytes. */
  | { readonly type: "memory-limit"; readonly bytes: number }
  /** How often reports of progress are wanted, in milliseconds; if it is missing, and before this message, never. */
  | { readonly type: "progress-wanted"; readonly everyMs?: number };

/** What a slave says. */
export type ToMaster =
  /** Startup of a context begins. Sent before it does: if the process then ends, the startup has ended it, and not a task. */
  | { readonly type: "starting"; readonly context: number }
  /** Startup of a context has finished; its first task starts now. */
  | { readonly type: "ready"; readonly context: number }
  /** Nothing is left of a context that the master has ended, and the slave says nothing more about it. */
  | { readonly type: "context-ended"; readonly context: number }
  /** Values of tasks `first`, `first + 1`, … and how many microseconds each ran. */
  | {
    readonly type: "results";
    readonly first: number;
    readonly values: EncodedJson[];
    readonly micros: readonly number[];
  }
  /** Task `first` failed; see {@linkcode Failure} for how. */
  | {
    readonly type: "failed";
    readonly first: number;
    readonly failure: Failure;
    readonly thrown: EncodedJson;
    readonly micros: number;
  }
  /** Startup of a context failed. This answers all its tasks on this connection, present and future. */
  | {
    readonly type: "startup-failed";
    readonly context: number;
    /** Whether its code could not be loaded, or it threw. */
    readonly failure: "load" | "threw";
    readonly thrown: EncodedJson;
  }
  /** A piece of code has been loaded; its first task starts now. */
  | { readonly type: "loaded"; readonly code: number }
  /** A piece of code cannot be loaded. This answers all its tasks on this connection, present and future. */
  | { readonly type: "load-failed"; readonly code: number; readonly thrown: EncodedJson }
  /** The process holds more memory than it may, and has returned the tasks that have not started. Said once: replace the process. */
  | { readonly type: "full"; readonly memoryBytes: number }
  /** How far the running task says that it has come. This is a note: it may overtake messages that were said before it. */
  | ({ readonly type: "progress"; readonly task: number } & TaskProgress)
  /** Tasks from `from` up to but not including `to` were not run, and will not be. */
  | { readonly type: "returned"; readonly from: number; readonly to: number }
  /**
   * The process ends now, by `Deno.exit(code)` in task `running`, or in the startup before that task. `null` says that the slave was
   * waiting for tasks. All earlier tasks are answered.
   */
  | { readonly type: "exiting"; readonly running: number | null; readonly code: number };

/** How a scheduler announces that it will end the processes of a job. */
export interface LeaveSignals {
  /** Name of the scheduler in messages, such as `Grid Engine`. */
  readonly scheduler: string;
  /** The signals that it sends to all processes of the job. */
  readonly signals: readonly Deno.Signal[];
}

/**
 * What the master says to an agent: a process on another machine that starts, watches and ends the runners there. The runners have their
 * own connections.
 */
export type ToAgent =
  /** How often to say `alive`, how long the master may be silent before the agent ends, and when the agent announces that it leaves. */
  | {
    readonly type: "configure";
    readonly heartbeatIntervalMs: number;
    readonly heartbeatTimeoutMs: number;
    /** From the start of the agent; `null` for never. */
    readonly timeLimitMs: number | null;
    /** The signals that announce the end of the agent's job; `null` if there are none. */
    readonly leaveSignals: LeaveSignals | null;
  }
  /** Start a runner. `output` is a file's path, `inherit` (send what it prints) or `null`. */
  | {
    readonly type: "start";
    readonly slave: number;
    readonly launch: number;
    readonly command: readonly string[];
    readonly output: string;
  }
  /** Lay files in your folder. Not repeated before it is answered. */
  | { readonly type: "lay"; readonly files: readonly LaidFile[] }
  /**
   * The next of the frame's buffers is the next part of a file that was lacking. Parts of two files are not mixed. A message with an empty
   * hash says that the rest does not come: the agent answers with `not-laid`.
   */
  | { readonly type: "file-part"; readonly hash: string; readonly isLast: boolean }
  /** Kill the present runner of a slave. */
  | { readonly type: "kill"; readonly slave: number }
  /** The master is there. */
  | { readonly type: "alive" };

/** A file to be laid. */
export interface LaidFile {
  /** Its path in the folder: names, with slashes between them. */
  readonly place: string;
  /** SHA-256 of its bytes, in hexadecimal. */
  readonly hash: string;
  readonly isExecutable: boolean;
}

/** What happens to a slave's output. */
export type OutputNews =
  /** Its file has its first bytes. `isShared` says whether another run, or another manager, writes that file as well. */
  | { readonly type: "output-begun"; readonly isShared: boolean }
  /** Something could not be written, for the first time. */
  | { readonly type: "output-failed"; readonly reason: string };

/** What an agent says. */
export type FromAgent =
  /** A runner has ended, or could not be started: then `code` is `null` and `tail` says why. */
  | {
    readonly type: "ended";
    readonly slave: number;
    readonly launch: number;
    readonly code: number | null;
    readonly signal: string | null;
    /** The last lines that it printed. */
    readonly tail: string;
  }
  /** The next of the frame's buffers is output of a slave's runner. */
  | {
    readonly type: "printed";
    readonly slave: number;
    readonly stream: "stdout" | "stderr";
  }
  /** What happens to a slave's output if the agent writes the file. */
  | (OutputNews & { readonly slave: number })
  /** These of the files to be laid must be sent, in any order. */
  | { readonly type: "lacking"; readonly hashes: readonly string[] }
  /** All files have been laid, in the folder of this absolute path. */
  | { readonly type: "laid"; readonly folder: string }
  /** Files cannot be laid. */
  | { readonly type: "not-laid"; readonly reason: string }
  /**
   * The scheduler will soon end this machine's slaves: give them no more tasks. `isTimeLimit` is true if the agent knows it from the time
   * limit that the master told it, and false if from a signal.
   */
  | { readonly type: "leaving"; readonly reason: string; readonly isTimeLimit: boolean }
  /** The agent lives, and so do its runners. Memory is in bytes and processor time in milliseconds, as far as known. */
  | {
    readonly type: "alive";
    readonly runners: readonly {
      readonly slave: number;
      readonly memoryBytes: number | null;
      readonly cpuMs: number | null;
    }[];
  };

/**
 * How a task failed: its `arguments` could not be decoded, it `threw`, or what it returned could not be sent (`result`).
 */
export type Failure = "arguments" | "threw" | "result";
