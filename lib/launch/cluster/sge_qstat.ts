/**
 * Reads the output of qstat.
 *
 * @module
 */

/** One task of a job array, or a job that is not an array, as Grid Engine sees it. */
export interface SgeTaskStatus {
  /** Such as `qw`, `r`, `Eqw`, `dr`: see qstat(1). */
  readonly state: string;
  /** Where it runs, such as `long.q@nodeB`; empty while it waits. */
  readonly queue: string;
}

/**
 * Reads the output of `qstat -xml`.
 *
 * @returns The tasks by name: `4711.8`, or `4711` for a job that is not an array.
 * @throws {SyntaxError} If it is not the output of `qstat -xml`.
 */
export function parseQstat(xml: string): Map<string, SgeTaskStatus> {
  // If the output was cut off, jobs would seem to be gone.
  if (!xml.includes("<job_info") || !xml.trimEnd().endsWith("</job_info>")) {
    throw new SyntaxError(`Expected the output of qstat -xml, got "${xml.slice(0, 200)}"`);
  }
  const statuses = new Map<string, SgeTaskStatus>();
  for (const entry of elements(xml, "job_list")) {
    const job = element(entry, "JB_job_number");
    const status = { state: element(entry, "state"), queue: element(entry, "queue_name") };
    const tasks = element(entry, "tasks");
    if (tasks === "") statuses.set(job, status);
    else for (const task of parseTaskRanges(tasks)) statuses.set(`${job}.${task}`, status);
  }
  return statuses;
}

/**
 * Reads the reasons for error states from the output of `qstat -j`.
 *
 * @returns The reasons by the number of the task in its array; 1 for a job that is not an array.
 */
export function parseErrorReasons(text: string): Map<number, string> {
  const reasons = new Map<number, string>();
  for (const [, number, reason] of text.matchAll(/^error reason\s+(\d+):\s*(.*)$/gm)) {
    // The reason begins with date, process and job.
    reasons.set(Number(number), reason.replace(/^.*?\]:\s*/, "").trim());
  }
  return reasons;
}

/** The content of the first element with a name, without blanks around it; empty if there is none. */
function element(xml: string, name: string): string {
  return elements(xml, name).next().value?.trim() ?? "";
}

/** The contents of the elements with a name, which are not nested. Scans the text only once, whatever it contains. */
function* elements(xml: string, name: string): Generator<string, undefined> {
  const [start, end] = [`<${name}`, `</${name}>`];
  for (let at = xml.indexOf(start); at >= 0; at = xml.indexOf(start, at)) {
    at += start.length;
    // The beginning of a longer name does not count.
    if (!/[\s>]/.test(xml.charAt(at))) continue;
    const from = xml.indexOf(">", at) + 1;
    at = from === 0 ? -1 : xml.indexOf(end, from);
    if (at < 0) return;
    yield xml.slice(from, at);
  }
}

/** More than any site allows in an array: a longer range would fill the memory. */
const MAX_TASK = 10_000_000;

/** Ranges as in `1-5:2,7`. */
function* parseTaskRanges(text: string): Generator<number> {
  for (const range of text.split(",")) {
    const match = /^(\d+)(?:-(\d+)(?::([1-9]\d*))?)?$/.exec(range.trim());
    const [, first, last = first, step = "1"] = match ?? [];
    if (first === undefined || Number(last) > MAX_TASK) {
      throw new SyntaxError(
        `Expected a range of tasks such as 1-5:2, got "${range.slice(0, 200)}"`,
      );
    }
    for (let task = Number(first); task <= Number(last); task += Number(step)) yield task;
  }
}
