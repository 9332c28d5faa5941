import { HostRecord } from "../../lib/launch/cluster/queue/host_record.ts";
import type { TaskArray } from "../../lib/launch/cluster/queue/job_task.ts";

/** An array as its queue knows it, whose jobs cannot start their agents where the test says so. */
export class PlayedTaskArray implements TaskArray {
  readonly hosts = new HostRecord();
  /** Hosts of slaves whose jobs have failed, and wait. */
  readonly failed = new Map<number, string>();
  /** What was submitted anew. */
  readonly submitted: string[] = [];
  readonly #over = Promise.withResolvers<void>();
  /** Resolves when no job is left. */
  readonly over = this.#over.promise;
  /** Jobs that may not have ended. */
  readonly jobs: Set<string>;

  constructor(jobs: Iterable<string> = []) {
    this.jobs = new Set(jobs);
  }

  failures(): Promise<ReadonlyMap<number, string>> {
    return Promise.resolve(new Map(this.failed));
  }

  jobEnded(job: string): void {
    this.jobs.delete(job);
    if (this.jobs.size === 0) this.#over.resolve();
  }

  release(slave: number): Promise<void> {
    this.failed.delete(slave);
    return Promise.resolve();
  }

  canLeave(): boolean {
    return true;
  }

  submitAgain(
    slaves: readonly number[],
    hosts: readonly string[],
  ): Promise<readonly { readonly job: string; readonly task: number }[]> {
    this.submitted.push(`${slaves} without ${hosts}`);
    return Promise.resolve(slaves.map((_, i) => ({ job: "9", task: i + 1 })));
  }
}
