import { reportProgress } from "../../progress.ts";
import { reportProgress as reportByCopy } from "../../progress.ts?copy";

/** Computes, without giving the event loop a turn, until a file is there; counts its steps. */
export function computeUntil(file: string): string {
  for (let step = 1;; step++) {
    reportProgress(step, 1e12, "computing");
    if (isThere(file)) return Deno.readTextFileSync(file);
  }
}

/** Computes so, and says by another file that it has begun. */
export function beginAndCompute(begun: string, file: string): string {
  Deno.writeTextFileSync(begun, "");
  return computeUntil(file);
}

/** Waits until a file is there, with pauses; told by another copy of the module. */
export async function waitUntil(file: string): Promise<string> {
  for (let step = 1; !isThere(file); step++) {
    reportByCopy(step);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return await Deno.readTextFile(file);
}

/** A startup function that tells how far it has come. */
export function tellingSetup(): void {
  reportProgress(1, 2, "startup");
}

/** Tells the last part and ends the process, once. */
export function tellAndExit(mark: string): string {
  reportProgress(1, 1, "ending");
  if (isThere(mark)) return "again";
  Deno.writeTextFileSync(mark, "told");
  Deno.exit(7);
}

/** What comes of arguments that are none. */
export function tellNonsense(): string[] {
  const calls = [
    () => reportProgress(NaN),
    () => reportProgress(-1),
    () => reportProgress(1, Infinity),
    () => reportProgress("1" as never),
    () => reportProgress(1, null as never),
    () => reportProgress(1, 2, 3 as never),
  ];
  return calls.map((call) => {
    try {
      call();
      return "nothing";
    } catch (error) {
      return String(error);
    }
  });
}

/** Whether a file is there and has been written: it is empty before. */
function isThere(file: string): boolean {
  try {
    return Deno.statSync(file).size > 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
