import { printError } from "../../print_error.ts";
import type { ManagerEvent } from "./events.ts";
import type { Subscriber } from "./hub.ts";
import { queueMicrotask } from "../../own_globals.ts";

/** Files of slaves that have been named. All managers of a script print to one standard error. */
const namedFiles = new Set<string>();

/** Prints to standard error what a user should know: what a manager does with events by default. */
export class WarningPrinter implements Subscriber {
  readonly wantsTasks = false;
  /** How many slaves were lost for the same reason since the loss of the first one was printed. */
  #alike: { readonly reason: string; count: number } | undefined;

  #isFileNamed = false;

  /** Takes any event. */
  tell(event: ManagerEvent): void {
    switch (event.type) {
      case "slave-restarted":
        if (!event.isAsked) this.#print(`${event.slave.name} is started anew: ${event.reason}`);
        break;
      case "slave-lost":
        this.#tellLoss(event.slave.name, event.reason);
        break;
      case "slave-printed":
        this.#tellFile(event.slave.name, event.file);
        break;
      case "warning":
        this.#print(event.message);
        break;
      case "listening":
      case "slave-queued":
      case "slave-job-started":
      case "slave-started":
      case "slave-connected":
      case "slave-alive":
      case "slave-ended":
      case "startup-started":
      case "startup-finished":
      case "startup-failed":
      case "task-started":
      case "task-finished":
      case "task-failed":
      case "task-cancelled":
      case "task-retried":
      case "task-restored":
      case "progress":
        break;
      default:
        event satisfies never;
    }
  }

  /** The files of a hundred slaves are one line, not a hundred. */
  #tellFile(name: string, file: string): void {
    if (this.#isFileNamed) return;
    this.#isFileNamed = true;
    if (namedFiles.has(file)) return;
    namedFiles.add(file);
    this.#print(`slaves print to files, such as ${file} (${name})`);
  }

  /** If a refused job was to bring a hundred slaves, that is two lines and not a hundred. */
  #tellLoss(name: string, reason: string): void {
    if (this.#alike?.reason === reason) {
      this.#alike.count++;
      return;
    }
    this.#print(`${name} is lost: ${reason}`);
    const alike = this.#alike = { reason, count: 0 };
    queueMicrotask(() => {
      if (this.#alike === alike) this.#endAlike();
    });
  }

  #print(text: string): void {
    this.#endAlike();
    printError(`parallel: ${text}`);
  }

  #endAlike(): void {
    const count = this.#alike?.count ?? 0;
    this.#alike = undefined;
    if (count === 1) printError("parallel: another slave is lost for the same reason");
    if (count > 1) printError(`parallel: ${count} more slaves are lost for the same reason`);
  }
}
