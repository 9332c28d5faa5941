import type { ComparedWork, Figures, Work } from "./work.ts";

/** A program that is measured, and what it is asked to do. */
export interface Contestant {
  /** Its name in tables. */
  readonly who: string;
  /** Program and arguments; the work follows as the last one. */
  readonly command: readonly string[];
  readonly work: Work;
  /** Whether it is left out if it fails or hangs. */
  readonly isPeer?: boolean;
}

/** A program that takes longer hangs. */
export const HANG_MS = 60_000;

const DENO_RUN = [
  Deno.execPath(),
  "run",
  "--allow-all",
  "--quiet",
  "--no-check",
  "--v8-flags=--expose-gc",
];

/** Our own program. `variant` is one of those in `programs/parallel.ts`. */
export function parallel(work: ComparedWork, variant = "plain", who = "parallel"): Contestant {
  return { who, command: denoProgram("parallel.ts", variant), work };
}

/** The wire, with so many messages in flight over each connection. */
export function wire(work: ComparedWork, inFlight = 64, who = "the wire"): Contestant {
  return { who, command: denoProgram("wire.ts", String(inFlight)), work };
}

/** The command that runs one of `programs/`. */
export function denoProgram(name: string, ...args: string[]): string[] {
  const program = new URL(`programs/${name}`, import.meta.url).href;
  return [...DENO_RUN, program, ...args];
}

/**
 * Runs a program once and takes the figures that it prints.
 *
 * @throws {Error} If it fails, with what it printed, or takes more than a minute.
 */
export async function measure({ who, command, work }: Contestant): Promise<Figures> {
  const [program, ...args] = [...command, JSON.stringify(work)];
  const signal = AbortSignal.timeout(HANG_MS);
  const { code, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null", signal })
    .output();
  const decoder = new TextDecoder();
  const lastLine = decoder.decode(stdout).trimEnd().split("\n").at(-1)!;
  if (code === 0 && lastLine.startsWith("{")) return JSON.parse(lastLine);
  throw new Error(
    `Cannot measure ${who}: ${command.join(" ")} ended with code ${code}\n` +
      decoder.decode(stderr),
  );
}
