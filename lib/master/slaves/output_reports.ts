import type { SlaveIdentity } from "../../errors.ts";
import type { OutputNews } from "../../wire/messages.ts";
import type { Hub } from "../observe/hub.ts";

/** Reports what happens to the output of a manager's slaves. What happens to all of them is reported once. */
export class OutputReports {
  readonly #hub: Hub;
  /** Reasons that have been reported why output could not be written. */
  readonly #toldFailures = new Set<string>();
  #isSharingTold = false;

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  /**
   * Reports on a slave's output.
   *
   * @param target The file, or `inherit` for the master's standard error.
   */
  tell(slave: SlaveIdentity, target: string, news: OutputNews): void {
    switch (news.type) {
      case "output-begun":
        this.#hub.tell({ type: "slave-printed", slave, file: target });
        if (news.isShared) this.#tellSharing(target);
        break;
      case "output-failed":
        this.#tellFailure(slave, target, news.reason);
        break;
      default:
        news satisfies never;
    }
  }

  #tellSharing(file: string): void {
    if (this.#isSharingTold) return;
    this.#isSharingTold = true;
    this.#hub.warn(
      `Another run, or another manager of this script, writes ${file} as well: what slaves of both print is mixed there. ` +
        'Give each manager an option output of its own, such as "first/slave%d.output"',
    );
  }

  #tellFailure({ name }: SlaveIdentity, target: string, reason: string): void {
    if (this.#toldFailures.has(reason)) return;
    this.#toldFailures.add(reason);
    const where = target === "inherit" ? "standard error" : target;
    this.#hub.warn(
      `Cannot write what ${name} prints to ${where}: ${reason}. Tasks go on; what slaves print is lost until it can be written`,
    );
  }
}
