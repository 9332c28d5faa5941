/**
 * The import direction of this project, as a plugin of `deno lint`.
 *
 * Imports go one way: `errors ← task ← wire ← { launch, slave, master }`. Only `master` may import
 * `launch`; `master` and `slave` are two programs, and `wire/messages.ts` is their one vocabulary.
 * Every way to name another module counts: `import`, `export … from`, `import()`, and types.
 *
 * A new file needs a row in {@linkcode PARTS} only if it does not belong to a folder that is there.
 *
 * @module
 */

/** A part of the project: one file, or the files of a folder that have no row of their own. */
interface Part {
  /** Path from the project's root; a folder ends in a slash. */
  at: string;
  /** The parts that its files may import, by their `at`. */
  imports: readonly string[];
  /** Why no others. */
  because: string;
}

const ERRORS = "lib/errors.ts";
const TASK = "lib/";
// What is done with files on disk, by more than one room.
const FILES = "lib/files/";
const DEPS = "lib/deps.ts";
const OWN_GLOBALS = "lib/own_globals.ts";
// It takes the place of JSON.parse, which has a fault.
const READ_JSON = "lib/read_json.ts";
const FRAMES = "lib/wire/frames.ts";
// What may stand between two frames.
const NOTES = "lib/wire/notes.ts";
const CODEC = "lib/wire/codec.ts";
// The tables and halves of the codec. Others see codec.ts alone.
const CODEC_PARTS = "lib/wire/values/";
const MESSAGES = "lib/wire/messages.ts";
const HANDSHAKE = "lib/wire/handshake.ts";
// It tells what the codec has encoded without decoding it.
const INPUT_TEXT = "lib/wire/input_text.ts";
const WIRE = "lib/wire/";
const LAUNCH = "lib/launch/";
const CLUSTER = "lib/launch/cluster/";
// What follows jobs: loaded only where there are any.
const QUEUE = "lib/launch/cluster/queue/";
const SSH = "lib/launch/ssh/";
const MASTER = "lib/master/";
const BOARD = "lib/master/board/";
// What goes wrong with tasks: the board's own.
const FAULTS = "lib/master/board/faults/";
const ENDS = "lib/master/ends/";
const JOURNAL = "lib/master/journal/";
const OBSERVE = "lib/master/observe/";
// Loaded only where there is something to record, but for what opens the files.
const RECORDS = "lib/master/observe/records/";
// The live page: loaded only where somebody wants it, but for what listens.
const DASHBOARD = "lib/master/observe/dashboard/";
const READING = "lib/master/reading/";
const SLAVES = "lib/master/slaves/";
// Slaves on other machines: loaded only where there are any.
const AGENTS = "lib/master/slaves/agents/";
// How many slaves of an array there are.
const ELASTIC = "lib/master/slaves/elastic/";
// What slaves on machines without our files are sent.
const SENT = "lib/master/sent/";
// What all rooms of the master speak of.
const MASTER_WORDS = [
  "lib/master/argument_list.ts",
  "lib/master/deque.ts",
  "lib/master/outcome.ts",
  "lib/master/task_ids.ts",
];
const CLI = "lib/cli/";
// What every program of the command line says of its user's mistakes.
const USAGE_ERROR = "lib/cli/usage_error.ts";
// It has the version.
const PROJECT = "deno.json";
const RANDOM = "lib/random/";
const REPORT = "lib/report/";
const SLAVE = "lib/slave/";
const AGENT = "lib/slave/agent.ts";
// What is sent to machines without our files is laid there.
const LAID = "lib/slave/files/";
const COMMAND = "lib/launch/command.ts";
const OUTPUT_SINK = "lib/launch/output_sink.ts";
const WATCHDOG = "lib/launch/watchdog.ts";
const PROCESS_USE = "lib/launch/process_use.ts";
// What is started and ended on a machine, by whichever program.
const PROCESSES = [COMMAND, OUTPUT_SINK, WATCHDOG, PROCESS_USE];
const ALL_OF_LAUNCH = [LAUNCH, CLUSTER, QUEUE, SSH, ...PROCESSES];
// What every room of the master may import of it.
const MASTER_GROUND = [MASTER, ...MASTER_WORDS];

const VALUES = [ERRORS, TASK, CODEC, MESSAGES, INPUT_TEXT];
const WHOLE_WIRE = [...VALUES, FRAMES, NOTES, HANDSHAKE, WIRE];

const PARTS: readonly Part[] = [
  {
    at: "mod.ts",
    imports: [
      ...WHOLE_WIRE,
      ...ALL_OF_LAUNCH,
      ...MASTER_GROUND,
      JOURNAL,
      OBSERVE,
      READING,
    ],
    because: "it is the public face of the master's program; the slave's program is slave.ts",
  },
  {
    at: "slave.ts",
    imports: [...WHOLE_WIRE, SLAVE],
    because: "a compute node starts it with nothing but Deno and the slave's own modules",
  },
  {
    at: READ_JSON,
    imports: [OWN_GLOBALS],
    because: "it does what a function of the platform does",
  },
  ...[ERRORS, OWN_GLOBALS].map((at) => ({
    at,
    imports: [],
    because: "everything imports it, so it imports nothing",
  })),
  {
    at: DEPS,
    imports: [],
    because: "it holds the third-party specifiers and nothing of ours",
  },
  {
    at: TASK,
    imports: [ERRORS, TASK],
    because: "lib/task.ts and its neighbours say what a task is; they know no network",
  },
  {
    at: FILES,
    imports: [TASK],
    because:
      "what is asked of files on disk is asked by the master, the slave and the command line",
  },
  ...["random.ts", RANDOM].map((at) => ({
    at,
    imports: [RANDOM],
    because: "tasks import random numbers alone, and nothing else of the project",
  })),
  {
    at: "progress.ts",
    imports: [TASK],
    because: "tasks import it: it has nothing of the project but words",
  },
  { at: NOTES, imports: [ERRORS], because: "notes are bytes; what they mean is above them" },
  {
    at: FRAMES,
    imports: [ERRORS, NOTES],
    because: "frames are bytes; what they mean is above them",
  },
  ...[CODEC, CODEC_PARTS].map((at) => ({
    at,
    imports: [ERRORS, CODEC, CODEC_PARTS],
    because: "the codec turns values into bytes, without I/O",
  })),
  {
    at: MESSAGES,
    imports: [ERRORS, TASK, CODEC],
    because: "messages are data; how they travel is not their business",
  },
  {
    at: HANDSHAKE,
    imports: [ERRORS, FRAMES, CODEC, MESSAGES, WIRE],
    because: "who may talk is settled before there is any task",
  },
  {
    at: INPUT_TEXT,
    imports: [TASK, CODEC, CODEC_PARTS, WIRE],
    because: "it knows how values are encoded, and nothing of how they travel",
  },
  { at: WIRE, imports: WHOLE_WIRE, because: "the wire knows no slave and no master" },
  {
    at: LAUNCH,
    imports: [...VALUES, HANDSHAKE, LAUNCH, ...PROCESSES, DEPS],
    because: "launching starts and ends processes; it knows no socket, no master and no slave",
  },
  {
    at: CLUSTER,
    imports: [ERRORS, TASK, LAUNCH, CLUSTER, QUEUE, COMMAND],
    because: "kinds of slaves in a cluster are made of what launching has; nothing else knows them",
  },
  {
    at: QUEUE,
    imports: [TASK, LAUNCH, CLUSTER, QUEUE, COMMAND],
    because: "jobs are followed by the words of their scheduler; only arrays of jobs know of that",
  },
  {
    at: SSH,
    imports: [ERRORS, TASK, HANDSHAKE, LAUNCH, SSH, COMMAND, OUTPUT_SINK],
    because: "slaves at the end of a login are made of what launching has; nothing else knows them",
  },
  {
    at: MASTER,
    imports: [
      FILES,
      ...WHOLE_WIRE,
      ...ALL_OF_LAUNCH,
      ...MASTER_GROUND,
      BOARD,
      ENDS,
      JOURNAL,
      OBSERVE,
      RECORDS,
      DASHBOARD,
      READING,
      SLAVES,
      SENT,
      DEPS,
    ],
    because:
      "master and slave are two programs that share lib/wire/messages.ts and nothing above it",
  },
  ...MASTER_WORDS.map((at) => ({
    at,
    imports: [...VALUES, WIRE, ...MASTER_WORDS],
    because: "all rooms of the master speak of it: it knows none of them",
  })),
  ...[BOARD, FAULTS].map((at) => ({
    at,
    imports: [...VALUES, ...MASTER_WORDS, BOARD, FAULTS],
    because: "what is decided follows from facts and a clock: the board knows no other room",
  })),
  {
    at: ENDS,
    imports: [ENDS],
    because: "how the script ends is this process's matter, whatever it has to end then",
  },
  {
    at: JOURNAL,
    imports: [...VALUES, ...MASTER_GROUND, BOARD, JOURNAL],
    because: "the journal keeps outcomes, whoever reads them",
  },
  {
    at: READING,
    imports: [...VALUES, ...MASTER_GROUND, BOARD, JOURNAL, OBSERVE, READING],
    because: "readers get outcomes from the board and the journal; they know no slave",
  },
  ...[SLAVES, AGENTS, ELASTIC].map((at) => ({
    at,
    imports: [
      ...WHOLE_WIRE,
      ...ALL_OF_LAUNCH,
      ...MASTER_GROUND,
      BOARD,
      OBSERVE,
      SLAVES,
      AGENTS,
      ELASTIC,
      SENT,
      DEPS,
    ],
    because: "the lives of slaves are told to the board; slaves know no reader and no journal",
  })),
  {
    at: SENT,
    imports: [ERRORS, TASK, FILES, MESSAGES, WIRE, MASTER, COMMAND, SENT],
    because: "what modules are made of is found out and sent, whoever asks for it",
  },
  ...[OBSERVE, RECORDS].map((at) => ({
    at,
    imports: [...WHOLE_WIRE, ...MASTER_GROUND, BOARD, OBSERVE, RECORDS],
    because: "what shows a run is told events, and has no part in it",
  })),
  {
    at: DASHBOARD,
    imports: [...VALUES, ...MASTER_GROUND, OBSERVE, DASHBOARD, REPORT],
    because: "the page shows a run: it is told events, looks at it, and draws as a report does",
  },
  {
    at: "report.ts",
    imports: [REPORT, USAGE_ERROR, DEPS],
    because: "a report is made of a job log, by a program of its own",
  },
  {
    at: REPORT,
    imports: [TASK, REPORT],
    because: "a report is made of a job log; it knows no run",
  },
  ...["cli.ts", CLI].map((at) => ({
    at,
    imports: ["mod.ts", TASK, FILES, CLI, USAGE_ERROR, DEPS, PROJECT],
    because: "the command line has what every script has, and nothing more",
  })),
  {
    at: USAGE_ERROR,
    imports: [],
    because: "it is a word of the command line, whichever program uses it",
  },
  { at: PROJECT, imports: [], because: "it is data" },
  {
    at: AGENT,
    imports: [...WHOLE_WIRE, SLAVE, LAID, ...PROCESSES],
    because: "an agent starts processes, as launching does, but knows nothing else of launching",
  },
  {
    at: LAID,
    imports: [ERRORS, TASK, FILES, MESSAGES, LAID],
    because: "it keeps files for whichever agent asks for them; it knows no connection",
  },
  ...PROCESSES.map((at) => ({
    at,
    imports: [...VALUES, HANDSHAKE, LAUNCH, ...PROCESSES, DEPS],
    because: "launching starts and ends processes; it knows no socket, no master and no slave",
  })),
  {
    at: SLAVE,
    imports: [...WHOLE_WIRE, SLAVE, AGENT, LAID, FILES],
    because: "a compute node has nothing but Deno and the slave's own modules: no third-party " +
      "module, and nothing of the master's program",
  },
];

/** The plugin; `lint.plugins` in `deno.json` names this file. */
const plugin: Deno.lint.Plugin = {
  name: "parallel",
  rules: { "import-direction": { create: visitImports } },
};
export default plugin;

const ROOT = new URL("../../", import.meta.url);

function visitImports(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  const file = toFileUrl(context.filename);
  const path = pathFromRoot(file);
  if (path === undefined || !isOurProgram(path)) return {};

  function check(node: Deno.lint.Node, source: Deno.lint.Node | null): void {
    if (source === null) return;
    const specifier = literalText(source);
    if (specifier === undefined) return;
    const reason = whyNot(path!, specifier, file);
    if (reason !== undefined) context.report({ node, message: reason });
  }

  return {
    ImportDeclaration: (node) => check(node, node.source),
    ExportNamedDeclaration: (node) => check(node, node.source),
    ExportAllDeclaration: (node) => check(node, node.source),
    ImportExpression: (node) => check(node, node.source),
    TSImportType: (node) => check(node, node.argument),
  };
}

/** Says why the file at `path` may not import `specifier`; undefined if it may. */
function whyNot(path: string, specifier: string, file: URL): string | undefined {
  const part = partOf(path);
  if (part === undefined) {
    return `${path} is in a folder that has no place in the import direction yet. ` +
      "Give it a row in tests/support/import_direction.ts";
  }
  if (!/^\.{0,2}\//.test(specifier)) return whyNotForeign(path, specifier);

  const target = pathFromRoot(new URL(specifier, file)) ?? specifier;
  const targetPart = partOf(target);
  const imports = part.imports.length === 0 ? [] : [...part.imports, OWN_GLOBALS, READ_JSON];
  if (targetPart !== undefined && imports.includes(targetPart.at)) return undefined;
  const allowed = part.imports.length === 0 ? "nothing of ours" : part.imports.join(", ");
  return `${path} may not import ${target}: ${part.because}. It may import ${allowed}`;
}

/** The same for a specifier that is not a relative path. */
function whyNotForeign(path: string, specifier: string): string | undefined {
  if (specifier.startsWith("node:")) return undefined;
  if (path !== DEPS) {
    return `${path} may not import "${specifier}": a third-party specifier stands in ${DEPS} only, ` +
      "which the slave's program never imports";
  }
  if (/^(npm|jsr|https):/.test(specifier)) return undefined;
  return `${path} may not import "${specifier}": whoever imports us by URL has no import map of ` +
    "ours. Write the full specifier, such as npm:name@1.2.3";
}

function isOurProgram(path: string): boolean {
  return path.startsWith("lib/") || PARTS.some(({ at }) => at === path);
}

function partOf(path: string): Part | undefined {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return PARTS.find(({ at }) => at === path) ?? PARTS.find(({ at }) => at === folder);
}

function pathFromRoot(file: URL): string | undefined {
  return file.href.startsWith(ROOT.href) ? file.href.slice(ROOT.href.length) : undefined;
}

/** `deno lint` gives a native path; `Deno.lint.runPlugin` what the test wrote, from the root. */
function toFileUrl(filename: string): URL {
  const path = filename.replaceAll("\\", "/");
  if (/^([A-Za-z]:)?\//.test(path)) {
    return new URL(
      `file:///${path.replace(/^\//, "").split("/").map(encodeURIComponent).join("/")}`,
    );
  }
  return new URL(path, ROOT);
}

/** The text of a string literal, also as a type or as a template without expressions. */
function literalText(node: Deno.lint.Node): string | undefined {
  if (node.type === "TSLiteralType") return literalText(node.literal);
  if (node.type === "TemplateLiteral" && node.expressions.length === 0) {
    return node.quasis[0].cooked;
  }
  if (node.type === "Literal" && typeof node.value === "string") return node.value;
  return undefined;
}
