/** A function of the user's that is told what happens. */
export class UserFunction<Event> {
  /** As a subscriber it wants all events. */
  readonly wantsTasks = true;
  readonly #run: (event: Event) => unknown;

  constructor(run: (event: Event) => unknown) {
    this.#run = run;
  }

  /** Calls it. */
  tell(event: Event): void {
    try {
      this.#run(event);
    } catch (error) {
      // The run goes on; the fault of the user's code is reported as any uncaught error is.
      reportError(error);
    }
  }
}
