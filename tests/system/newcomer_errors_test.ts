/**
 * What people do wrong in their first hour, and what they are told: the cause and the remedy, at once.
 *
 * Each mistake is a script in a folder of its own, run as a user runs it, with the permissions given here.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ownFolder } from "../support/document.ts";
import { runInCopy } from "../support/project_copy.ts";
import { MODULE_URL, runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

/** What docs/cluster.md says a master of slaves in Grid Engine needs. */
const SGE_FLAGS = "--allow-net --allow-run=deno,qsub,qstat,qdel --allow-read=. --allow-write=. " +
  "--allow-sys=hostname,networkInterfaces";
const NET = "--allow-net=127.0.0.1";
const RUN = `--allow-run=${Deno.execPath()}`;
const WRITE = "--allow-write=.";
const READ = "--allow-read=.";

interface Mistake {
  /** The script, between the making of a manager with one slave, a context, and the reading of results. */
  readonly adds?: string;
  /** The whole script instead, after the imports. */
  readonly script?: string;
  /** Options of the manager, as source text. */
  readonly options?: string;
  readonly files?: Readonly<Record<string, string>>;
  /** Flags of `deno run`; by default those that the master needs. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What standard error has to say; `DIR` stands for the script's folder. */
  readonly says: readonly string[];
  /** Whether the script ends well all the same. */
  readonly isWarnedOf?: boolean;
  /** What it must not say. */
  readonly hides?: readonly string[];
}

const IMPORTS =
  `import { JobArray, LocalSlave, Manager, remote, SGEPESlaveArray, SGEQsubSlaveArray } from "${MODULE_URL}";\n`;
const TASKS = `const tasks = remote(import.meta.resolve("./tasks.ts"));\n`;
const READS = `for await (const result of context.getResults()) console.log(result);`;
/** A module whose task makes a manager. */
const INNER_MANAGER = `import { LocalSlave, Manager } from "${MODULE_URL}";
  export async function double(x) {
    await using manager = new Manager();
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    context.addTask((x) => 2 * x, x);
    return (await Array.fromAsync(context.getResults()))[0];
  }`;
const INLINE = `context.addTask((x) => x, 1);\n`;

function sourceOf({ script, adds = INLINE, options = `{ output: "null" }` }: Mistake): string {
  if (script !== undefined) return IMPORTS + script;
  return `${IMPORTS}
    await using manager = new Manager(${options});
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    ${adds}
    ${READS}
  `;
}

/** A master whose slaves are a job array. */
const ON_CLUSTER = `
  await using manager = new Manager({ host: "127.0.0.1", tls: false, output: "null" });
  manager.addSlave(new SGEQsubSlaveArray(1));
  const context = manager.getContext();
  ${INLINE}${READS}
`;
const CLUSTER_FLAGS = [
  "--allow-net",
  `--allow-run=${Deno.execPath()},qsub,qstat,qdel`,
  READ,
  WRITE,
];
const NO_GRID_ENGINE = { PATH: "/nowhere" };

/** The flags without one kind of them. */
function without(kind: string): string[] {
  return CLUSTER_FLAGS.filter((flag) => !flag.startsWith(`--allow-${kind}`));
}

const MISTAKES: Readonly<Record<string, Mistake>> = {
  "no slave was added": {
    script: `await using manager = new Manager(); const context = manager.getContext();
      ${INLINE}${READS}`,
    says: ["the manager has no slaves", "Manager.addSlave(new LocalSlave())"],
  },
  "addSlave is given a class": {
    script: `await using manager = new Manager(); manager.addSlave(LocalSlave);`,
    says: ["Expected a slave, such as new LocalSlave(), got the class LocalSlave"],
  },
  "for … of without await": {
    adds: `${INLINE}for (const result of context.getResults()) console.log(result);`,
    says: [
      "Cannot read results without waiting for them",
      `"for await (const result of context.getResults())"`,
    ],
    hides: ["is not iterable"],
  },
  "a spread of results": {
    adds: `${INLINE}console.log([...context.getResultsUnordered()]);`,
    says: [
      "Cannot read results without waiting for them",
      `"await Array.fromAsync(context.getResultsUnordered())"`,
    ],
  },
  "Array.from() of outcomes": {
    adds: `${INLINE}console.log(Array.from(context.getOutcomesUnordered()));`,
    says: [`"await Array.fromAsync(context.getOutcomesUnordered())"`],
  },
  "using without await": {
    script: `using manager = new Manager();`,
    says: [
      "Cannot close a Manager without waiting for it",
      `"await using manager = new Manager()"`,
    ],
  },
  "the results are never read": {
    script: `await using manager = new Manager({ output: "null" });
      manager.addSlave(new LocalSlave()); const context = manager.getContext(); ${INLINE}
      const results = context.getResults();`,
    isWarnedOf: true,
    says: [
      "have not run: nobody has read its results",
      "for await (const result of context.",
      "await context.run(task, [2])",
    ],
  },
  "a map without for await": {
    adds: `context.map((x) => x, [1, 2]);`,
    isWarnedOf: true,
    says: [
      "have not run: nobody has read its results",
      "for await (const result of context.map(task, inputs))",
    ],
  },
  "a map that is awaited as a promise would be, of inputs without a number": {
    adds: `const results = await context.map((x) => x, new Set([1, 2]));`,
    isWarnedOf: true,
    says: ["have not run: nobody has read its results"],
  },
  "tasks of many inputs that nobody reads": {
    script: `await using manager = new Manager({ output: "null" });
      manager.addSlave(new LocalSlave());
      manager.getContext().addTasks((x) => x, [1, 2]);`,
    isWarnedOf: true,
    says: ["have not run: nobody has read its results"],
  },
  "results that nobody reads, of a manager that nobody closes": {
    script: `
      const manager = new Manager({ output: "null" });
      manager.addSlave(new LocalSlave());
      const context = manager.getContext();
      ${INLINE}
    `,
    isWarnedOf: true,
    says: ["have not run: nobody has read its results"],
  },
  "results that nobody reads, of a manager that nobody closes, when memory is freed meanwhile": {
    script: `
      {
        const manager = new Manager({ output: "null" });
        manager.addSlave(new LocalSlave());
        manager.getContext().addTask((x) => x, 1);
        manager.getContext().getResults().next();
      }
      setTimeout(gc, 0);
    `,
    flags: ["--v8-flags=--expose-gc"],
    isWarnedOf: true,
    says: ["have not run: nobody has read its results"],
  },
  "the function that reads is not awaited": {
    script: `await using manager = new Manager({ output: "null" });
      manager.addSlave(new LocalSlave()); const context = manager.getContext(); ${INLINE}
      async function main() { ${READS} }
      main();`,
    says: [
      "the manager is closed",
      "Read all results before closing it; if a function reads them, await it",
    ],
  },
  "an error between run() and the await of its promise": {
    adds: `const sum = context.run((x) => x, [1]); JSON.parse("{wrong"); await sum;`,
    says: [
      "the manager is closed. Await what run() returns before closing it. If another error of the script has closed it",
      "To see it, give what run() returned a catch(() => {})",
    ],
    hides: ["SyntaxError"],
  },
  "the same error, with a catch": {
    adds: `const sum = context.run((x) => x, [1]); sum.catch(() => {}); JSON.parse("{wrong");`,
    says: ["SyntaxError: Expected property name"],
    hides: ["the manager is closed"],
  },
  "two lists of inputs": {
    adds: `context.map((x, y) => x + y, [1, 2], [3, 4]);`,
    says: ["Context.map() has one list of inputs", "make pairs: map(([x, y]) =>"],
  },
  "a method, without its object": {
    adds: `class Model { k = 2; weigh(x) { return this.k * x; } }
      context.addTask(new Model().weigh, 1);`,
    says: [
      "Cannot read properties of undefined (reading 'k'). An inline task comes to the slave without the object",
      "Pass what it needs as an argument, or export a class with a method run",
    ],
  },
  "a list of permissions": {
    script: `await using manager = new Manager({ permissions: ["read"] });`,
    says: [`must be "inherit", "none" or an object such as { read: ["/data"] }, not [ "read" ]`],
  },
  "a folder for a journal": {
    script: `await using manager = new Manager({ output: "null" });
      manager.getContext(undefined, { journal: "." });`,
    says: ["Cannot open the journal .: Is a directory", "Name a file, such as run.jsonl"],
    flags: [NET, RUN, READ, WRITE],
  },
  "the name of a scheduler": {
    script: `new JobArray("PBS", 100);`,
    says: [`the words of a scheduler, as examples/pbs_slave_array.ts has them, got "PBS"`],
  },
  "inputs that are not awaited": {
    adds: `const load = async () => [1, 2]; context.addTasks((x) => x, load());`,
    says: ["iterable of inputs, such as an array, got Promise", "Await it first"],
  },
  "an argument that is not awaited": {
    adds: `const load = async () => 1; context.addTask((x) => x, load());`,
    says: ["args[0] is a Promise, which cannot be sent", "Await it first"],
  },
  "a task that is not awaited": {
    adds: `const make = async () => (x) => x; context.addTask(make(), 1);`,
    says: ["Expected a task", "got Promise", "Await it first"],
  },
  "a result that is not awaited": {
    adds: `context.addTask((x) => ({ value: Promise.resolve(x) }), 1);`,
    says: ["returned what cannot be sent", "result.value is a Promise", "Await it first"],
  },

  "a result that cannot be cloned": {
    adds: `context.addTask((x) => ({ onDone: [() => x] }), 1);`,
    says: [
      "returned what cannot be sent on local slave 0: result.onDone[0] is a function, which cannot be sent to another process. " +
      "Return the plain data that it is made from instead",
    ],
    hides: ["make it on the slave"],
  },

  "no permission at all": {
    options: "{}",
    flags: [],
    says: [
      "Cannot listen for slaves on 127.0.0.1",
      `Run the master with --allow-net=127.0.0.1 ${RUN} --allow-write=.`,
    ],
  },
  "no --allow-net": {
    flags: [RUN],
    says: ["Cannot listen for slaves on 127.0.0.1", "Run the master with --allow-net=127.0.0.1"],
  },
  "--allow-net of another host": {
    options: `{ output: "null", host: "localhost" }`,
    says: ["Cannot listen for slaves on localhost", "Run the master with --allow-net=localhost"],
  },
  "no --allow-run": {
    flags: [NET],
    says: ["Cannot start", `Run the master with ${RUN}`],
  },
  "no --allow-write": {
    options: "{}",
    flags: [NET, RUN],
    says: [
      "Cannot write the slave's output to slave%d.output: Requires write access to it",
      `Run the master with --allow-write=., or set the option output to "null"`,
    ],
    hides: ["Look into their output"],
  },
  "a task makes a manager, and may not listen": {
    adds: `${TASKS}context.addTask(tasks.double, 2);`,
    files: { "tasks.ts": INNER_MANAGER },
    says: [
      'Cannot listen for slaves on 127.0.0.1: Requires net access to "127.0.0.1:0". The manager that runs this task has to permit it',
      'Tasks may do what the option permissions of the manager says: give { net: ["127.0.0.1:0"] }',
    ],
    hides: ["Run the master with"],
  },
  "a task makes a manager, and may not start its slave": {
    options: `{ output: "null", permissions: { net: ["127.0.0.1"] } }`,
    adds: `${TASKS}context.addTask(tasks.double, 2);`,
    files: { "tasks.ts": INNER_MANAGER },
    says: [
      `Requires run access to "${Deno.execPath()}". The manager that runs this task has to permit it`,
      `Tasks may do what the option permissions of the manager says: give { run: ["${Deno.execPath()}"] }`,
    ],
    hides: ["Run the master with"],
  },
  "a task makes a manager, and may not write its slave's output": {
    options: `{ output: "null", permissions: { net: ["127.0.0.1"], run: ["deno"] } }`,
    adds: `${TASKS}context.addTask(tasks.double, 2);`,
    files: { "tasks.ts": INNER_MANAGER.replace("new Manager()", 'new Manager({ output: "x" })') },
    says: [
      "Cannot write the slave's output to x",
      'The manager that runs this task has to permit it, or set the option output to "null"',
    ],
    hides: ["Run the master with"],
  },
  "a task makes a manager, and may not open its journal": {
    options: `{ output: "null", permissions: { net: ["127.0.0.1"], run: ["deno"] } }`,
    adds: `${TASKS}context.addTask(tasks.double, 2);`,
    files: {
      "tasks.ts": INNER_MANAGER.replace("getContext()", 'getContext(undefined, { journal: "x" })'),
    },
    says: ["Cannot open the journal x", "The manager that runs this task has to permit it"],
    hides: ["Run the master with"],
  },
  "no --allow-read for the import map": {
    adds: `${TASKS}context.addTask(tasks.double, 2);`,
    files: {
      "deno.json": `{ "imports": { "numbers": "./numbers.ts" } }`,
      "numbers.ts": `export const two = 2;`,
      "tasks.ts": `import { two } from "numbers"; export const double = (x: number) => two * x;`,
    },
    says: [
      `Import "numbers" not a dependency, at file://DIR/tasks.ts:1:21`,
      "the nearest deno.json or package.json, beside the main module or above it, if the master may read it (--allow-read)",
    ],
    hides: ["slave.ts:"],
  },
  "no --allow-read for a journal": {
    script: `await using manager = new Manager();
      manager.getContext(undefined, { journal: "run.jsonl" });`,
    flags: [WRITE],
    says: [
      "Cannot open the journal run.jsonl",
      "Run the master with --allow-read and --allow-write",
    ],
  },
  "no --allow-sys on a cluster": {
    script: ON_CLUSTER.replace(`host: "127.0.0.1", `, ""),
    flags: CLUSTER_FLAGS,
    env: NO_GRID_ENGINE,
    says: [
      "Cannot listen for slaves on this machine's host name",
      "Run the master with --allow-sys=hostname,networkInterfaces",
      `In all it needs ${SGE_FLAGS}`,
    ],
  },
  "no --allow-net on a cluster": {
    script: ON_CLUSTER.replace(`host: "127.0.0.1", `, ""),
    flags: [...without("net"), "--allow-sys=hostname,networkInterfaces"],
    env: NO_GRID_ENGINE,
    says: [
      "Cannot listen for slaves on this machine's host name",
      `Run the master with --allow-net. In all it needs ${SGE_FLAGS}`,
    ],
  },
  "no --allow-run=qsub on a cluster": {
    script: ON_CLUSTER,
    files: { qsub: "#!/bin/sh" },
    env: { PATH: "." },
    flags: [...without("run"), RUN],
    says: [
      "Cannot run qsub",
      "Run the master with --allow-run=deno,qsub,qstat,qdel",
      `In all it needs ${SGE_FLAGS}`,
    ],
  },
  "no --allow-write on a cluster": {
    script: ON_CLUSTER,
    flags: without("write"),
    env: NO_GRID_ENGINE,
    says: ["Cannot make a folder for the connection in DIR", "(--allow-write)"],
  },
  "a machine without Grid Engine": {
    script: ON_CLUSTER,
    flags: CLUSTER_FLAGS,
    env: NO_GRID_ENGINE,
    says: ["qsub is not on PATH", "common/settings.sh"],
  },
  "no --allow-env in a parallel environment": {
    script: `new SGEPESlaveArray();`,
    flags: [],
    says: ["Cannot make an SGEPESlaveArray", "Run the master with --allow-env=PE_HOSTFILE"],
  },
  "no --allow-read in a parallel environment": {
    script: `new SGEPESlaveArray();`,
    flags: ["--allow-env=PE_HOSTFILE"],
    env: { PE_HOSTFILE: "/etc/hostname" },
    says: [
      "the host file /etc/hostname cannot be used",
      `Run the master with --allow-read="$PE_HOSTFILE"`,
    ],
  },
  "no --allow-net in a parallel environment": {
    script: `
      await using manager = new Manager({ host: "127.0.0.1", tls: false, output: "null" });
      manager.addSlave(new SGEPESlaveArray());
      const context = manager.getContext();
      ${INLINE}${READS}`,
    flags: ["--allow-env=PE_HOSTFILE", "--allow-sys=hostname", READ],
    files: { hosts: `${Deno.hostname()} 1 all.q@here <NULL>\nnodeA 1 all.q@nodeA <NULL>\n` },
    env: { PE_HOSTFILE: "hosts" },
    says: [
      "Cannot listen for slaves on 127.0.0.1",
      `In all it needs --allow-net --allow-run=deno,qrsh --allow-read=.,"$PE_HOSTFILE"`,
    ],
  },
  "no --allow-sys in a parallel environment": {
    script: `new SGEPESlaveArray();`,
    flags: ["--allow-env=PE_HOSTFILE", READ],
    files: { hosts: "nodeA 2 all.q@nodeA <NULL>\n" },
    env: { PE_HOSTFILE: "hosts" },
    says: [
      "Cannot make an SGEPESlaveArray",
      "Run the master with --allow-sys=hostname,networkInterfaces",
    ],
  },
  "a task that needs a file which its slave may not read": {
    adds: `context.addTask((path) => Deno.readTextFile(path), "/etc/hostname");`,
    flags: [NET, RUN, READ],
    says: [
      `Requires read access to "/etc/hostname". Tasks may do what the option permissions`,
      `give { read: ["/etc/hostname"] } there`,
      "--allow-read for the master, without a list",
    ],
  },
  "a task that writes a file, and its master may write all but the Deno that it may run": {
    adds: `context.addTask((path) => Deno.writeTextFile(path, "x"), "written");`,
    flags: [NET, RUN, "--allow-write"],
    says: [
      'Requires write access to "written". Tasks may do what the option permissions',
      'give { write: ["written"] } there',
      "--allow-write and --allow-run for the master, both without a list, give it to them",
    ],
  },
  "a task that needs the network": {
    adds: `context.addTask(() => fetch("http://127.0.0.1:4711/"));`,
    options: `{ output: "null", permissions: { read: true } }`,
    says: [`Requires net access to "127.0.0.1:4711"`, `give { net: ["127.0.0.1:4711"] } there`],
  },
  "a task that imports what its slave may not": {
    adds: `context.addTask((url) => import(url), "http://127.0.0.1:4711/x.js");`,
    options: `{ output: "null", permissions: "none" }`,
    says: [
      `Requires import access to "127.0.0.1:4711"`,
      `give { import: ["127.0.0.1:4711"] } there`,
    ],
  },
  "a task that runs a program": {
    adds: `context.addTask(() => new Deno.Command("true").outputSync().code);`,
    says: [`Requires run access to "true"`, `give { run: ["true"] } there`],
  },

  "the host is unknown": {
    options: `{ output: "null", host: "no-such-host.invalid" }`,
    flags: ["--allow-net", RUN],
    says: [
      "NetworkError: Cannot listen for slaves on no-such-host.invalid: failed to lookup address",
      "Set the options host and port of the manager to an address of this machine",
    ],
  },

  "a module's path is wrong": {
    adds: `context.addTask(remote(import.meta.resolve("./taks.ts")).double, 2);`,
    says: [
      `Cannot load double from file://DIR/taks.ts: Module not found "file://DIR/taks.ts"`,
      "Is the path given to remote() right, and does the slave's machine see the file?",
    ],
  },
  "a module's path is relative": {
    adds: `context.addTask(remote("./tasks.ts").double, 2);`,
    says: [
      "a slave does not know what it is relative to",
      `Use remote(import.meta.resolve("./tasks.ts"))`,
    ],
  },
  "what a module imports is not there": {
    adds: `${TASKS}context.addTask(tasks.double, 2);`,
    files: { "tasks.ts": `import { two } from "./two.ts"; export const double = (x) => two * x;` },
    says: [
      `Module not found "file://DIR/two.ts", at file://DIR/tasks.ts:1:21`,
      "Is the path there right",
    ],
  },
  "an export is missing": {
    adds: `${TASKS}context.addTask(tasks.dubble, 2);`,
    files: { "tasks.ts": `export const double = (x) => 2 * x; export const half = (x) => x / 2;` },
    says: [
      "Cannot load dubble from file://DIR/tasks.ts: there is no such export",
      "it exports double, half",
    ],
  },
  "a default export is asked for by its name": {
    adds: `${TASKS}context.addTask(tasks.double, 2);`,
    files: { "tasks.ts": `export default function double(x: number) { return 2 * x; }` },
    says: ["there is no such export; it exports default", "is tasks.default for addTask()"],
  },
  "a remote module is added instead of an export of it": {
    adds: `${TASKS}context.addTask(tasks, 2);`,
    says: ["got the remote module itself", "Name one of its exports, as in tasks."],
  },
  "a module has a syntax error": {
    adds: `${TASKS}context.addTask(tasks.double, 2);`,
    files: { "tasks.ts": "export function double(x: number) {\n  return 2 * ;\n}" },
    says: ["Cannot load double", "SyntaxError: Expression expected", "at file://DIR/tasks.ts:2:14"],
    hides: ["the module throws"],
  },
  "a module throws while it is loaded": {
    adds: `${TASKS}context.addTask(tasks.double, 2);`,
    files: { "tasks.ts": "const table = JSON.parse('{');\nexport const double = (x) => 2 * x;" },
    says: [
      "Cannot load double from file://DIR/tasks.ts: the module throws while it is loaded: SyntaxError",
      "at file://DIR/tasks.ts:1:20",
    ],
  },
  "a module throws what is no error while it is loaded": {
    adds: `${TASKS}context.addTask(tasks.double, 2);`,
    files: { "tasks.ts": "throw 'no GPU here';" },
    says: ["the module throws while it is loaded: no GPU here"],
  },
  "a function uses a variable around it": {
    adds: `const factor = 3; context.addTask((x) => factor * x, 2);`,
    says: [
      "ReferenceError: factor is not defined",
      "An inline task cannot see variables of the scope around it: pass factor as an argument, or export",
    ],
  },
  "a startup function uses a variable around it": {
    script: `const path = "model.txt";
      await using manager = new Manager({ output: "null" });
      manager.addSlave(new LocalSlave());
      const context = manager.getContext(() => path.length);
      ${INLINE}${READS}`,
    says: [
      "ReferenceError: path is not defined. An inline startup function cannot see variables of the scope around it: " +
      "pass path as an argument, getContext((path) => …, { args: [path] })",
    ],
  },
  "a task calls a method of an instance that it was given": {
    adds: `class Point { constructor(x) { this.x = x; } norm() { return Math.abs(this.x); } }
      context.addTask((p) => p.norm(), new Point(-3));`,
    says: [
      "TypeError: p.norm is not a function. If that is one of the task's arguments: methods do not travel, and an instance of a " +
      "class of your own arrives as a plain object. Send its data, and make the object in the task",
    ],
  },
  "the port stands in the option host": {
    options: `{ output: "null", host: "localhost:80" }`,
    says: ['A port has an option of its own: { host: "localhost", port: 80 }'],
    hides: ["FQDN", "Cannot listen"],
  },
  "an argument cannot be cloned": {
    adds: `context.addTask((x) => x, { options: [{ onDone: () => {} }] });`,
    says: [
      "args[0].options[0].onDone is a function, which cannot be sent to another process",
      "or make it on the slave, in the startup function or the task",
    ],
  },
  "options of a context stand in place of its startup function": {
    script: `await using manager = new Manager();
      manager.getContext({ journal: "run.jsonl" });`,
    says: [
      'Expected a startup function: an export of a remote() module or an inline function, got { journal: "run.jsonl" }. ' +
      "Options come after it, also where there is none: getContext(undefined, { journal: … })",
    ],
  },
  "the command that starts Deno is one text": {
    options: `{ output: "null", deno: "nice -n 5 deno" }`,
    flags: [NET, "--allow-run"],
    says: [
      "Cannot start nice -n 5 deno: ",
      'Set the option deno of the manager to a command that starts Deno; if it has several words, to a list of them: ["nice","-n","5","deno"]',
    ],
  },
  "a function of this module is called here": {
    adds: `${TASKS}context.addTask(tasks.double(2));`,
    says: [
      "Cannot call double here: it runs on the slaves",
      "Give it to addTask(tasks.double, ...args)",
    ],
  },

  "the host cannot be resolved": {
    options: `{ output: "null", host: "no-such-host.invalid" }`,
    flags: ["--allow-net", RUN],
    says: [
      "Cannot listen for slaves on no-such-host.invalid",
      "Set the options host and port of the manager to an address of this machine",
    ],
  },
  "the folder for output is missing": {
    options: `{ output: "logs/slave%d.txt" }`,
    flags: [NET, RUN, WRITE],
    says: [
      "Cannot write the slave's output to logs/slave0.txt: there is no folder logs",
      "Make it first, or set the option output",
    ],
  },
  "the folder for a journal is missing": {
    script: `await using manager = new Manager();
      manager.getContext(undefined, { journal: "nowhere/run.jsonl" });`,
    flags: [READ, WRITE],
    says: ["Cannot open the journal nowhere/run.jsonl: No such file", "Make its folder first"],
  },
  "deno is not there": {
    options: `{ output: "null", deno: "./no-deno" }`,
    flags: [NET, "--allow-run"],
    says: ["Cannot start ./no-deno", "Set the option deno of the manager"],
  },
  "deno is too old on the slave": {
    options: `{ output: "null", deno: "./old-deno" }`,
    // Made of a Deno that is new enough.
    files: {
      "old-deno": `#!/bin/sh
        shift
        exec ${Deno.execPath()} run --preload 'data:text/javascript,Object.defineProperty(Deno,"version",{value:{deno:"2.1.4"}});delete globalThis.SuppressedError' "$@"`,
    },
    flags: [NET, "--allow-run"],
    says: [
      "Deno is too old here: 2.1.4. Install 2.8.0 or newer",
      "the option deno of the manager",
    ],
    hides: ["Refused a connection"],
  },
  "deno is so old on the slave that it does not know our options": {
    options: `{ output: "null", deno: "./old-deno" }`,
    files: {
      "old-deno": `#!/bin/sh\necho "error: unexpected argument '--preload' found" >&2; exit 1`,
    },
    flags: [NET, "--allow-run"],
    says: ["its Deno is too old: install 2.8.0 or newer, or set the option deno of the manager"],
  },
  "a flag behind the program in the option deno that Deno does not know": {
    options: `{ output: "null", deno: ["${Deno.execPath()}", "--unstable-nothing"] }`,
    says: [
      "deno run --unstable-nothing … ",
      "its Deno does not know --unstable-nothing: correct the option deno of the manager",
    ],
    hides: ["too old"],
  },
  "a flag and its value are two words in the option deno": {
    options: `{ output: "null", deno: ["${Deno.execPath()}", "--location", "http://localhost/"] }`,
    says: [
      "in the option deno of the manager, write a flag and its value as one word: --location=…",
    ],
    hides: ["does not know", "too old"],
  },
  "a permission stands in the option deno": {
    options: `{ output: "null", deno: ["${Deno.execPath()}", "-A"] }`,
    flags: [NET, RUN, "--allow-sys"],
    says: ["what tasks may do is said by the option permissions of the manager"],
  },
  "a permission stands in the option deno, of an older Deno": {
    options: `{ output: "null", deno: ["./old-deno", "-A"] }`,
    files: {
      "old-deno": `#!/bin/sh
        echo "error: the argument '--allow-all...' cannot be used with '--allow-read[=<PATH>...]'" >&2; exit 1`,
    },
    flags: [NET, "--allow-run"],
    says: ["what tasks may do is said by the option permissions of the manager"],
  },
  "a configuration stands in the option deno": {
    options: `{ output: "null", deno: ["${Deno.execPath()}", "--config=deno.json"] }`,
    says: ["how modules resolve on slaves is said by the option config of the manager"],
  },
  "the address space is limited": {
    options: `{ output: "null", deno: "./limited-deno" }`,
    files: {
      "limited-deno": `#!/bin/sh\nulimit -v 20000000\nexec ${Deno.execPath()} "$@"`,
    },
    flags: [NET, "--allow-run"],
    says: [
      "its address space is limited, and Deno reserves about 36 GB of it, whatever it uses, exit code 133",
      "Raise ulimit -v, or have the scheduler limit memory by another resource, in Grid Engine not by h_vmem",
    ],
    hides: ["too old", "C stack trace", "Add slaves"],
  },
  "the system gives a slave no threads": {
    options: `{ output: "null", deno: "./deno-without-threads" }`,
    // What Deno prints then. No limit of these holds for root.
    files: {
      "deno-without-threads":
        `#!/bin/sh\necho "Deno could not start: unable to create worker threads." >&2; exit 1`,
    },
    flags: [NET, "--allow-run"],
    says: [
      "it reached the limit of processes and threads, see ulimit -u, exit code 1",
      "Each slave is a process of several threads: raise ulimit -u, or the limit of the container, or add fewer slaves",
    ],
    hides: ["Add slaves"],
  },
  "the heap of a slave is too small for a task": {
    options:
      `{ output: "null", maxAttempts: 1, deno: ["${Deno.execPath()}", "--v8-flags=--max-old-space-size=40"] }`,
    adds: `context.addTask(() => { const all = []; for (;;) all.push({ x: [all.length] }); });\n`,
    says: [
      "is given up: a slave died while running it",
      "it ran out of memory: its heap was full with ",
      'For a heap of 8 GB, start slaves with the manager\'s option deno: ["deno", "--v8-flags=--max-old-space-size=8192"]',
    ],
    hides: ["raise maxAttempts", "Last few GCs"],
  },
  "an option is misspelt": {
    options: `{ outputs: "null" }`,
    says: ["Unknown option outputs of Manager. There are: deno, host, port, output"],
  },
};

/** Runs a mistake; returns what it says. */
async function standardErrorOf(mistake: Mistake): Promise<{ code: number; stderr: string }> {
  await using folder = new TempFolder();
  for (const [name, text] of Object.entries(mistake.files ?? {})) {
    folder.write(name, text);
    if (text.startsWith("#!")) Deno.chmodSync(folder.file(name), 0o755);
  }
  const flags = ["--no-check", ...(mistake.flags ?? [NET, RUN])];
  const { code, stderr } = await runScript(folder, sourceOf(mistake), flags, mistake.env);
  return { code, stderr: stderr.replaceAll(folder.path, "DIR") };
}

for (const [name, mistake] of Object.entries(MISTAKES)) {
  Deno.test(`a newcomer's mistake: ${name}`, async () => {
    const { code, stderr } = await standardErrorOf(mistake);
    for (const text of mistake.says) assertStringIncludes(stderr, text);
    for (const text of mistake.hides ?? []) assert(!stderr.includes(text), stderr);
    // What the error says is not warned of as well.
    if (!mistake.isWarnedOf) assert(!/^parallel: .* (is lost|have not run)/m.test(stderr), stderr);
    assertEquals(code, mistake.isWarnedOf ? 0 : 1, stderr);
  });
}

Deno.test("a newcomer's mistake: the port is in use", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const { stderr } = await standardErrorOf({
    options: `{ output: "null", port: ${port} }`,
    says: [],
  });
  assertStringIncludes(stderr, `Cannot listen for slaves on 127.0.0.1:${port}: the port is in use`);
  assertStringIncludes(stderr, "Choose another, or leave out the option port");
});

Deno.test("a newcomer's mistake: more slaves than files may be open", async () => {
  await using folder = new TempFolder();
  folder.write(
    "main.ts",
    `${IMPORTS}
      await using manager = new Manager({ output: "null" });
      for (let i = 0; i < 40; i++) manager.addSlave(new LocalSlave());
      const context = manager.getContext();
      for (let i = 0; i < 100; i++) context.addTask((x) => x, i);
      console.log((await Array.fromAsync(context.getResults())).length);
      try {
        for (;;) Deno.listen({ hostname: "127.0.0.1", port: 0 });
      } catch (error) {
        if (!error.message.includes("Too many open files")) throw error;
      }
      // Deno panics here if it has not been made ready for signals before.
      Deno.addSignalListener("SIGTERM", () => {});
      Deno.exit();`,
  );
  const command = `${Deno.execPath()} run --quiet --no-check ${NET} ${RUN} main.ts`;
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", `ulimit -n 128; exec ${command}`],
    cwd: folder.path,
    env: { NO_COLOR: "1" },
  }).output();
  const said = new TextDecoder().decode(stderr);
  const limit =
    "This is the limit of open files, see ulimit -n: in the master each slave takes 7. Raise it, or add fewer slaves";
  assertEquals([code, new TextDecoder().decode(stdout)], [0, "100\n"], said);
  assertEquals(said.split(limit).length, 2, said);
  assert(!said.includes("Set the option deno"), said);
});

Deno.test("a newcomer's script: what startup returns keeps its class, what a task returns becomes a plain object", async () => {
  await using folder = new TempFolder();
  folder.write(
    "tasks.ts",
    `export class Model { constructor(readonly x: number) {} double(): number { return 2 * this.x; } }
     export const setup = () => new Model(21);
     export const double = (model: Model) => model.double();
     export const make = () => new Model(21);`,
  );
  const { code, stdout, stderr } = await runScript(
    folder,
    `${IMPORTS}${TASKS}
      await using manager = new Manager({ output: "null" });
      manager.addSlave(new LocalSlave());
      const context = manager.getContext(tasks.setup);
      context.addTask(tasks.double);
      context.addTask(tasks.make);
      for await (const result of context.getResults()) console.log(result, typeof result.double);`,
    ["--no-check", NET, RUN],
  );
  assertEquals([code, stdout, stderr], [0, "42 undefined\n{ x: 21 } undefined\n", ""]);
});

/** Of a library that is not there, the linker of Debian says a word on standard error and goes on. */
const LINKER_VARIABLES = { LD_LIBRARY_PATH: "/opt/cluster/lib", LD_DEBUG_OUTPUT: "/dev/null" };

Deno.test("a newcomer's script: variables for the linker, as module load sets them, need no other permission", async () => {
  for (const flags of [[NET, RUN], [NET, RUN, "--allow-env"], [NET, "--allow-run"]]) {
    await using folder = new TempFolder();
    const source = sourceOf({ adds: INLINE, says: [] });
    const { code, stdout, stderr } = await runScript(
      folder,
      source,
      ["--no-check", ...flags],
      LINKER_VARIABLES,
    );
    assertEquals([code, stdout, stderr], [0, "1\n", ""], flags.join(" "));
  }
});

Deno.test("a newcomer's script: a host in brackets, or in capital letters, is taken", async () => {
  for (const host of ["LOCALHOST", "[::1]"]) {
    await using folder = new TempFolder();
    const source = sourceOf({ options: `{ output: "null", host: "${host}" }`, says: [] });
    const { code, stdout, stderr } = await runScript(folder, source, [
      "--no-check",
      "--allow-net",
      RUN,
    ]);
    assertEquals([code, stdout, stderr], [0, "1\n", ""], host);
  }
});

/** What a project of Node has: a package.json, and packages in node_modules. */
const NODE_PROJECT = {
  "package.json": `{ "type": "module", "imports": { "#two": "./two.js" },
    "dependencies": { "tripled": "^1.0.0", "linked": "file:./somewhere" }, "devDependencies": { "@me/dev": "1" } }`,
  "two.js": `export const two = 2;`,
  "node_modules/tripled/package.json":
    `{ "name": "tripled", "version": "1.2.0", "type": "module", "main": "main.js" }`,
  "node_modules/tripled/main.js": `export const triple = (x) => 3 * x;`,
  "node_modules/tripled/more.js": `export const more = 1;`,
  "node_modules/linked/package.json":
    `{ "name": "linked", "version": "0.0.1", "type": "module", "main": "main.js" }`,
  "node_modules/linked/main.js": `export const linked = 10;`,
  "node_modules/@me/dev/package.json":
    `{ "name": "@me/dev", "version": "1.0.0", "type": "module", "main": "main.js" }`,
  "node_modules/@me/dev/main.js": `export const dev = 100;`,
  "tasks.ts": `import { triple } from "tripled"; import { more } from "tripled/more.js";
    import { linked } from "linked"; import { dev } from "@me/dev"; import { two } from "#two";
    export const compute = (x: number) => triple(x) * two + more + linked + dev;`,
};

Deno.test("a newcomer's script: in a project with a package.json only, slaves resolve what the master resolves", async () => {
  // Deno passes over a deno.json above it, which is another project's.
  await using outer = new TempFolder();
  outer.write("deno.json", `{ "imports": { "other": "./other.ts" } }`);
  await using folder = new TempFolder(outer.path);
  for (const name of ["tripled", "linked", "@me/dev"]) {
    Deno.mkdirSync(folder.file(`node_modules/${name}`), { recursive: true });
  }
  for (const [name, text] of Object.entries(NODE_PROJECT)) folder.write(name, text);
  const source = `import { compute } from "./tasks.ts";
    ${sourceOf({ adds: `${TASKS}context.addTask(tasks.compute, 5);`, says: [] })}
    console.log(compute(5));`;
  for (const read of [READ, "--allow-read"]) {
    const { code, stdout, stderr } = await runScript(folder, source, [
      "--no-check",
      NET,
      RUN,
      read,
    ]);
    assertEquals([code, stdout, stderr], [0, "141\n141\n", ""], read);
  }
});

/** Edits a module that tasks have imported, kills the slave by a task, and runs another task. */
const EDITS = (file: string) =>
  `${IMPORTS}${TASKS}
  await using manager = new Manager({ output: "null", maxAttempts: 1 });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  context.addTask(tasks.value);
  for await (const outcome of context.getOutcomesUnordered()) {
    console.log(outcome.value);
    if (outcome.task.id === 0) {
      Deno.writeTextFileSync("${file}", "export const value = () => 2; export const factor = 2;");
      context.addTask(() => Deno.exit(1));
    }
    if (outcome.task.id === 1) context.addTask(tasks.value);
  }`;

for (const file of ["tasks.ts", "imported.ts", "named.ts"]) {
  Deno.test(`a newcomer's mistake: ${file} is edited while the run goes on, and a slave starts anew`, async () => {
    await using folder = new TempFolder();
    folder.write(
      "tasks.ts",
      `import { factor } from "./imported.ts"; export const value = () => factor;`,
    );
    folder.write("imported.ts", `export { factor } from "#named";`);
    folder.write("named.ts", `export const factor = 1;`);
    folder.write("deno.json", `{ "imports": { "#named": "./named.ts" } }`);
    const flags = ["--no-check", NET, RUN, READ, WRITE];
    const { code, stdout, stderr } = await runScript(folder, EDITS(file), flags);
    assertEquals([code, stdout], [0, "1\nundefined\n2\n"], stderr);
    assertStringIncludes(
      stderr,
      `parallel: ${
        folder.file(file)
      } changed while the run goes on: local slave 0, which has just been started, runs the new ` +
        "code, and slaves that were there before the old. To have results of one code, start the script again, and leave its files " +
        "alone meanwhile",
    );
    assertEquals(stderr.match(/changed while/g)?.length, 1);
  });
}

Deno.test("a newcomer's mistake: what an inline task imports is edited while the run goes on, and a slave starts anew", async () => {
  await using folder = new TempFolder();
  const url = folder.write("imported.ts", `export const factor = 1;`);
  const inline = `context.addTask(async () => (await import("${url}")).factor)`;
  const source = EDITS("imported.ts").replaceAll("context.addTask(tasks.value)", inline);
  const flags = ["--no-check", NET, RUN, "--allow-read", WRITE];
  const { code, stdout, stderr } = await runScript(folder, source, flags);
  assertEquals([code, stdout], [0, "1\nundefined\n2\n"], stderr);
  assertStringIncludes(stderr, `${folder.file("imported.ts")} changed while the run goes on`);
});

Deno.test("a newcomer's mistake: a module that tasks are named from in the middle of the run is edited, and a slave starts anew", async () => {
  await using folder = new TempFolder();
  folder.write("tasks.ts", `export const value = () => 1;`);
  const source = EDITS("tasks.ts")
    .replace("context.addTask(tasks.value)", `context.addTask(() => "first")`)
    .replace("id === 1) ", "id === 2) ")
    .replace(
      "if (outcome.task.id === 0) {",
      "if (outcome.task.id === 0) context.addTask(tasks.value);\nif (outcome.task.id === 1) {",
    );
  const flags = ["--no-check", NET, RUN, "--allow-read", WRITE];
  const { code, stdout, stderr } = await runScript(folder, source, flags);
  assertEquals([code, stdout], [0, "first\n1\nundefined\n2\n"], stderr);
  assertStringIncludes(stderr, `${folder.file("tasks.ts")} changed while the run goes on`);
});

Deno.test("a newcomer's script: nothing is said of code that is as it was when a slave starts anew", async () => {
  await using folder = new TempFolder();
  folder.write("tasks.ts", `export const value = () => 1;`);
  const { stderr } = await runScript(
    folder,
    EDITS("other.ts"),
    ["--no-check", NET, RUN, READ, WRITE],
  );
  assertStringIncludes(stderr, "is started anew");
  assert(!stderr.includes("changed while"), stderr);
});

Deno.test("what newcomers do wrong: a name that slaves do not know is told without colours, which a file may get", async () => {
  await using folder = await ownFolder({
    "tasks.ts": `import { two } from "numbers"; export const double = (x: number) => two * x;`,
    "main.ts": `
      import { LocalSlave, Manager, remote } from "parallel";
      const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));
      await using manager = new Manager({ output: "null" });
      manager.addSlave(new LocalSlave());
      const error = await manager.getContext().run(tasks.double, [2]).catch((error) => error);
      console.log(JSON.stringify([error.message, error.cause.message, error.cause.cause.stack]));
    `,
  });
  const command = "unset NO_COLOR; deno run -A --no-config --import-map=deno.json main.ts";
  const { code, stdout, stderr } = await runInCopy(folder, command);
  assertEquals([code, stderr], [0, ""]);
  const [message] = JSON.parse(stdout);
  const place = `${new URL(`file://${folder.file("tasks.ts")}`)}:1:21`;
  assertStringIncludes(message, `, at ${place}. Slaves know the names`);
  // Deno's hint would have the name installed from npm.
  assert(!message.includes("hint"), message);
  assert(!stdout.includes("\\u001b"), stdout);
});
