import { messageOf } from "../../../message_of.ts";
import type { Deletions } from "./deletions.ts";
import type { JobTask, TaskArray } from "./job_task.ts";
import type { QueueServices } from "./queue_services.ts";

/** A task whose job cannot start its agent. */
export interface FailedStart {
  readonly task: JobTask;
  readonly array: TaskArray;
  readonly host: string;
}

/** Avoids hosts on which jobs cannot start their agents: jobs that wait, or have failed there, are submitted anew to run on others. */
export class BadHosts {
  readonly #services: QueueServices;
  readonly #deletions: Deletions;
  readonly #isEnding: () => boolean;

  /** @param isEnding Says whether the manager closes: then nothing more is submitted. */
  constructor(services: QueueServices, deletions: Deletions, isEnding: () => boolean) {
    this.#services = services;
    this.#deletions = deletions;
    this.#isEnding = isEnding;
  }

  /** Tasks whose jobs cannot start their agents, and wait. */
  async findFailed(): Promise<FailedStart[]> {
    const failed: FailedStart[] = [];
    const unserved = [...this.#services.followed].filter(({ isWanted }) => isWanted);
    for (const [array, tasks] of Map.groupBy(unserved, ({ options }) => options.array)) {
      if (array === undefined) continue;
      const failures = await array.failures();
      for (const task of tasks) {
        const host = failures.get(task.options.slave!);
        if (host === undefined || task.state.state === "ended") continue;
        task.host = host;
        failed.push({ task, array, host });
      }
    }
    return failed;
  }

  /** Avoids hosts on which jobs of an array fail again and again, and lets the jobs that have failed end. */
  async heed(array: TaskArray, failed: readonly FailedStart[]): Promise<void> {
    const { scheduler, tell } = this.#services;
    const { hosts } = array;
    for (const { host } of failed) hosts.failed(host);
    const bad = failed.filter(({ host }) => hosts.isBad(host));
    const news = Map.groupBy(bad.filter(({ host }) => !hosts.isTold(host)), ({ host }) => host);
    const tails = new Map<string, string>();
    for (const [host, [{ task }]] of news) tails.set(host, await task.findTail());
    for (const { task } of failed) await array.release(task.options.slave!);
    const moved = bad.length === 0 ? new Set() : await this.#move(array, bad);
    for (const { task } of failed) if (!moved.has(task)) task.note({ state: "running" });
    for (const [host, tail] of tails) {
      hosts.noteTold(host);
      const isLeft = hosts.left.includes(host);
      const sequel = isLeft
        ? `Nothing more is submitted to it${
          moved.size === 0
            ? ""
            : `, and ${moved.size} jobs that waited or failed there were submitted anew`
        }`
        : `Leave it out by a word for ${scheduler.programs[0]}`;
      tell(
        `${host} cannot start slaves: ${
          hosts.failures(host)
        } jobs failed there, one after another. ${sequel}. ` +
          `The last printed: ${tail}`,
      );
    }
  }

  /**
   * Submits again the waiting jobs of an array, and those that have failed on bad hosts, so that they run on other hosts.
   *
   * @returns The tasks of these jobs.
   */
  async #move(array: TaskArray, failed: readonly FailedStart[]): Promise<Set<JobTask>> {
    const { left } = array.hosts;
    const hosts = [...new Set([...left, ...failed.map(({ host }) => host)])];
    if (!array.canLeave(hosts)) return new Set();
    const isNew = hosts.length > left.length;
    const areFailed = new Set(failed.map(({ task }) => task));
    const movable = [...this.#services.followed].filter((task) =>
      task.options.array === array && task.isWanted &&
      (areFailed.has(task) || (isNew && task.isWaiting))
    );
    for (const [job, ofJob] of Map.groupBy(movable, ({ job }) => job)) {
      if (this.#isEnding()) break;
      // Once the old job is deleted, it cannot start while the next one is submitted.
      await this.#deletions.delete(job, ofJob);
    }
    if (this.#isEnding()) return new Set();
    for (const task of movable) {
      if (!task.hasServed || task.isKilled) continue;
      task.unmovedReason = `its job was deleted to be submitted anew, without ${
        hosts.join(", ")
      }, when its agent came`;
    }
    const moved = movable.filter(({ isWanted }) => isWanted);
    try {
      await this.#submitAgain(array, moved, hosts);
      array.hosts.leave(hosts);
    } catch (error) {
      if (!this.#isEnding()) {
        await this.#keepHosts(array, moved, areFailed, hosts, messageOf(error));
      }
    }
    return new Set(moved);
  }

  /** Hosts could not be avoided: jobs that waited are submitted again, and may run there; jobs that have failed end. */
  async #keepHosts(
    array: TaskArray,
    tasks: readonly JobTask[],
    areFailed: ReadonlySet<JobTask>,
    hosts: readonly string[],
    refusal: string,
  ): Promise<void> {
    const { scheduler: { name }, tell } = this.#services;
    tell(
      `Cannot leave ${hosts.join(", ")} out of what is submitted to ${name}: ${refusal}`,
    );
    array.hosts.keep(hosts);
    for (const task of tasks) {
      if (areFailed.has(task)) this.#endMoved(task, `it could not start its agent on ${task.host}`);
    }
    const waiting = tasks.filter((task) => !areFailed.has(task));
    if (waiting.length === 0) return;
    try {
      await this.#submitAgain(array, waiting, array.hosts.left);
    } catch (error) {
      const reason = `its job could not be submitted anew: ${messageOf(error)}`;
      for (const task of waiting) this.#endMoved(task, reason);
    }
  }

  /** Ends a task that no longer has a job, although its user has not deleted it. */
  #endMoved(task: JobTask, reason: string): void {
    this.#services.followed.end(task, {
      code: null,
      signal: null,
      reason,
      isTakenAway: true,
      host: task.host,
    });
  }

  async #submitAgain(
    array: TaskArray,
    tasks: readonly JobTask[],
    hosts: readonly string[],
  ): Promise<void> {
    const { scheduler, followed } = this.#services;
    const slaves = tasks.map(({ options }) => options.slave!);
    const names = await array.submitAgain(slaves, hosts);
    tasks.forEach((task, i) => {
      followed.remove(task);
      const { job, task: number } = names[i];
      task.noteSubmitted(job, number, scheduler.taskName(job, number));
      followed.add(task);
      // It was killed while it was being submitted.
      if (task.isKilled) this.#deletions.delete(job, [task]);
    });
  }
}
