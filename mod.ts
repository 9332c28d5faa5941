/**
 * Farms independent tasks out to slave processes, on this machine or on a cluster.
 *
 * A master script adds slaves to a {@linkcode Manager}, makes a {@linkcode Context}, adds tasks to it and reads the results as they
 * come in. Tasks are functions that a module exports, named with {@linkcode remote} and loaded on the slaves only, or inline
 * functions.
 *
 * The examples import `@parallel/parallel`, which is the name of the package. Write what your own `deno.json` calls it instead, such as
 * `parallel`.
 *
 * @example A first script
 * ```ts
 * import { LocalSlaveArray, Manager } from "@parallel/parallel";
 *
 * await using manager = new Manager({ output: "null" });
 * manager.addSlave(new LocalSlaveArray());
 *
 * const context = manager.getContext(() => ({ offset: 100 }));
 * const shift = (x: number, { offset }: { offset: number }) => x + offset;
 * for await (const sum of context.map(shift, [1, 2, 3])) console.log(sum);
 * ```
 *
 * @module
 */

export {
  AbortError,
  type Attempt,
  NetworkError,
  NoMoreSlavesError,
  ParallelError,
  ParallelError as Error,
  RemoteError,
  type RemoteErrorOptions,
  type SlaveIdentity,
} from "./lib/errors.ts";
export {
  type Code,
  type CodeReference,
  type EncodedArguments,
  Task,
  type TaskOrigin,
} from "./lib/task.ts";
export type { TaskProgress } from "./lib/task_progress.ts";
export type {
  CannotBeSent,
  Cloned,
  FaultOf,
  FunctionOrClass,
  IsFaulty,
  PlainValue,
  Sendable,
  SendableList,
  Sendables,
  WeakHolder,
} from "./lib/cloned.ts";
export { type Remote, remote, type RemoteFunction, type RemoteObject } from "./lib/remote.ts";
export {
  type LaunchOrder,
  type LaunchServices,
  type SentFiles,
  Slave,
} from "./lib/launch/slave.ts";
export { SlaveArray } from "./lib/launch/slave_array.ts";
export { LocalSlave } from "./lib/launch/local_slave.ts";
export { LocalSlaveArray } from "./lib/launch/local_slave_array.ts";
export {
  type SSHHostSlaves,
  type SSHOptions,
  SSHSlaveArray,
} from "./lib/launch/ssh/ssh_slave_array.ts";
export { JobArray } from "./lib/launch/cluster/job_array.ts";
export type { JobArrayOptions } from "./lib/launch/cluster/job_array_options.ts";
export type {
  JobSubmission,
  JobTaskStatus,
  Scheduler,
  SubmissionAnswer,
} from "./lib/launch/cluster/scheduler.ts";
export { SGEPESlaveArray } from "./lib/launch/cluster/sge_pe_slave_array.ts";
export {
  type SGEQsubOptions,
  SGEQsubSlaveArray,
} from "./lib/launch/cluster/sge_qsub_slave_array.ts";
export { type SlurmOptions, SlurmSlaveArray } from "./lib/launch/cluster/slurm_slave_array.ts";
export { SlurmStepSlaveArray } from "./lib/launch/cluster/slurm_step_slave_array.ts";
export type {
  HiddenVariables,
  ProcessEnd,
  ProcessStanding,
  ProgramOutput,
  SlaveProcess,
} from "./lib/launch/command.ts";
export type { ArrayBounds, ElasticCount, SlaveCount } from "./lib/launch/slave_count.ts";
export { OutputSink, type OutputStream } from "./lib/launch/output_sink.ts";
export type { LeaveSignals } from "./lib/wire/messages.ts";
export { Manager } from "./lib/master/manager.ts";
export type {
  StartupArguments,
  StartupCode,
  StartupOptions,
} from "./lib/master/reading/startup.ts";
export {
  Context,
  type MapOptions,
  type MapOutcome,
  type ReadOptions,
  type RunOptions,
  type StartupValues,
  type TaskCode,
  type TaskOptions,
  type TasksOptions,
} from "./lib/master/reading/context.ts";
export type {
  ManagerEvent,
  ProgressEvent,
  RunningTask,
  SlaveCounts,
} from "./lib/master/observe/events.ts";
export type { Outcome } from "./lib/master/outcome.ts";
export type { PermissionKind, SlavePermissions } from "./lib/master/permissions.ts";
export { JournalError } from "./lib/master/journal/journal_file.ts";
export type {
  ContextOptions,
  DashboardOptions,
  ManagerOptions,
  RecycleOptions,
  RetryOptions,
} from "./lib/master/settings.ts";
