import type { JobLogLine } from "../job_log_line.ts";
import { inputHtml, labelHtml, section, table, tileList } from "./html_parts.ts";
import { escapeHtml } from "./html_text.ts";
import { bytesText, countText, durationText, shareText, threeDigits } from "./number_text.ts";
import { REPORT_STYLE } from "./report_style.ts";
import type { FunctionSummary, RunSummary, SlaveSummary } from "./run_summary.ts";
import { runTimeChart } from "./run_time_chart.ts";
import { slaveChart } from "./slave_chart.ts";
import { throughputChart } from "./throughput_chart.ts";

/** If there are more slaves than this, their list is folded. */
const MAX_OPEN_SLAVES = 16;

/**
 * The report on a run: one HTML page that needs nothing else, and has no script.
 *
 * @param title What the report is about, such as the name of the job log.
 */
export function reportPage(summary: RunSummary, title: string): string {
  const sections = summary.runs.length === 0
    ? [
      `<p class="empty">${emptyText(summary)}</p>`,
      summary.slaves.size > 0 && summary.elapsedMs > 0 ? slavesOverTime(summary) : "",
      failuresSection(summary),
      retriedSection(summary),
      summary.slaves.size > 0 ? slavesSection(summary) : "",
    ]
    : [
      slavesOverTime(summary),
      section("Throughput", "Tasks that ended.", throughputChart(summary)),
      failuresSection(summary),
      section("Run times", "Tasks by how long they ran.", runTimeChart(summary)),
      section("Slowest tasks", "", slowestTable(summary)),
      retriedSection(summary),
      summary.functions.size > 1 ? section("Functions", "", functionTable(summary)) : "",
      slavesSection(summary),
    ];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}: report</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<header>
<h1>${escapeHtml(title)}</h1>
<p>${timesText(summary)}</p>
</header>
<main>
${tiles(summary)}
${sections.join("\n")}
</main>
</body>
</html>
`;
}

function slavesOverTime(summary: RunSummary): string {
  return section("Slaves over time", legend(summary), slaveChart(summary));
}

function emptyText({ tasks, cutOff }: RunSummary): string {
  if (tasks === 0) return "No task has ended.";
  return cutOff.length === 0 ? "No task ran on a slave." : "No task ran to its end.";
}

function timesText({ runs, startMs, endMs, elapsedMs }: RunSummary): string {
  if (runs.length === 0) return "";
  const [start, end] = [startMs, endMs].map((ms) =>
    new Date(ms).toISOString().slice(0, 19).replace("T", " ")
  );
  return `${start} to ${end} UTC, ${durationText(elapsedMs)}`;
}

function tiles(summary: RunSummary): string {
  const { tasks, failed, cancelled, restored, retried, slaves, busyMs, elapsedMs, runs, deaths } =
    summary;
  // If a slave died in each of its tasks, the log has no host for it: its host may be any of the others.
  const named = [...slaves.values()].map(({ host }) => host).filter((host) => host !== undefined);
  const hosts = Math.max(1, new Set(named).size);
  let availableMs = 0;
  for (const { startMs } of slaves.values()) availableMs += Math.max(0, summary.endMs - startMs);
  const notes: string[] = [];
  if (restored > 0) notes.push(`${countText(restored)} from the journal`);
  if (retried > 0) notes.push(`${countText(retried)} ran more than once`);
  if (cancelled > 0) notes.push(`${countText(cancelled)} cancelled`);
  return tileList([
    { name: "tasks", value: countText(tasks), note: notes.join(", ") },
    {
      name: "failed",
      value: countText(failed),
      note: failed > 0 ? shareText(failed / tasks) : "",
      isBad: failed > 0,
    },
    {
      name: "slaves",
      value: countText(slaves.size),
      note: `on ${hosts === 1 ? "1 host" : `${countText(hosts)} hosts`}${
        deathsText(deaths.length)
      }`,
    },
    {
      name: "busy",
      value: busyText(busyMs, availableMs),
      note: "of the slaves’ time since their first tasks",
    },
    {
      name: "throughput",
      value: elapsedMs > 0 ? `${threeDigits(runs.length / elapsedMs * 1000)}/s` : "–",
      note: elapsedMs > 0 ? `${threeDigits(runs.length / elapsedMs * 3_600_000)}/h` : "",
    },
    {
      name: "median run time",
      value: durationText(summary.quantileMs(0.5)),
      note: `95 % below ${durationText(summary.quantileMs(0.95))}`,
    },
    { name: "computed", value: durationText(busyMs), note: "the last run of each task" },
    {
      name: "sent",
      value: bytesText(summary.bytesIn + summary.bytesOut),
      note: `${bytesText(summary.bytesIn)} to slaves, ${bytesText(summary.bytesOut)} back`,
    },
  ]);
}

function deathsText(deaths: number): string {
  if (deaths === 0) return "";
  return deaths === 1 ? ", died once" : `, died ${countText(deaths)} times`;
}

function legend({ failed, cutOff, deaths }: RunSummary): string {
  const entries = ['<span class="key busy"></span>tasks', '<span class="key idle"></span>idle'];
  if (failed > 0) entries.push('<span class="key failed"></span>failed');
  if (cutOff.length > 0) entries.push('<span class="key cancelled"></span>cancelled');
  if (deaths.length > 0) entries.push('<span class="key died">×</span>a slave died in a task');
  return entries.join(" ");
}

function failuresSection({ failures, failed }: RunSummary): string {
  if (failed === 0) return "";
  const note = "Messages that differ in numbers, inputs and labels only are one entry.";
  return section("Failures", note, failures.toHtml());
}

function slowestTable({ slowest, startMs }: RunSummary): string {
  const row = (line: JobLogLine) => [
    durationText(line.runTimeMs),
    String(line.task),
    String(line.context),
    escapeHtml(line.label) + labelHtml(line.ownLabel),
    inputHtml(line.input),
    `${line.slave}`,
    escapeHtml(line.host),
    durationText(line.startMs! - startMs),
    bytesText(line.bytesIn),
    line.bytesOut === undefined ? "" : bytesText(line.bytesOut),
    statusText({ ...line, input: "" }),
  ];
  const heads = [
    "run time",
    "task",
    "context",
    "function",
    "input",
    "slave",
    "host",
    "after",
    "in",
    "out",
    "",
  ];
  return table(heads, slowest.map(row), [3, 4, 6, 10]);
}

function retriedSection({ retried, mostRetried }: RunSummary): string {
  if (retried === 0) return "";
  const row = (line: JobLogLine) => [
    countText(line.attempts),
    String(line.task),
    String(line.context),
    escapeHtml(line.label) + labelHtml(line.ownLabel),
    statusText(line),
  ];
  const more = retried - mostRetried.length;
  const note = "Since they threw, or slaves died." +
    (more > 0 ? ` ${countText(more)} more are in the job log.` : "");
  const heads = ["runs", "task", "context", "function", ""];
  return section("Tasks that ran more than once", note, table(heads, mostRetried.map(row), [3, 4]));
}

function statusText({ status, input }: JobLogLine): string {
  switch (status) {
    case "fulfilled":
      return "";
    case "rejected":
      return `<span class="bad">failed</span>${inputHtml(input)}`;
    case "cancelled":
      return "cancelled";
    default:
      return status satisfies never;
  }
}

function functionTable({ functions }: RunSummary): string {
  const list = [...functions.values()].sort((a, b) => b.totalMs - a.totalMs);
  const row = ({ label, tasks, failed, totalMs, maxMs }: FunctionSummary) => [
    escapeHtml(label),
    countText(tasks),
    countText(failed),
    durationText(totalMs / tasks),
    durationText(maxMs),
    durationText(totalMs),
  ];
  return table(["function", "tasks", "failed", "mean", "longest", "together"], list.map(row), [0]);
}

function slavesSection({ slaves, endMs, deaths: { length: allDeaths } }: RunSummary): string {
  const list = [...slaves.values()].sort((a, b) => a.number - b.number);
  const row = ({ number, host, tasks, failed, deaths, busyMs, startMs }: SlaveSummary) => [
    String(number),
    escapeHtml(host ?? ""),
    countText(tasks),
    countText(failed),
    ...(allDeaths > 0 ? [countText(deaths)] : []),
    durationText(busyMs),
    busyText(busyMs, endMs - startMs),
  ];
  const content = table(
    ["slave", "host", "tasks", "failed", ...(allDeaths > 0 ? ["deaths"] : []), "computed", "busy"],
    list.map(row),
    [1],
  );
  return section(
    "Slaves",
    "",
    list.length <= MAX_OPEN_SLAVES
      ? content
      : `<details><summary>All ${countText(list.length)} slaves</summary>${content}</details>`,
  );
}

function busyText(busyMs: number, availableMs: number): string {
  return availableMs > 0 ? shareText(Math.min(1, busyMs / availableMs)) : "–";
}
