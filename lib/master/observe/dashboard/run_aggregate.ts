import type { CalendarClock } from "../../../clock.ts";
import { FailureGroups } from "../../../report/failure_groups.ts";
import type { Task } from "../../../task.ts";
import type { ManagerEvent } from "../events.ts";
import type { Subscriber } from "../hub.ts";
import { RateMeter } from "../rate_meter.ts";
import type {
  ContextSurvey,
  ProcessUse,
  SlaveSurvey,
  SurveyedRun,
  VacantSlaves,
} from "../survey.ts";
import { MARKS, Timeline, type Track } from "./timeline.ts";

/** How many contexts are listed: first those with something left to do, then those that ended last. */
const MAX_CONTEXTS = 12;
const MAX_WARNINGS = 8;
/** Longer texts are cut: a task may report megabytes. */
const MAX_TEXT_LENGTH = 2000;
/** How many processes of this machine are asked at most what they use, and how often. */
const MAX_ASKED = 64;
const ASK_MS = 2000;
/** The present rate is measured over this time. */
const RATE_MS = 10_000;

/** What is known about a slave, even while it is vacant. */
export class SlaveRecord {
  /** Its number in the manager. */
  readonly number: number;
  readonly track: Track;
  /** What was seen at the last look; nothing if it was vacant. Only the aggregate changes it. */
  survey: SlaveSurvey | undefined;
  /** How many tasks have ended well there, as far as seen. Only the aggregate changes it. */
  tasksDone = 0;
  failed = 0;
  /** How often its process died, or it was lost. */
  deaths = 0;
  memoryBytes: number | undefined;
  /** How many processors it uses. */
  cpuShare: number | undefined;
  /** The task that it last had, and since when, by the clock. */
  task: Task | undefined;
  taskSinceMs = 0;
  #cpu: { readonly atMs: number; readonly cpuMs: number } | undefined;

  constructor(number: number, track: Track) {
    this.number = number;
    this.track = track;
  }

  /** Notes what its process uses. */
  noteUse({ memoryBytes, cpuMs }: ProcessUse, atMs: number): void {
    this.memoryBytes = memoryBytes;
    const before = this.#cpu;
    // If the processor time is smaller, this is another process, which begins at 0.
    const isSame = before !== undefined && cpuMs !== undefined && cpuMs >= before.cpuMs;
    if (isSame && atMs > before.atMs) {
      this.cpuShare = (cpuMs - before.cpuMs) / (atMs - before.atMs);
    }
    if (!isSame) this.cpuShare = undefined;
    this.#cpu = cpuMs === undefined ? undefined : { atMs, cpuMs };
  }

  /** Its process has gone. */
  forgetUse(): void {
    this.memoryBytes = this.cpuShare = this.#cpu = undefined;
  }
}

/** A context, and how fast it goes. */
export interface ContextRecord {
  readonly survey: ContextSurvey;
  readonly isClosed: boolean;
  /** Recent tasks a second; 0 if unknown. */
  readonly perSecond: number;
}

/** A warning, and how often it came: warnings that differ only in numbers count as one, with the text of the last. */
export interface WarningRecord {
  readonly text: string;
  readonly count: number;
}

/**
 * What can be shown of a run, in a fixed size however many tasks it has: it looks at the run a few times a second, and is told about failed
 * tasks.
 */
export class RunAggregate implements Subscriber {
  readonly wantsTasks = false;
  readonly wantsFailures = true;
  /** Always, even if nobody looks: a task that computes gets no new messages until it ends. */
  readonly wantsProgress = true;
  readonly timeline: Timeline = new Timeline();
  readonly failures: FailureGroups = new FailureGroups();
  readonly warnings: WarningRecord[] = [];
  /** The slaves at the last look, without the vacant ones. */
  slaves: readonly SlaveSurvey[] = [];
  /** The vacant slaves at that time. */
  vacant: VacantSlaves = { count: 0, failure: undefined };
  /** The open contexts at that time. */
  contexts: readonly ContextSurvey[] = [];
  /** Tasks that failed in this run. */
  failed = 0;
  /** Tasks whose failures are from a journal, because they failed in an earlier run. */
  restoredFailed = 0;
  cancelled = 0;
  retried = 0;
  /** How often the process of a slave died, or a slave was lost. */
  deaths = 0;
  /** Tasks that ended in contexts that are closed. */
  closedDone = 0;
  closedRestored = 0;
  /** Tasks of closed contexts that had not ended, because the manager was closed before. */
  undone = 0;
  /** Whether the manager was closed while a closed context had inputs of unknown number. */
  isCutOff = false;
  /** The date when slaves first appeared, in milliseconds since 1970; nothing before. */
  startedMs: number | undefined;
  readonly #run: SurveyedRun;
  readonly #clock: CalendarClock;
  readonly #mayAsk: boolean;
  /** The records, by number. Slaves for which nothing has ever been submitted have none. */
  readonly #records = new Map<number, SlaveRecord>();
  readonly #meters = new Map<number, RateMeter>();
  /** How many contexts with tasks are closed, and the last of them. */
  #closedContexts = 0;
  #lastClosed: ContextSurvey[] = [];
  /** When slaves first appeared, by the clock. */
  #firstMs: number | undefined;
  #tasksEnded = 0;
  #unnotedFailures = 0;
  #recent: { readonly atMs: number; readonly count: number }[] = [];
  #askedMs = -Infinity;

  /** @param mayAsk Whether processes of this machine may be asked what they use. */
  constructor(run: SurveyedRun, clock: CalendarClock, mayAsk = false) {
    this.#run = run;
    this.#clock = clock;
    this.#mayAsk = mayAsk;
  }

  /** Takes an event of the manager. */
  tell(event: ManagerEvent): void {
    switch (event.type) {
      case "task-failed":
        this.#noteFailure(event);
        break;
      case "task-restored":
        this.#noteRestored(event);
        break;
      case "task-cancelled":
        this.cancelled++;
        break;
      case "task-retried":
        this.retried++;
        break;
      case "slave-restarted":
        if (event.hasDied) this.#noteDeath(event.slave.number);
        break;
      case "slave-lost":
        this.#noteDeath(event.slave.number);
        break;
      case "slave-started":
        this.#record(event.slave.number).forgetUse();
        break;
      case "slave-alive":
        this.#record(event.slave.number).noteUse(event, this.#clock.now());
        break;
      case "warning":
        this.#noteWarning(event.message);
        break;
    }
  }

  /** A context was closed, with this final state. */
  contextClosed(survey: ContextSurvey): void {
    this.closedDone += survey.done;
    this.closedRestored += survey.restored;
    this.undone += survey.added - survey.done;
    this.isCutOff ||= survey.isMoreToCome;
    if (survey.added > 0 || survey.isMoreToCome) {
      this.#closedContexts++;
      this.#lastClosed = [...this.#lastClosed, survey].slice(-MAX_CONTEXTS);
    }
    this.contexts = this.contexts.filter(({ number }) => number !== survey.number);
  }

  /** Looks at the run. */
  look(): void {
    const nowMs = this.#clock.now();
    this.contexts = this.#run.surveyContexts();
    this.slaves = this.#run.surveySlaves();
    this.vacant = this.#run.surveyVacant();
    this.#noteSurveys();
    const isBegun = this.slaves.some(({ standing }) => standing !== "not started");
    if (isBegun) this.#begin(nowMs);
    this.#lookAtContexts(nowMs);
    if (this.#firstMs === undefined) return;
    const bin = this.#bin(nowMs);
    let ended = this.failed;
    for (const record of this.#records.values()) {
      this.#noteStanding(record, bin, nowMs);
      ended += record.tasksDone;
    }
    this.timeline.ended[bin] += ended - this.#tasksEnded;
    this.timeline.failed[bin] += this.#unnotedFailures;
    this.#unnotedFailures = 0;
    this.#tasksEnded = ended;
    this.#recent.push({ atMs: nowMs, count: ended });
    while (this.#recent[1]?.atMs < nowMs - RATE_MS) this.#recent.shift();
    if (this.#mayAsk && nowMs - this.#askedMs >= ASK_MS) this.#ask(nowMs);
  }

  /** Time since the slaves first appeared. */
  get elapsedMs(): number {
    return this.#firstMs === undefined ? 0 : this.#clock.now() - this.#firstMs;
  }

  /** How many tasks have ended, whether they ran or their outcomes came from the journal. */
  get tasksEnded(): number {
    return this.closedDone + this.contexts.reduce((sum, { done }) => sum + done, 0);
  }

  /** Tasks that ended per second, in the last seconds; 0 if there were none. */
  get perSecond(): number {
    const [first] = this.#recent;
    const last = this.#recent.at(-1);
    if (first === undefined || last === undefined || last.atMs === first.atMs) return 0;
    return (last.count - first.count) / (last.atMs - first.atMs) * 1000;
  }

  /**
   * How long it will take until all tasks are done; nothing if it is unknown for any of the open contexts. Of contexts that run side by
   * side the longest counts.
   */
  get leftMs(): number | undefined {
    let leftMs: number | undefined;
    for (const { number, done, added, isMoreToCome } of this.contexts) {
      if (isMoreToCome) return undefined;
      if (done >= added) continue;
      const perSecond = this.#rateOf(number);
      if (perSecond === 0) return undefined;
      leftMs = Math.max(leftMs ?? 0, (added - done) / perSecond * 1000);
    }
    return leftMs;
  }

  /** What is known about a slave. */
  recordOf({ identity }: SlaveSurvey): SlaveRecord {
    return this.#record(identity.number);
  }

  /** What is known about all slaves for which anything has ever been submitted, in the order of their numbers. */
  listSlaves(): SlaveRecord[] {
    return [...this.#records.values()].sort((a, b) => a.number - b.number);
  }

  /** How many contexts have tasks, or may get them, including closed ones and those that are not listed. */
  get contextCount(): number {
    return this.#openContexts().length + this.#closedContexts;
  }

  /** The contexts to list, by their numbers. */
  listContexts(): ContextRecord[] {
    const open = this.#shownContexts().map((survey) => ({
      survey,
      isClosed: false,
      perSecond: this.#rateOf(survey.number),
    }));
    const room = MAX_CONTEXTS - open.length;
    const closed = room > 0 ? this.#lastClosed.slice(-room) : [];
    const records = [
      ...open,
      ...closed.map((survey) => ({ survey, isClosed: true, perSecond: 0 })),
    ];
    return records.sort((a, b) => a.survey.number - b.survey.number);
  }

  /** Tasks a second of an open context; 0 if unknown, as for contexts that are not listed. */
  #rateOf(context: number): number {
    return this.#meters.get(context)?.perSecond ?? 0;
  }

  /** Open contexts that have tasks, or may get them. */
  #openContexts(): ContextSurvey[] {
    return this.contexts.filter(({ added, isMoreToCome }) => added > 0 || isMoreToCome);
  }

  #shownContexts(): ContextSurvey[] {
    const withTasks = this.#openContexts();
    if (withTasks.length <= MAX_CONTEXTS) return withTasks;
    const unfinished = withTasks.filter(({ done, added, isMoreToCome }) =>
      done < added || isMoreToCome
    );
    const finished = withTasks.filter((each) => !unfinished.includes(each));
    return [...unfinished, ...finished].slice(0, MAX_CONTEXTS);
  }

  #lookAtContexts(nowMs: number): void {
    const shown = this.#shownContexts();
    const numbers = new Set(shown.map(({ number }) => number));
    for (const number of this.#meters.keys()) {
      if (!numbers.has(number)) this.#meters.delete(number);
    }
    const isAnyBusy = this.slaves.some(({ standing }) => standing === "busy");
    for (const { number, done, restored, isRead } of shown) {
      let meter = this.#meters.get(number);
      // The time before anything of it runs, as while slaves are queued, must not affect the rate.
      const isBegun = done > restored || isRead && isAnyBusy;
      if (meter === undefined || !isBegun) this.#meters.set(number, meter = new RateMeter());
      meter.note(nowMs, done - restored);
    }
  }

  #noteSurveys(): void {
    for (const record of this.#records.values()) record.survey = undefined;
    for (const slave of this.slaves) {
      const record = this.recordOf(slave);
      record.survey = slave;
      record.tasksDone = slave.tasksDone;
    }
  }

  #noteStanding(record: SlaveRecord, bin: number, nowMs: number): void {
    const { standing, task } = record.survey ?? {};
    const isPresent = standing === "idle" || standing === "busy";
    const isWaiting = standing === "queued" || standing === "starting";
    let marks = isPresent ? MARKS.present : isWaiting ? MARKS.waiting : 0;
    if (task !== record.task) {
      record.task = task;
      record.taskSinceMs = nowMs;
      if (task !== undefined) marks |= MARKS.begun;
    }
    if (!isPresent) record.forgetUse();
    record.track.note(bin, standing === "busy", marks);
  }

  /** Asks what processes use. If this master may not ask, or the machine does not tell, nothing is known. */
  #ask(nowMs: number): void {
    this.#askedMs = nowMs;
    const asked = this.slaves.filter(({ isHere }) => isHere).slice(0, MAX_ASKED);
    for (const slave of asked) {
      this.recordOf(slave).noteUse(this.#run.useOf(slave.identity.number), nowMs);
    }
  }

  #noteFailure(event: Extract<ManagerEvent, { type: "task-failed" }>): void {
    const { context, slave, reason } = event;
    this.failed++;
    this.#unnotedFailures++;
    this.#addFailure(context, event, placesOf(reason));
    if (slave === undefined) return;
    const record = this.#record(slave.number);
    record.failed++;
    record.track.mark(this.#bin(this.#clock.now()), MARKS.failed);
  }

  /** Notes a restored failure. It belongs to no part of the time, and to no slave of this run. */
  #noteRestored({ context, outcome }: Extract<ManagerEvent, { type: "task-restored" }>): void {
    if (outcome.status !== "rejected") return;
    this.restoredFailed++;
    this.#addFailure(context, outcome);
  }

  #addFailure(
    context: number,
    { task, reason, input }: { task: Task; reason: Error; input: string },
    stack?: string,
  ): void {
    const ownLabel = task.label ?? "";
    const message = cut(reason.message);
    this.failures.add({ context, task: task.id, message, input, ownLabel, stack });
  }

  #noteDeath(number: number): void {
    this.deaths++;
    const record = this.#record(number);
    record.deaths++;
    record.forgetUse();
    record.track.mark(this.#bin(this.#clock.now()), MARKS.died);
  }

  #noteWarning(message: string): void {
    const text = cut(message);
    const kind = kindOf(text);
    const place = this.warnings.findIndex((warning) => kindOf(warning.text) === kind);
    const [known] = place < 0 ? [] : this.warnings.splice(place, 1);
    this.warnings.push({ text, count: (known?.count ?? 0) + 1 });
    if (this.warnings.length > MAX_WARNINGS) this.warnings.shift();
  }

  #bin(nowMs: number): number {
    return this.timeline.advance(nowMs - this.#begin(nowMs));
  }

  /** Returns when slaves first appeared, by the clock: now, if they had not before. */
  #begin(nowMs: number): number {
    if (this.#firstMs === undefined) {
      this.#firstMs = nowMs;
      this.startedMs = this.#clock.date();
    }
    return this.#firstMs;
  }

  #record(number: number): SlaveRecord {
    let record = this.#records.get(number);
    if (record === undefined) {
      record = new SlaveRecord(number, this.timeline.addTrack());
      this.#records.set(number, record);
    }
    return record;
  }
}

/** The lines of an error's stack that name places, if there are any. */
function placesOf({ stack }: Error): string | undefined {
  if (typeof stack !== "string") return undefined;
  const lines = stack.split("\n").filter((line) => /^\s+(at|---) /.test(line));
  return lines.length === 0 ? undefined : cut(lines.join("\n"));
}

function kindOf(text: string): string {
  return text.replaceAll(/\d+/g, "#");
}

function cut(text: string): string {
  return text.length <= MAX_TEXT_LENGTH ? text : text.slice(0, MAX_TEXT_LENGTH) + "…";
}
