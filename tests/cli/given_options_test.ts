import { assertEquals } from "@std/assert";
import { inOwnNames } from "../../lib/cli/given_options.ts";

const CASES: readonly (readonly [message: string, own: string])[] = [
  ["It will with the option rerunFailed: true", "It will with --rerun-failed"],
  [
    "If they are good, give the context the option acceptChangedCode: true",
    "If they are good, give --accept-changed-code",
  ],
  ["it ran longer than taskTimeoutMs, 200 ms", "it ran longer than --timeout, 200 ms"],
  ["the file that the option joblog names, a", "the file that --joblog names, a"],
  ["The file of the option joblog is not complete", "The file of --joblog is not complete"],
  ["the page of the option dashboard: no", "the page of --dashboard: no"],
  ["Correct the options of SlurmSlaveArray", "Correct --job-options"],
  [
    "SGEQsubSlaveArray cannot be given the word -t of qsub",
    "--job-options cannot be given the word -t of qsub",
  ],
  [
    ". Look into their output, or add slaves with Manager.addSlave()",
    ". Look into their output, or add slaves with --slaves, --sge, --slurm or --ssh",
  ],
  ["the option config of the manager", "the option config of the manager"],
];

Deno.test("inOwnNames: calls options of scripts by their names on the command line, and leaves those that have none", () => {
  for (const [message, own] of CASES) assertEquals(inOwnNames(message), own);
});
