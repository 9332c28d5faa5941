import { assertEquals, assertRejects } from "@std/assert";
import { type Order, readOrder } from "../../lib/cli/order.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";

const TASKS = new URL("tasks.ts", `file://${Deno.cwd()}/`).href;

async function orderOf(...words: string[]): Promise<Order> {
  return await readOrder(words, () => false) as Order;
}

Deno.test("readOrder: without options a function runs here, on lines of standard input", async () => {
  assertEquals(await orderOf("tasks.ts#score"), {
    work: { type: "function", task: { module: TASKS, name: "score" }, startup: undefined },
    source: { type: "file", path: "-", format: "lines" },
    isText: false,
    format: "text",
    isOrdered: true,
    hasInput: false,
    slaves: {
      local: undefined,
      sge: undefined,
      slurm: undefined,
      ssh: [],
      jobOptions: [],
    },
    timeoutMs: undefined,
    retries: 0,
    isFailFast: false,
    isDryRun: false,
    isProgress: false,
    hasPage: false,
    journal: undefined,
    isFailedRerun: false,
    isChangeAccepted: false,
    joblog: undefined,
  });
});

Deno.test("readOrder: reads all options, before and behind the function", async () => {
  const words =
    "--to=jsonl --csv --input in.csv --text --unordered --with-input tasks.ts#score --slaves 4 --sge 100 " +
    "--ssh alice,me@bob:4,[::1]:2 --timeout 0.5 --retries=3 --fail-fast --dry-run --progress --dashboard --journal run.jsonl --rerun-failed --accept-changed-code --joblog run.tsv " +
    "--startup setup";
  const order = await orderOf(
    ...words.split(" "),
    ...["--startup-args", '[{"a": 1}]', "--job-options", "-q long  -l mem_free=4G"],
  );
  assertEquals(order, {
    work: {
      type: "function",
      task: { module: TASKS, name: "score" },
      startup: { name: "setup", args: [{ a: 1 }] },
    },
    source: { type: "file", path: "in.csv", format: "csv" },
    isText: true,
    format: "jsonl",
    isOrdered: false,
    hasInput: true,
    slaves: {
      local: 4,
      sge: 100,
      slurm: undefined,
      ssh: [{ host: "alice", slaves: 1 }, { host: "me@bob", slaves: 4 }, {
        host: "[::1]",
        slaves: 2,
      }],
      jobOptions: ["-q", "long", "-l", "mem_free=4G"],
    },
    timeoutMs: 500,
    retries: 3,
    isFailFast: true,
    isDryRun: true,
    isProgress: true,
    hasPage: true,
    journal: "run.jsonl",
    isFailedRerun: true,
    isChangeAccepted: true,
    joblog: "run.tsv",
  });
});

Deno.test("readOrder: words behind ::: are inputs, whatever they look like", async () => {
  const { source } = await orderOf("tasks.ts#score", ":::", "1", "--", "-x", "--slaves", "");
  assertEquals(source, { type: "words", words: ["1", "--", "-x", "--slaves", ""] });
});

Deno.test("readOrder: words behind -- are a command, up to the inputs", async () => {
  const order = await orderOf("--slaves", "2", "--", "wc", "-l", "--", "{}", ":::", "a");
  assertEquals(order.work, { type: "command", words: ["wc", "-l", "--", "{}"] });
  assertEquals(order.source, { type: "words", words: ["a"] });
  assertEquals([order.isText, order.slaves.local], [true, 2]);
});

Deno.test("readOrder: finds modules by path or URL, and the function's name behind the last #", async () => {
  const cases: [string, { module: string; name: string }][] = [
    ["tasks.ts#default", { module: TASKS, name: "default" }],
    ["/a b/c#1/tasks.ts#größe", { module: "file:///a%20b/c%231/tasks.ts", name: "größe" }],
    ["https://host/tasks.ts#f", { module: "https://host/tasks.ts", name: "f" }],
    ["npm:@scope/package@1#f", { module: "npm:@scope/package@1", name: "f" }],
  ];
  for (const [word, task] of cases) {
    const { work } = await orderOf(word);
    assertEquals(work, { type: "function", task, startup: undefined });
  }
});

Deno.test("readOrder: help and version need nothing else", async () => {
  assertEquals(await readOrder(["--help"], () => true), "help");
  assertEquals(await readOrder(["-h", "x.ts#f"], () => true), "help");
  assertEquals(await readOrder(["--version"], () => true), "version");
});

const MISTAKES: [words: string[], message: string][] = [
  [[], "Name a function, as in tasks.ts#score ::: 1 2 3"],
  [["tasks.ts#f", "1", "2 3"], "Inputs follow three colons: tasks.ts#f ::: 1 '2 3'"],
  [
    ["wc", "-l", "{}"],
    '"wc" names no function, as tasks.ts#score does. If it is a command, it follows two dashes: -- wc -l',
  ],
  [["--slaves", "2", "wc", "-l", "--progress"], "dashes: --slaves 2 --progress -- wc -l"],
  [["tasks.ts"], "Name a function of tasks.ts as well, behind a #: tasks.ts#score"],
  [["tasks.ts", "score", ":::", "1"], "behind a #: tasks.ts#score"],
  [["tasks.ts:fit"], "Name a function of tasks.ts:fit as well, behind a #: tasks.ts#fit"],
  [
    ["t.ts#f", "--csv", "a b.csv"],
    "A file of inputs follows --input: t.ts#f --csv --input 'a b.csv'",
  ],
  [["t.ts#f", "::::", "a.txt"], "A file of inputs follows --input: t.ts#f --input a.txt"],
  [["t.ts#f", ":::+", "1"], ":::+ joins lists of inputs in GNU parallel"],
  [
    ["t.ts#f", ":::", "1", ":::+", "2"],
    "rows of a file, with a field for each: --csv --input FILE",
  ],
  [["t.ts#f", ":::", "1", "::::", "a"], "Inputs follow ::: or come from --input, not both"],
  [["--", "echo", "{}", "::::+", "a"], "::::+ joins lists of inputs in GNU parallel"],
  [
    ["--", "echo", "{}", "::::", "a b.txt", ":::", "c"],
    "A file of inputs follows --input: --input 'a b.txt' -- echo {}",
  ],
  [["--", "echo", "::::"], "A file of inputs follows --input: --input FILE -- echo"],
  [
    ["--", "convert", "{}", "my {.}.png"],
    `{.} is GNU parallel's, and means nothing here. A shell has the input as $1: ` +
    `-- sh -c 'convert "$1" '\\''my '\\''"\${1%.*}".png' sh`,
  ],
  [["--", "x", "a{/}"], `-- sh -c 'x a"\${1##*/}"' sh`],
  [["--", "cd", "{//}"], `-- sh -c 'cd "$(dirname "$1")"' sh`],
  [["--", "x", "{/.}"], `-- sh -c 'x "$(basename "\${1%.*}")"' sh`],
  [
    ["--", "sh", "-c", "x {} >{.}.y"],
    `{.} is GNU parallel's, and means nothing here. A shell has the input as $1: -- sh -c 'x "$1" >"\${1%.*}".y' sh`,
  ],
  [["--", "x {} >{.}.y"], `-- sh -c 'x "$1" >"\${1%.*}".y' sh`],
  [["--", "x {} {.}"], `-- sh -c 'x "$1" "\${1%.*}"' sh`],
  [["--", "x", "{#}"], "{#} is the number of a job in GNU parallel"],
  [["--", "x", "{.}", "{%}"], "{%} is the number of a slot in GNU parallel"],
  [
    ["t.ts#f", "--csv=a b.csv"],
    "--csv takes no value. A file of inputs follows --input: --csv --input 'a b.csv'",
  ],
  [
    ["--jsonl=a", "--", "x"],
    "--jsonl takes no value. A file of inputs follows --input: --jsonl --input a",
  ],
  [
    ["t.ts#f", "--dry-run=no"],
    '--dry-run takes no value, and "no" is one. Leave the option out where it is not meant',
  ],
  [["t.ts#f", "--progress=0"], "--progress takes no value"],
  [["t.ts#f", "--text="], "--text takes no value"],
  [["t.ts#f", "--help=me"], "--help takes no value"],
  [["t.ts#f", "-4", "2", "--slaves", "2"], "Inputs follow three colons: t.ts#f ::: -4 2"],
  [["t.ts#f", "-.5"], "Inputs follow three colons: t.ts#f ::: -.5"],
  [["-0", "--", "x"], "There is no option -0"],
  [["t.ts#f", ":::", "caf\ufffd.txt"], 'The word "caf\ufffd.txt" is not UTF-8 text'],
  [["--", "cat", "caf\ufffd"], 'The word "caf\ufffd" is not UTF-8 text'],
  [["tasks.ts#score()"], "behind a #: tasks.ts#score"],
  [
    ["--", "wc -l {}"],
    '"wc -l {}" is one word, the name of a program. Give its words without quotes around all of them: -- wc -l {}',
  ],
  [
    ["--", "cat 'x' | wc"],
    `Pipes and the like need a shell, which has the input as $1: -- sh -c 'cat '\\''x'\\'' | wc' sh`,
  ],
  [
    ["--", "sort {} >'{}'.new"],
    `-- sh -c 'sort "$1" >"$1".new' sh`,
  ],
  [
    ["t.ts#f", "--rerun-failed"],
    "--rerun-failed is about what a journal has: name it by --journal FILE",
  ],
  [
    ["t.ts#f", "--accept-changed-code"],
    "--accept-changed-code is about what a journal has: name it by --journal FILE",
  ],
  [["t.ts#f", "--resume-failed"], "Is --rerun-failed meant?"],
  [["t.ts#f", "--tag"], "Is --with-input meant?"],
  [
    ["t.ts#f", "-k"],
    "There is no option -k. Leave it out: results come in the order of the inputs",
  ],
  [["t.ts#f", "--keep-order"], "Leave it out: results come in the order of the inputs"],
  [["t.ts#f", "--dryrun"], "There is no option --dryrun. Is --dry-run meant?"],
  [["t.ts#f", "--max-args=1"], "There is no option --max-args=1. See --help"],
  [["t.ts#f", "-n"], "There is no option -n. See --help"],
  [["t.ts#f", "--SSH", "a"], "There is no option --SSH. Is --ssh meant?"],
  [["t.ts#f", "--slave", "4"], "There is no option --slave. Is --slaves meant?"],
  [["t.ts#f", "-j4"], "There is no option -j4. Is --slaves meant?"],
  [["t.ts#f", "--jobs=4"], "There is no option --jobs=4. Is --slaves meant?"],
  [["t.ts#f", "--constructor"], "There is no option --constructor"],
  [["t.ts#f", "--slaves"], "A value has to follow --slaves"],
  [["t.ts#f", "--journal", "--progress"], "A value has to follow --journal"],
  [
    ["t.ts#f", "--slaves", "0"],
    '--slaves takes how many slaves run on this machine, a whole number from 1, and not "0"',
  ],
  [["t.ts#f", "--input", "a", "--input=b"], "--input stands twice. Leave one out"],
  [["t.ts#f", "--ssh", "a", "--ssh", "b"], "Name all hosts in one, as in --ssh alice,bob"],
  [["t.ts#f", "--slaves", "many"], 'and not "many"'],
  [["t.ts#f", "--retries", "-1"], 'and not "-1"'],
  [
    ["t.ts#f", "--timeout", "10s"],
    '--timeout takes seconds, above 0 and below 24 days, and not "10s"',
  ],
  [["t.ts#f", "--timeout", "0"], "above 0"],
  [["t.ts#f", "--ssh", "alice:x"], '"alice:x" is none'],
  [["t.ts#f", "--ssh", "alice,,bob"], '"" is none'],
  [["t.ts#f", "--ssh", "alice:0"], '"alice:0" is none'],
  [["t.ts#f", "--job-options", "-q long"], "give --sge N or --slurm N"],
  [["t.ts#f", "--to", "json"], '--to takes text, jsonl or csv, and not "json"'],
  [["t.ts#f", "--jsonl", "--csv"], "either --jsonl or --csv"],
  [["t.ts#f", "--jsonl", "--text"], "--text is for lines, words and --csv"],
  [["t.ts#f", "--jsonl", ":::", "1"], "--jsonl is for files"],
  [["t.ts#f", "--input", "a", ":::", "1"], "Inputs follow ::: or come from --input, not both"],
  [["t.ts#f", ":::", "1", ":::", "2"], "::: can stand once only"],
  [
    ["t.ts#f", "--startup-args", "[1]"],
    "--startup-args are those of a function that --startup names",
  ],
  [["t.ts#f", "--startup", "s", "--startup-args", "1"], "takes a JSON array of arguments"],
  [["t.ts#f", "--startup", "s", "--startup-args", "[1"], "takes a JSON array of arguments"],
  [["t.ts#f", "--", "wc"], "Both the function t.ts#f and a command are given"],
  [["--"], "A command has to follow --"],
  [["--startup", "s", "--", "wc"], "--startup is for functions"],
];

for (const [words, message] of MISTAKES) {
  Deno.test(`readOrder: says what is wrong with: ${words.join(" ")}`, async () => {
    await assertRejects(() => orderOf(...words), UsageError, message);
  });
}

Deno.test("readOrder: braces and colons of a command are its own where they are not those of GNU parallel", async () => {
  const words = ["sh", "-c", 'echo "${#}" ${.} ${1} {print} {.a} {#x} {/,} :::::', "{ . }", "a:::"];
  const { work } = await orderOf("--", ...words);
  assertEquals(work, { type: "command", words });
  // A column may have such a name.
  assertEquals((await orderOf("--csv", "--", "x", "{#}")).work.type, "command");
});

Deno.test("readOrder: lines of a terminal are read only if that is asked for", async () => {
  await assertRejects(
    () => readOrder(["t.ts#f"], () => true),
    UsageError,
    "There are no inputs. Write them behind :::",
  );
  const order = await readOrder(["t.ts#f", "--input", "-"], () => true) as Order;
  assertEquals(order.source, { type: "file", path: "-", format: "lines" });
});
