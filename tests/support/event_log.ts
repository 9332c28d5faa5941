import type { ManagerEvent } from "../../mod.ts";

/** An event of one type. */
type EventOf<Type extends ManagerEvent["type"]> = Extract<ManagerEvent, { type: Type }>;

/** Keeps the events of a manager, and lets a test wait for one. */
export class EventLog {
  /** All events so far, oldest first. */
  readonly events: ManagerEvent[] = [];
  #waiting: (() => void)[] = [];

  /** To be given to the manager as the option of this name. */
  readonly onEvent = (event: ManagerEvent): void => {
    this.events.push(event);
    for (const look of this.#waiting.splice(0)) look();
  };

  /** All events of a type so far. */
  of<Type extends ManagerEvent["type"]>(type: Type): EventOf<Type>[] {
    return this.events.filter((event): event is EventOf<Type> => event.type === type);
  }

  /** Waits until there are as many events of a type. */
  async until(type: ManagerEvent["type"], count = 1): Promise<void> {
    while (this.of(type).length < count) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}
