/**
 * The parts of the live page, as HTML.
 *
 * @module
 */

import { Date } from "../../../own_globals.ts";
import { labelHtml, section, table, tileList } from "../../../report/html_parts.ts";
import { escapeHtml } from "../../../report/html_text.ts";
import {
  bytesText,
  countText,
  durationText,
  shareText,
  threeDigits,
} from "../../../report/number_text.ts";
import { rateChart } from "../../../report/throughput_chart.ts";
import type { SlaveSurvey, Standing } from "../survey.ts";
import { countStandings, idleReason } from "./idle_reason.ts";
import type { ContextRecord, RunAggregate, SlaveRecord } from "./run_aggregate.ts";
import { MAX_ROWS, rowsOf, type SlaveRow, slaveRows } from "./slave_rows.ts";

const MAX_RUNNING = 12;
/** Tasks that have run for a shorter time are not listed. */
const MIN_RUNNING_MS = 1000;
const MAX_FAILURES = 10;
const MAX_QUEUES = 10;
/** How many names of hosts a row shows. */
const MAX_HOSTS = 3;
const MAX_TEXT_LENGTH = 200;

/** In the order in which they are shown. */
const STANDINGS: readonly Standing[] = [
  "busy",
  "idle",
  "starting",
  "queued",
  "not started",
  "lost",
  "ended",
];

/** The parts of the page, by their names. A part with nothing to show is empty. */
export const SECTION_NAMES = [
  "status",
  "tiles",
  "progress",
  "rows",
  "rate",
  "running",
  "queue",
  "failures",
  "warnings",
  "slaves",
] as const;

/** The parts of the page, in HTML. */
export type Sections = Record<typeof SECTION_NAMES[number], string>;

/**
 * Makes the parts of the page.
 *
 * @param nowMs The time, by the clock of the aggregate.
 * @param isOver Whether the manager is closed.
 */
export function liveSections(run: RunAggregate, nowMs: number, isOver: boolean): Sections {
  const records = run.listSlaves();
  const hasSlaves = records.length > 0 && run.elapsedMs > 0;
  return {
    status: statusLine(run, isOver),
    tiles: tiles(run, isOver),
    progress: progressSection(run),
    rows: hasSlaves
      ? section("Slaves over time", legend(run), slaveRows(run.timeline, records))
      : "",
    rate: hasSlaves ? section("Throughput", "Tasks that ended.", rates(run)) : "",
    running: runningSection(run, nowMs),
    queue: queueSection(run),
    failures: run.failed + run.restoredFailed === 0 ? "" : section(
      "Failures",
      "Messages that differ in numbers, inputs and labels only are one entry.",
      run.failures.toHtml(MAX_FAILURES),
    ),
    warnings: warningsSection(run),
    slaves: slavesSection(records),
  };
}

function statusLine(run: RunAggregate, isOver: boolean): string {
  if (isOver) {
    const left = run.contexts.reduce((sum, { done, added }) => sum + added - done, run.undone);
    const rest = left === 0
      ? ""
      : left === 1
      ? " 1 task was not done."
      : ` ${countText(left)} tasks were not done.`;
    return `<p class="state over">The run has ended: its manager is closed.${rest} This page stays as its report.</p>`;
  }
  const reason = idleReason(run);
  if (reason !== undefined) return `<p class="state idle-run">${escapeHtml(reason)}</p>`;
  return `<p class="state">${standingsText(run.slaves)}</p>`;
}

function standingsText(slaves: readonly SlaveSurvey[]): string {
  const counts = countStandings(slaves);
  const parts = STANDINGS.filter((standing) => counts[standing] > 0)
    .map((standing) => `${countText(counts[standing])} ${standing}`);
  return `Slaves: ${parts.join(", ")}.`;
}

function tiles(run: RunAggregate, isOver: boolean): string {
  const { slaves, tasksEnded, perSecond } = run;
  const failed = run.failed + run.restoredFailed;
  const open = run.contexts;
  const added = open.reduce((sum, each) => sum + each.added, run.closedDone + run.undone);
  const isMoreToCome = run.isCutOff || open.some((each) => each.isMoreToCome);
  const restored = open.reduce((sum, each) => sum + each.restored, 0) + run.closedRestored;
  const notes: string[] = [];
  if (restored > 0) notes.push(`${countText(restored)} from the journal`);
  if (run.retried > 0) notes.push(`${countText(run.retried)} ran again`);
  if (run.cancelled > 0) notes.push(`${countText(run.cancelled)} cancelled`);
  if (isMoreToCome) notes.push(isOver ? "more were to come" : "more are to come");
  const counts = countStandings(slaves);
  const present = counts.busy + counts.idle;
  const hosts = new Set(slaves.map(({ identity }) => identity.host).filter((host) => host !== ""));
  const slaveNotes: string[] = [];
  if (hosts.size > 0) slaveNotes.push(hosts.size === 1 ? "on 1 host" : `on ${hosts.size} hosts`);
  if (counts.lost > 0) slaveNotes.push(`${countText(counts.lost)} lost`);
  if (run.deaths > 0) {
    slaveNotes.push(run.deaths === 1 ? "died once" : `died ${countText(run.deaths)} times`);
  }
  const { leftMs } = run;
  return tileList([
    {
      name: "done",
      value: isMoreToCome || added === 0
        ? countText(tasksEnded)
        : `${countText(tasksEnded)} <small>of ${countText(added)}</small>`,
      note: notes.join(", "),
    },
    {
      name: "failed",
      value: countText(failed),
      note: failed > 0 && tasksEnded > 0 ? shareText(Math.min(1, failed / tasksEnded)) : "",
      isBad: failed > 0,
    },
    {
      name: isOver ? "slaves" : "busy slaves",
      value: isOver
        ? countText(run.listSlaves().length)
        : `${countText(counts.busy)} <small>of ${countText(slaves.length)}</small>`,
      note: slaveNotes.join(", "),
      isBad: slaves.length > 0 && counts.lost === slaves.length && run.vacant.count === 0,
    },
    {
      name: "throughput",
      value: isOver || present === 0 ? "–" : rateText(perSecond),
      note: isOver ? "" : "over the last 10 s",
    },
    {
      name: "time left",
      value: leftMs === undefined || isOver ? "–" : `≈ ${durationText(leftMs)}`,
      note: isMoreToCome && !isOver ? "not known: more inputs are to come" : "",
    },
    {
      name: isOver ? "lasted" : "running for",
      value: durationText(run.elapsedMs < 1000 ? 0 : Math.floor(run.elapsedMs / 1000) * 1000),
      note: run.startedMs === undefined ? "" : `since ${dateText(run.startedMs)} UTC`,
    },
  ]);
}

function progressSection(run: RunAggregate): string {
  const listed = run.listContexts();
  if (listed.length === 0) return "";
  const hidden = run.contextCount - listed.length;
  const others = hidden === 1 ? "1 other context" : `${countText(hidden)} other contexts`;
  const more = hidden > 0 ? `<p class="note">${others}.</p>` : "";
  return section("Progress", "", listed.map(contextEntry).join("\n") + more);
}

function contextEntry({ survey, isClosed, perSecond }: ContextRecord): string {
  const { number, name, done, added, failed, restored, isMoreToCome } = survey;
  const percent = added === 0 ? 0 : Math.floor(done / added * 100);
  const isDone = done === added && !isMoreToCome;
  const parts: string[] = [];
  if (!isDone && perSecond > 0) {
    parts.push(rateText(perSecond));
    if (!isMoreToCome) parts.push(`${durationText((added - done) / perSecond * 1000)} left`);
  }
  if (failed > 0) parts.push(`<span class="bad">${countText(failed)} failed</span>`);
  if (restored > 0) parts.push(`${countText(restored)} from the journal`);
  if (isClosed) parts.push("closed");
  const count = isMoreToCome
    ? `${countText(done)} done`
    : `${countText(done)}/${countText(added)} · ${percent} %`;
  const bar = isMoreToCome
    ? ""
    : `<progress value="${done}" max="${Math.max(added, 1)}"></progress>`;
  return `<div class="context"><p><b>${
    escapeHtml(name === "" ? "inline function" : cut(name))
  }</b> <span class="note">context ${number}</span><span class="count">${count}</span></p>${bar}<p class="note">${
    parts.join(" · ")
  }</p></div>`;
}

function legend({ failed, deaths, slaves }: RunAggregate): string {
  const entries = ['<span class="key busy"></span>tasks', '<span class="key idle"></span>idle'];
  const isWaiting = ({ standing }: SlaveSurvey) => standing === "queued" || standing === "starting";
  if (slaves.some(isWaiting)) entries.push('<span class="key wait"></span>queued or starting');
  if (failed > 0) entries.push('<span class="key failed"></span>failed');
  if (deaths > 0) entries.push('<span class="key died">×</span>died');
  return entries.join(" ");
}

/** The present part of the time is drawn once it is half over: before that, one task could make a peak of it. */
function rates({ timeline }: RunAggregate): string {
  const { length, lengthMs, passed } = timeline;
  const drawn = passed < 0.5 && length > 1 ? length - 1 : length;
  const ended = timeline.ended.slice(0, drawn);
  const failed = timeline.failed.slice(0, drawn);
  if (drawn === length) {
    for (const counts of [ended, failed]) counts[drawn - 1] /= Math.max(passed, 0.5);
  }
  return rateChart({ ended, failed, elapsedMs: lengthMs * drawn / length });
}

function runningSection(run: RunAggregate, nowMs: number): string {
  const running = run.slaves.filter(({ task }) => task !== undefined)
    .map((slave) => ({ slave, record: run.recordOf(slave) }))
    .filter(({ slave, record }) =>
      slave.news !== undefined || nowMs - record.taskSinceMs >= MIN_RUNNING_MS
    )
    .sort((a, b) =>
      Number(b.slave.news !== undefined) - Number(a.slave.news !== undefined) ||
      a.record.taskSinceMs - b.record.taskSinceMs
    );
  if (running.length === 0) return "";
  const rows = running.slice(0, MAX_RUNNING).map(({ slave, record }) => {
    const task = slave.task!;
    return [
      durationText(Math.max(1000, Math.floor((nowMs - record.taskSinceMs) / 1000) * 1000)),
      newsHtml(slave),
      String(task.id),
      escapeHtml(cut(task.name === "" ? "inline function" : task.name)) +
      labelHtml(cut(task.label ?? "")),
      escapeHtml(slave.identity.name),
    ];
  });
  const more = running.length > MAX_RUNNING
    ? `<p class="note">${countText(running.length - MAX_RUNNING)} others run as well.</p>`
    : "";
  // The task's own report is placed where a phone shows it.
  const heads = ["runs for", "it tells", "task", "function", "slave"];
  return section("Tasks that run", "The longest first.", table(heads, rows, [1, 3, 4]) + more);
}

function newsHtml({ news }: SlaveSurvey): string {
  if (news === undefined) return "";
  const { done, total, text } = news;
  const bar = total === undefined || !(total > 0)
    ? `${threeDigits(done)}`
    : `<progress value="${Math.min(done, total)}" max="${total}"></progress> ${threeDigits(done)}/${
      threeDigits(total)
    }`;
  return bar + (text === undefined ? "" : ` ${escapeHtml(cut(text))}`);
}

function queueSection({ slaves }: RunAggregate): string {
  const queued = slaves.filter(({ standing }) => standing === "queued");
  if (queued.length === 0) return "";
  const byReason = Map.groupBy(queued, ({ waitReason }) => waitReason ?? "");
  const all = [...byReason].sort(([, a], [, b]) => b.length - a.length);
  const rows = all.slice(0, MAX_QUEUES).map(([reason, waiting]) => {
    const jobs = waiting.slice(0, MAX_HOSTS).map(({ job }) => job ?? "");
    const others = waiting.length > MAX_HOSTS ? " …" : "";
    return [
      countText(waiting.length),
      escapeHtml(cut(jobs.join(", "))) + others,
      reason === ""
        ? '<span class="note">the scheduler has not said why</span>'
        : escapeHtml(cut(reason)),
    ];
  });
  return section("Queued", "", table(["slaves", "jobs", "why they wait"], rows, [1, 2]));
}

function warningsSection({ warnings }: RunAggregate): string {
  if (warnings.length === 0) return "";
  const items = warnings.toReversed().map(({ text, count }) =>
    `<li>${count > 1 ? `<b>${countText(count)} ×</b> ` : ""}${escapeHtml(text)}</li>`
  );
  return section("Warnings", "The latest first.", `<ul class="warnings">${items.join("")}</ul>`);
}

function slavesSection(records: readonly SlaveRecord[]): string {
  if (records.length === 0) return "";
  const rows = rowsOf(records).map(tableRow);
  const note = records.length > MAX_ROWS ? "Several share a row." : "";
  const heads = ["slave", "host", "state", "tasks", "failed", "deaths", "memory", "processor"];
  return section("Slaves", note, table(heads, rows, [0, 1, 2]));
}

function tableRow({ name, slaves: records }: SlaveRow): string[] {
  const slaves = records.map(({ survey }) => survey).filter((survey) => survey !== undefined);
  const hosts = [...new Set(slaves.map(({ identity }) => identity.host))].filter((host) =>
    host !== ""
  );
  const hostText = hosts.slice(0, MAX_HOSTS).join(", ") +
    (hosts.length > MAX_HOSTS ? ` and ${hosts.length - MAX_HOSTS} more` : "");
  const memory = records.map(({ memoryBytes }) => memoryBytes).filter((bytes) =>
    bytes !== undefined
  );
  const cpu = records.map(({ cpuShare }) => cpuShare).filter((share) => share !== undefined);
  const failed = records.reduce((sum, each) => sum + each.failed, 0);
  const deaths = records.reduce((sum, each) => sum + each.deaths, 0);
  const tasks = records.reduce((sum, { tasksDone }) => sum + tasksDone, failed);
  return [
    escapeHtml(name),
    escapeHtml(cut(hostText)),
    stateHtml(slaves, records.length - slaves.length),
    countText(tasks),
    failed > 0 ? `<span class="bad">${countText(failed)}</span>` : "0",
    deaths > 0 ? `<span class="bad">${countText(deaths)}</span>` : "0",
    memory.length === 0 ? "" : bytesText(Math.max(...memory)),
    cpu.length === 0 ? "" : shareText(cpu.reduce((sum, each) => sum + each, 0) / cpu.length),
  ];
}

/** The states of slaves that share a row, `vacant` of which are vacant. */
function stateHtml(slaves: readonly SlaveSurvey[], vacant: number): string {
  if (slaves.length + vacant === 1) {
    if (vacant === 1) return dotted("vacant", "vacant");
    const [{ standing, loss, job }] = slaves;
    const detail = loss ?? job;
    return dotted(standing, standing) +
      (detail === undefined ? "" : ` <span class="note">${escapeHtml(cut(detail))}</span>`);
  }
  const counts = countStandings(slaves);
  const parts = STANDINGS.filter((each) => counts[each] > 0)
    .map((each) => dotted(each, `${counts[each]} ${each}`));
  if (vacant > 0) parts.push(dotted("vacant", `${vacant} vacant`));
  return parts.join(" ");
}

function dotted(standing: Standing | "vacant", text: string): string {
  return `<span class="dot ${standing.replace(" ", "-")}"></span>${text}`;
}

function rateText(perSecond: number): string {
  if (perSecond === 0) return "0/s";
  if (perSecond >= 1) return `${threeDigits(perSecond)}/s`;
  return perSecond * 60 >= 1
    ? `${threeDigits(perSecond * 60)}/min`
    : `${threeDigits(perSecond * 3600)}/h`;
}

function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

function cut(text: string): string {
  return text.length <= MAX_TEXT_LENGTH ? text : text.slice(0, MAX_TEXT_LENGTH) + "…";
}
