/** What `--help` prints. */
export const HELP =
  `Runs a function of yours, or a command, once for each input, in parallel. Prints the results.

  deno run -A cli.ts [OPTIONS] MODULE#FUNCTION [::: INPUT …]
  deno run -A cli.ts [OPTIONS] -- COMMAND [::: INPUT …]

  deno run -A cli.ts tasks.ts#score --slaves 4 ::: 1 2 3
  ls | deno run -A cli.ts -- wc -l {}

MODULE#FUNCTION  a module by its path or URL, and a function that it exports, which gets the input as its
                 argument
-- COMMAND       a program and its arguments, in which {} stands for the input, and {name} for a field of it;
                 without them the input is the last argument. There is no shell: sh -c '…' is one

Inputs: the words behind :::, else the lines of standard input. What reads as JSON is that value, as 3 or true;
anything else is text.
  --input FILE     lines of a file; - for standard input
  --jsonl          each line is a JSON value
  --csv            each row is an object, whose fields the first line names
  --text           words, lines and fields stay texts, whatever they look like

Results: one line each, in the order of the inputs; texts as they are, other values as JSON.
  --to FORMAT      text, jsonl (each line is JSON) or csv (objects are rows)
  --unordered      as they come
  --with-input     each with its input

Slaves: one for each processor of this machine, if no others are asked for.
  --slaves N       so many on this machine
  --sge N          so many jobs in Grid Engine
  --slurm N        so many jobs in Slurm
  --job-options W  words for qsub or sbatch, as "-l mem_free=4G"
  --ssh HOSTS      hosts to log in to, each perhaps with a number of slaves: alice,me@bob:4

The run:
  --journal FILE   keeps each result; the same command, started again, runs only what is missing
  --rerun-failed   with --journal: what failed runs again as well
  --accept-changed-code
                   with --journal: results are good though the code, or the startup, has changed since
  --timeout S      a task that runs longer than S seconds fails
  --retries N      a task that fails runs again, N times at most
  --fail-fast      ends at the first failure
  --startup NAME   a function of the module that runs first on each slave; what it returns follows the input
  --startup-args A its arguments, as a JSON array
  --dry-run        prints what would run
  --progress       shows how far the run is
  --dashboard      shows it on a page in a browser, whose address is printed
  --joblog FILE    a line for each task, for report.ts
  -h, --help       prints this
  --version        prints the version

A failure is told on standard error, with its input, and the run goes on. Exit code: how many inputs have failed;
101 for more than 100; 255 if the run could not be made or finished; 130 after ctrl-C; 141 if nobody reads the results.
`;
