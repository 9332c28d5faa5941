const HELD_AGENT = import.meta.resolve("./held_agent.ts");

/** The command that starts an agent whose time stands still, as the option `deno` of a manager. */
export function heldAgent(timeLimitMs: number): string[] {
  const flags = ["--quiet", "--no-check", "-A"];
  return [Deno.execPath(), "run", ...flags, HELD_AGENT, String(timeLimitMs)];
}
