import { printError } from "../../print_error.ts";
import type { ManagerEvent } from "./events.ts";
import type { Subscriber } from "./hub.ts";
import { queueMicrotask } from "../../own_globals.ts";

/** Slaves' files that have been named. All managers of a script print to one standard error. */
const namedFiles = new Set<string>();

/** What happens to a slave whose process has ended. */
type Fate = "lost" | "started anew";

/** Prints to standard error what a user should know: the default use of a manager's events. */
export class WarningPrinter implements Subscriber {
  readonly wantsTasks = false;
  readonly #slaves: { readonly areAllLost: boolean };
  /** Consecutive slaves with the same fate for the same reason: the first one's name, and how many others. Not printed yet. */
  #alike:
    | { readonly name: string; readonly fate: Fate; readonly reason: string; others: number }
    | undefined;
  #isFileNamed = false;

  /** @param slaves The slaves of the manager. */
  constructor(slaves: { readonly areAllLost: boolean }) {
    this.#slaves = slaves;
  }

  /** Takes any event. */
  tell(event: ManagerEvent): void {
    switch (event.type) {
      case "slave-restarted":
        if (!event.isAsked) this.#tellFate(event.slave.name, "started anew", event.reason);
        break;
      case "slave-lost":
        this.#tellFate(event.slave.name, "lost", event.reason);
        break;
      case "slave-printed":
        this.#tellFile(event.slave.name, event.file);
        break;
      case "warning":
        this.#print(event.message);
        break;
      case "listening":
      case "files-laid":
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
      case "task-progress":
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

  /** Names the first file only: the files of a hundred slaves are one line, not a hundred. */
  #tellFile(name: string, file: string): void {
    if (this.#isFileNamed) return;
    this.#isFileNamed = true;
    if (namedFiles.has(file)) return;
    namedFiles.add(file);
    this.#print(`slaves print to files, such as ${file} (${name})`);
  }

  /**
   * If a refused job was to bring a hundred slaves, or their host is cut off, two lines are printed and not a hundred. If no slave is left,
   * none is: the error that ends the run has the reasons.
   */
  #tellFate(name: string, fate: Fate, reason: string): void {
    if (this.#alike?.fate === fate && this.#alike.reason === reason) {
      this.#alike.others++;
      return;
    }
    this.#endAlike();
    const alike = this.#alike = { name, fate, reason, others: 0 };
    queueMicrotask(() => {
      if (this.#alike !== alike) return;
      if (fate === "lost" && this.#slaves.areAllLost) this.#alike = undefined;
      else this.#endAlike();
    });
  }

  #print(text: string): void {
    this.#endAlike();
    printError(`parallel: ${text}`);
  }

  #endAlike(): void {
    if (this.#alike === undefined) return;
    const { name, fate, reason, others } = this.#alike;
    this.#alike = undefined;
    printError(`parallel: ${name} is ${fate}: ${reason}`);
    if (others === 1) printError(`parallel: another slave is ${fate} for the same reason`);
    if (others > 1) printError(`parallel: ${others} more slaves are ${fate} for the same reason`);
  }
}
