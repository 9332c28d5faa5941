/** A mistake that somebody could make, and the test that is to see it. */
export interface Mutant {
  /** What is wrong then. */
  readonly name: string;
  /** The file, from the root of the project. */
  readonly file: string;
  /** Stands there once. */
  readonly right: string;
  /** Stands there in its place. */
  readonly wrong: string;
  /** The file of the test. */
  readonly test: string;
}

const SIMULATION = "tests/master/board/dispatcher_simulation_test.ts";
const RETRIES = "tests/master/board/faults/retries_test.ts";
const LOOP = "lib/master/board/dispatch_loop.ts";
const DISPATCHER = "lib/master/board/dispatcher.ts";
const AGENT_JOB = "lib/master/slaves/agents/agent_job.ts";
const ALLOTMENT = "lib/master/board/allotment.ts";

/** Each is caught by its test within 10 s on a quiet machine. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "being late is ignored",
    file: LOOP,
    right: "const isLate = lateMs > LATE_TIMER_MS;",
    wrong: "const isLate = false;",
    test: SIMULATION,
  },
  {
    name: "being behind is ignored",
    file: LOOP,
    right: "this.#dispatcher.wake(nowMs, this.#heardMs(nowMs, isLate));",
    wrong: "this.#dispatcher.wake(nowMs, nowMs);",
    test: SIMULATION,
  },
  {
    name: "a requeue is dropped",
    file: DISPATCHER,
    right: "this.#allotment.requeue(innocent);",
    wrong: "this.#allotment.requeue(innocent.slice(1));",
    test: SIMULATION,
  },
  {
    name: "a queued task is charged",
    file: "lib/master/board/faults/blame.ts",
    right: "return { culprit: tasks[0], suspects: [], innocent: tasks.slice(1) };",
    wrong: "return { culprit: tasks.at(-1), suspects: [], innocent: tasks.slice(0, -1) };",
    test: SIMULATION,
  },
  {
    name: "a result is ignored",
    file: DISPATCHER,
    right: "if (answered.tasks.length > 0) {",
    wrong: "if (answered.tasks.length > 0 && position !== 3) {",
    test: SIMULATION,
  },
  {
    name: "a late result is delivered twice",
    file: "lib/master/board/sent_tasks.ts",
    right: `      this.takenCount++;
      return mark(entry);`,
    wrong: `      this.takenCount++;
      return entry;`,
    test: SIMULATION,
  },
  {
    name: "a slave is never recalled",
    file: ALLOTMENT,
    right: "if (this.#canIdleTakeFrom(service)) {",
    wrong: "if (this.#canIdleTakeFrom(service) && nowMs < 0) {",
    test: SIMULATION,
  },
  {
    name: "a pull is never made",
    file: ALLOTMENT,
    right: "if (count > 0) pulls.push({ count, code: undefined });",
    wrong: "if (count > 1) pulls.push({ count, code: undefined });",
    test: SIMULATION,
  },
  {
    name: "a timer is set for the later of two times",
    file: DISPATCHER,
    right: `return Math.min(
      this.#deadlines.isEmpty`,
    wrong: `return Math.max(
      this.#deadlines.isEmpty`,
    test: SIMULATION,
  },
  {
    name: "a cancelled task is charged",
    file: DISPATCHER,
    right: "sent.isRunning ? CUT_OFF : NOT_RUN",
    wrong: "{ ...NOT_RUN, isAttempt: sent.isRunning }",
    test: SIMULATION,
  },
  {
    name: "a cancelled task is delivered twice",
    file: DISPATCHER,
    right: "if (hasEnded(task)) cancelled.delete(task);",
    wrong: "if (hasEnded(task)) continue;",
    test: SIMULATION,
  },
  {
    name: "a cancelled task that waits runs",
    file: DISPATCHER,
    right: "for (const [group, tasks] of waiting) group.cancel(tasks);",
    wrong: "",
    test: SIMULATION,
  },
  {
    name: "arguments that are under way to a slave lose their memory",
    file: DISPATCHER,
    right: "shareArguments(sent.task);",
    wrong: "",
    test: "tests/master/board/dispatcher_test.ts",
  },
  {
    name: "a cancelled task that may run is left to run on",
    file: ALLOTMENT,
    right: 'if (dropped === "some") return',
    wrong: 'if (dropped === "some" && number < 0) return',
    test: SIMULATION,
  },
  {
    name: "cancelled tasks hold others up",
    file: DISPATCHER,
    right: "if (reason instanceof AbortError) {",
    wrong: "if (reason instanceof AbortError && !group.isOpen) {",
    test: SIMULATION,
  },
  {
    name: "a startup ends with one of the tasks that need it",
    file: ALLOTMENT,
    right: "!group.isCancelled || this.#isWanted(context)",
    wrong: "false",
    test: SIMULATION,
  },
  {
    name: "a startup ends that another group of its context waits for",
    file: ALLOTMENT,
    right: "!group.isCancelled || this.#isWanted(context)",
    wrong: "!group.isCancelled",
    test: "tests/master/board/dispatcher_test.ts",
  },
  {
    name: "a task that is recalled during its startup runs",
    file: "lib/slave/runner.ts",
    right: 'if (this.#startup === "runs") this.#startup = "is recalled";',
    wrong: "",
    test: "tests/slave/runner_test.ts",
  },
  {
    name: "the startup of a closed context is kept on the board",
    file: DISPATCHER,
    right: "service.startups.forget(context);",
    wrong: "",
    test: SIMULATION,
  },
  {
    name: "what a closed context frees is a task's time",
    file: ALLOTMENT,
    right: "if (service.cleanups.size > 0 && !isBegun) {",
    wrong: "if (service.cleanups.size < 0 && !isBegun) {",
    test: "tests/master/board/dispatcher_test.ts",
  },
  {
    name: "a closed context is still read",
    file: DISPATCHER,
    right: "if (group.context === context) group.reading",
    wrong: "if (group.context !== context) group.reading",
    test: SIMULATION,
  },
  {
    name: "a group starves another",
    file: ALLOTMENT,
    right: "      this.#groups.sendable.delete(group);",
    wrong: "",
    test: SIMULATION,
  },
  {
    name: "promised results pile up",
    file: "lib/master/board/dispatch_group.ts",
    right: "promised: Infinity };",
    wrong: "promised: 1 };",
    test: SIMULATION,
  },
  {
    name: "a task that threw runs before its time",
    file: "lib/master/board/faults/retries.ts",
    right: "if (retry.dueMs > nowMs) break;",
    wrong: "",
    test: SIMULATION,
  },
  {
    name: "a task that threw goes back to its slave",
    file: ALLOTMENT,
    right: "this.requeue(retries.filter((retry) => !this.#giveElsewhere(retry, nowMs)));",
    wrong: "this.requeue(retries);",
    test: RETRIES,
  },
  {
    name: "a retry is forgotten when its group is cancelled",
    file: DISPATCHER,
    right: "for (const task of this.#retries.takeAll(group)) dropped.push(task);",
    wrong: "",
    test: RETRIES,
  },
  {
    name: "an end is judged by the wrong fact",
    file: "lib/master/slaves/judge_end.ts",
    right: "if (isAgentGone) return",
    wrong: 'if (isAgentGone && doom.type !== "leaving") return',
    test: "tests/master/slaves/judge_end_test.ts",
  },
  {
    name: "a reader is never woken",
    file: "lib/master/reading/task_group.ts",
    right: `this.wake();
    this.#ready.push(outcomes);`,
    wrong: "this.#ready.push(outcomes);",
    test: "tests/master/reading/reader_test.ts",
  },
  {
    name: "a job's agent that connects after its timer is taken",
    file: AGENT_JOB,
    right: `    if (!this.#seats.some(({ takesAgent }) => takesAgent)) return refusal;
    if (this.#state.state !== "queued" && this.#state.state !== "arriving") {`,
    wrong: '    if (this.#state.state === "connected") {',
    test: "tests/master/slaves/agents/agent_job_test.ts",
  },
  {
    name: "a job that is being ended is not waited for",
    file: AGENT_JOB,
    right: "isLastAsked && (isEndAwaited || this.#standing === undefined)",
    wrong: "isLastAsked",
    test: "tests/master/slaves/agents/agent_job_test.ts",
  },
  {
    name: "the timer of a job's agent runs on when that has connected",
    file: AGENT_JOB,
    right: 'if (this.#state.state === "arriving") this.#state.timer[Symbol.dispose]();',
    wrong: "",
    test: "tests/master/slaves/agents/agent_job_test.ts",
  },
  {
    name: "answers are held for ever",
    file: "lib/slave/held_answers.ts",
    right: "this.#isLarge || nowMs - this.#sentAtMs > maxMs",
    wrong: "this.#isLarge",
    test: "tests/slave/held_answers_test.ts",
  },
  {
    name: "a frame stands amid a note",
    file: "lib/wire/message_stream.ts",
    right: "if (this.#notes.size > 0) await Promise.all(this.#notes);",
    wrong: "",
    test: "tests/wire/notes_test.ts",
  },
  {
    name: "a slave is given more tasks than it may run",
    file: ALLOTMENT,
    right: "Math.min(sendable, tasksLeft)",
    wrong: "sendable",
    test: SIMULATION,
  },
  {
    name: "a slave is replaced that has tasks",
    file: DISPATCHER,
    right: "if (sent.size > 0) return;",
    wrong: 'if (sent.size > 0 && ending.type === "leaving") return;',
    test: "tests/master/board/dispatcher_test.ts",
  },
  {
    name: "an agent that was stopped gives its master up",
    file: "lib/slave/agent.ts",
    right: "if (wasStopped) this.#heardAtMs = nowMs;",
    wrong: "",
    test: "tests/slave/agent_patience_test.ts",
  },
  {
    name: "what brings an agent is renewed twice",
    file: AGENT_JOB,
    right: "if (process !== this.#process || this.#pause !== undefined) return;",
    wrong: "if (process !== this.#process) return;",
    test: "tests/master/slaves/agents/agent_job_test.ts",
  },
  {
    name: "a slave is blamed for its network",
    file: "lib/master/slaves/seat.ts",
    right: "if (mayGoOn && isBlameless) this.#relaunch(reason);\n    else ",
    wrong: "",
    test: "tests/master/slaves/agents/agent_job_test.ts",
  },
  {
    name: "a job whose submission was not answered is not looked for",
    file: "lib/launch/cluster/scheduler_commands.ts",
    right: "if (lookup === undefined && !isNotTaken) throw",
    wrong: "throw",
    test: "tests/launch/cluster/slurm_test.ts",
  },
  {
    name: "a queue where nothing changes is asked as often as any",
    file: "lib/launch/cluster/queue/poll_pace.ts",
    right: "this.#pauseMs = Math.min(2 * pauseMs, LONGEST_POLL_MS);",
    wrong: "",
    test: "tests/launch/cluster/slurm_test.ts",
  },
  {
    name: "the variables of a surrounding job reach Slurm's commands",
    file: "lib/launch/cluster/slurm.ts",
    right: "isInJob && /",
    wrong: "false && /",
    test: "tests/launch/cluster/slurm_test.ts",
  },
  {
    name: "lines of Windows keep what ends them",
    file: "lib/cli/read_lines.ts",
    right: 'text.replaceAll("\\r\\n", "\\n")',
    wrong: "text",
    test: "tests/cli/read_lines_test.ts",
  },
  {
    name: "a line that is no text is counted wrongly",
    file: "lib/cli/read_lines.ts",
    right: "count += yield* decodeLines",
    wrong: "yield* decodeLines",
    test: "tests/cli/read_lines_test.ts",
  },
  {
    name: "a number loses its last digits",
    file: "lib/cli/input_value.ts",
    right: "(Number.isSafeInteger(number) || !WHOLE_NUMBER.test(text))",
    wrong: "true",
    test: "tests/cli/input_value_test.ts",
  },
  {
    name: "a row of several lines is counted as one",
    file: "lib/cli/read_csv.ts",
    right: "        open.push(text);\n        continue;",
    wrong: "        open.push(text);\n        line--;\n        continue;",
    test: "tests/cli/read_csv_test.ts",
  },
  {
    name: "results are read faster than they can be written",
    file: "lib/cli/result_writer.ts",
    right: "if (this.#pendingLength >= MAX_PENDING) return this.flush();",
    wrong: "",
    test: "tests/cli/result_writer_test.ts",
  },
  {
    name: "a result is written in part",
    file: "lib/cli/result_writer.ts",
    right: "written += await this.#target.write(bytes.subarray(written));",
    wrong: "written = bytes.length + 0 * await this.#target.write(bytes);",
    test: "tests/cli/result_writer_test.ts",
  },
  {
    name: "what was sent as another file is kept",
    file: "lib/slave/files/file_store.ts",
    right: "if (digest !== this.hash) {",
    wrong: "if (digest.length !== this.hash.length) {",
    test: "tests/slave/files/file_receiver_test.ts",
  },
  {
    name: "what was kept of sent files is not checked",
    file: "lib/slave/files/file_store.ts",
    right: "if (digest !== hash) {",
    wrong: "if (digest.length !== hash.length) {",
    test: "tests/slave/files/file_receiver_test.ts",
  },
  {
    name: "sent files are laid through links",
    file: "lib/slave/files/laid_files.ts",
    right: "if (Deno.lstatSync(path).isDirectory) continue;",
    wrong: "if (Deno.statSync(path).isDirectory) continue;",
    test: "tests/slave/files/file_receiver_test.ts",
  },
  {
    name: "a runner whose files are being sent cannot be killed",
    file: "lib/master/slaves/agents/agent_link.ts",
    right: "if (runner.isOrdered) this.#post",
    wrong: "if (runner !== undefined) this.#post",
    test: "tests/master/slaves/agents/agent_link_test.ts",
  },
];
