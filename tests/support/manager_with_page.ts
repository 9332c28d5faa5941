import type { CalendarClock } from "../../lib/clock.ts";
import type { Manager, ManagerOptions } from "../../mod.ts";
import { localManager } from "./local_manager.ts";

/** What a function prints to standard error, and what it returns. */
export function printedBy<Result>(
  run: () => Result,
): { readonly result: Result; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const { error } = console;
  console.error = (line: string) => lines.push(line);
  try {
    return { result: run(), lines };
  } finally {
    console.error = error;
  }
}

/**
 * A manager as {@linkcode localManager} makes it, whose run is shown by a page.
 *
 * @returns The manager, and the address that was printed.
 */
export function managerWithPage(
  slaves: number,
  options: ManagerOptions = {},
  clock?: CalendarClock,
): { readonly manager: Manager; readonly url: URL } {
  const { result: manager, lines } = printedBy(() =>
    localManager(slaves, { dashboard: true, ...options }, clock)
  );
  return { manager, url: new URL(/http:\S+/.exec(lines[0])![0]) };
}
