/**
 * Managers that are made on slaves: those of tasks work, those that a module makes while it is loaded are refused.
 *
 * Each case is a script in a folder of its own. It notes each time that it is run as a main script runs, and gives up before a
 * mistake fills the machine with processes.
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { copyOfTheProject } from "../support/project_copy.ts";
import { MODULE_URL, runScript, type ScriptEnd } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const IMPORTS = `import { LocalSlave, Manager, remote } from "${MODULE_URL}";\n`;

/** Ends the process when it is one of too many. */
const NOTES_RUN = `
  Deno.writeTextFileSync("runs", "run\\n", { append: true });
  if (Deno.readTextFileSync("runs").length > 4 * 12) Deno.exit(9);
`;

/** What a script does that has no guard. Its task doubles a number. */
const MAKES_MANAGER = `
  await using manager = new Manager({ output: "slave%d.output" });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  context.addTask(remote(TASKS).double, 21);
  for await (const result of context.getResults()) console.log(result);
`;
const DOUBLE = `export const double = (x) => 2 * x;\n`;
const OWN_URL = `const TASKS = import.meta.url;\n`;

/** The remedies, as a user reads them. */
const REMEDIES = [
  "Put the tasks into a module of their own",
  "if (import.meta.main) { … }",
];

async function run(
  main: string,
  files: Readonly<Record<string, string>> = {},
): Promise<ScriptEnd & { runs: number; output: string }> {
  await using folder = new TempFolder();
  for (const [name, text] of Object.entries(files)) folder.write(name, text);
  const end = await runScript(folder, main, ["-A", "--no-check"]);
  const output = folder.lines("slave0.output").join("\n");
  const stderr = end.stderr.replaceAll(folder.path, "DIR");
  return { ...end, stderr, runs: folder.lines("runs").length, output };
}

/** Scripts without a guard whose tasks cannot be loaded. */
const UNGUARDED: Readonly<Record<string, { main: string; files?: Record<string, string> }>> = {
  "names itself": { main: IMPORTS + NOTES_RUN + OWN_URL + DOUBLE + MAKES_MANAGER },
  "is imported by the module of its tasks": {
    main: `${IMPORTS}${NOTES_RUN}
      export const two = 2;
      const TASKS = import.meta.resolve("./tasks.ts");
      ${MAKES_MANAGER}`,
    files: { "tasks.ts": `import { two } from "./main.ts"; export const double = (x) => two * x;` },
  },
  "names itself for startup": {
    main: `${IMPORTS}${NOTES_RUN}
      export const setup = () => 2;
      await using manager = new Manager({ output: "slave%d.output" });
      manager.addSlave(new LocalSlave());
      const context = manager.getContext(remote(import.meta.url).setup);
      context.addTask((x, two) => two * x, 21);
      for await (const result of context.getResults()) console.log(result);`,
  },
  "names itself for a class": {
    main: `${IMPORTS}${NOTES_RUN}
      export class Double { run() { return 42; } }
      await using manager = new Manager({ output: "slave%d.output" });
      manager.addSlave(new LocalSlave());
      const context = manager.getContext();
      context.addTask(new (remote(import.meta.url).Double)());
      for await (const result of context.getResults()) console.log(result);`,
  },
  "does all in a function": {
    main: `${IMPORTS}${NOTES_RUN}${OWN_URL}${DOUBLE}
      async function main() { ${MAKES_MANAGER} }
      await main();`,
  },
  "does all in a function that is not awaited": {
    main: `${IMPORTS}${NOTES_RUN}${OWN_URL}${DOUBLE}
      async function main() { ${MAKES_MANAGER} }
      main();`,
  },
  "ends the process when its function fails": {
    main: `${IMPORTS}${NOTES_RUN}${OWN_URL}${DOUBLE}
      async function main() { ${MAKES_MANAGER} }
      main().catch((error) => { console.error(error.message); Deno.exit(1); });`,
  },
  "catches everything": {
    main: `${IMPORTS}${NOTES_RUN}${OWN_URL}${DOUBLE}
      try { ${MAKES_MANAGER} } catch (error) { console.error(error.message); Deno.exitCode = 1; }`,
  },
  "tries again and again": {
    main: `${IMPORTS}${NOTES_RUN}${OWN_URL}${DOUBLE}
      for (let i = 0; i < 3; i++) {
        try { ${MAKES_MANAGER} break; } catch (error) {
          console.error(error.message);
          Deno.exitCode = 1;
          if (!error.message.startsWith("Cannot make")) break;
        }
      }`,
  },
  "makes its manager after it has waited": {
    main: `${IMPORTS}${NOTES_RUN}${OWN_URL}${DOUBLE}
      await Deno.readTextFile("main.ts");
      ${MAKES_MANAGER}`,
  },
  "waits for ever once it is refused": {
    main: `${IMPORTS}${NOTES_RUN}${OWN_URL}${DOUBLE}
      try { ${MAKES_MANAGER} } catch (error) {
        if (error.message.startsWith("Cannot make")) await new Promise(() => setInterval(() => {}, 1000));
        throw error;
      }`,
  },
  "makes a subclass of Manager": {
    main: `${IMPORTS}${NOTES_RUN}${OWN_URL}${DOUBLE}
      class OwnManager extends Manager {}
      ${MAKES_MANAGER.replace("new Manager", "new OwnManager")}`,
  },
  "imports the manager when it needs one": {
    main: `${NOTES_RUN}${OWN_URL}${DOUBLE}
      const { LocalSlave, Manager, remote } = await import("${MODULE_URL}");
      ${MAKES_MANAGER}`,
  },
  "has slaves that may not read": {
    main: IMPORTS + NOTES_RUN + OWN_URL + DOUBLE + MAKES_MANAGER.replace(
      "{ ",
      `{ permissions: { run: true, net: true, write: true, read: ["runs"] }, `,
    ),
  },
};

for (const [what, { main, files }] of Object.entries(UNGUARDED)) {
  Deno.test(`new Manager: refused at once, with both remedies, where a script without a guard ${what}`, async () => {
    const { code, stderr, stdout, runs } = await run(main, files);
    assertEquals([code, stdout, runs], [1, "", 2], stderr);
    assertStringIncludes(stderr, "Cannot load ");
    assertStringIncludes(stderr, "it makes a manager while it is loaded, at file://DIR/main.ts:");
    for (const remedy of REMEDIES) assertStringIncludes(stderr, remedy);
  });
}

Deno.test("new Manager: a script with the guard that is advised names itself, and works", async () => {
  const { code, stdout, stderr, runs } = await run(
    `${IMPORTS}${NOTES_RUN}${OWN_URL}${DOUBLE}if (import.meta.main) { ${MAKES_MANAGER} }`,
  );
  assertEquals([code, stdout, runs], [0, "42\n", 2], stderr);
});

Deno.test("new Manager: refused to another copy of this project than the slave's program is", async () => {
  await using copy = await copyOfTheProject();
  const { code, stderr, runs } = await run(
    `${IMPORTS}${NOTES_RUN}
      const TASKS = import.meta.resolve("./tasks.ts");
      ${MAKES_MANAGER}`,
    {
      "tasks.ts": `import "./other.ts"; ${DOUBLE}`,
      "other.ts": `import { Manager } from "file://${copy.file("mod.ts")}"; new Manager();`,
    },
  );
  assertEquals([code, runs], [1, 1], stderr);
  assertStringIncludes(stderr, "it makes a manager while it is loaded, at file://DIR/other.ts:1:");
});

Deno.test("new Manager: a module that has been refused one is not loaded later either", async () => {
  const { code, stdout, stderr } = await run(
    `${IMPORTS}${NOTES_RUN}
      const tasks = remote(import.meta.resolve("./tasks.ts"));
      await using manager = new Manager({ output: "null" });
      manager.addSlave(new LocalSlave());
      const context = manager.getContext();
      context.addTask(tasks.double, 21);
      context.addTask(() => "well");
      context.addTask(tasks.triple, 14);
      for await (const { status, reason, value } of context.getOutcomesUnordered()) {
        console.log(status, value ?? /it makes a manager while it is loaded/.test(reason.message));
      }`,
    {
      "tasks.ts": `import { Manager } from "${MODULE_URL}";
        try { new Manager(); } catch { /* It does without. */ }
        export const double = (x) => 2 * x;
        export const triple = (x) => 3 * x;`,
    },
  );
  assertEquals([code, stdout], [0, "rejected true\nfulfilled well\nrejected true\n"], stderr);
});

Deno.test("new Manager: a module that has been refused one, and goes on, is refused the next", async () => {
  const { code, stdout, stderr } = await run(
    `${IMPORTS}
      const tasks = remote(import.meta.resolve("./tasks.ts"));
      await using manager = new Manager({ output: "null" });
      manager.addSlave(new LocalSlave());
      const context = manager.getContext();
      context.addTask(tasks.nothing);
      context.addTask(() => globalThis.tried);
      for await (const { status, value = [] } of context.getOutcomesUnordered()) {
        console.log(status);
        for (const text of value) console.log(text.split(",")[0]);
      }`,
    {
      "tasks.ts": `
        async function tryTwice() {
          const { Manager } = await import("${MODULE_URL}");
          const messages = [];
          for (let i = 0; i < 2; i++) {
            try { new Manager(); messages.push("made"); } catch ({ message }) { messages.push(message); }
            await new Promise((resolve) => setTimeout(resolve));
          }
          return messages;
        }
        globalThis.tried = tryTwice();
        await new Promise(() => {});`,
    },
  );
  const refused = "Cannot make a manager while a module is loaded on a slave";
  const lines = ["rejected", "fulfilled", refused, refused];
  assertEquals([code, stdout.trimEnd().split("\n")], [0, lines], stderr);
});

/** A task that lets what its module has begun go on, and waits for it. In the main script that goes on by itself. */
const STARTS_LATE = `
  const started = Promise.withResolvers();
  if (import.meta.main) started.resolve();
  export async function double(x) {
    started.resolve();
    await late.catch(() => {});
    return 2 * x;
  }
`;
const LOADS_MANAGER = `context.addTask(async (url) => { await import(url); }, "${MODULE_URL}");`;

/** What makes a manager of its own when its module has long been loaded, while a task runs. */
const LATE: Readonly<Record<string, string>> = {
  "a function that is not awaited": `
    async function main() { await started.promise; ${MAKES_MANAGER} }
    const late = main();
    late.catch((error) => { console.error(error.message); Deno.exit(1); });`,
  "a timer": `
    async function main() { ${MAKES_MANAGER} }
    const late = started.promise.then(() =>
      new Promise((resolve) => setTimeout(() => resolve(main())))
    );
    late.catch((error) => console.error(error.message));`,
  "a function that is not awaited, where a task has loaded the manager before,": `
    async function main() {
      await started.promise;
      ${MAKES_MANAGER.replace("context.addTask", `${LOADS_MANAGER} context.addTask`)}
    }
    const late = main();
    late.catch((error) => console.error(error.message));`,
};

for (const [what, source] of Object.entries(LATE)) {
  Deno.test(`new Manager: refused to ${what} that a module has begun, while its tasks run`, async () => {
    const { code, stdout, stderr, runs, output } = await run(
      IMPORTS + NOTES_RUN + OWN_URL + STARTS_LATE + source,
    );
    assertEquals([code, stdout.trimEnd().split("\n").at(-1), runs], [0, "42", 2], stderr);
    assertStringIncludes(output, "Cannot make a manager while a module is loaded on a slave, at");
    for (const remedy of REMEDIES) assertStringIncludes(output, remedy);
  });
}

Deno.test("new Manager: refused to a script without a guard that a running task imports", async () => {
  const { code, stderr, runs } = await run(
    `${IMPORTS}${NOTES_RUN}
      export const two = 2;
      const TASKS = import.meta.resolve("./tasks.ts");
      ${MAKES_MANAGER}`,
    { "tasks.ts": `export const double = async (x) => (await import("./main.ts")).two * x;` },
  );
  assertEquals([code, runs], [1, 2], stderr);
  assertStringIncludes(stderr, "Cannot make a manager while a module is loaded on a slave, at");
  for (const remedy of REMEDIES) assertStringIncludes(stderr, remedy);
});

Deno.test("new Manager: refused where tasks nest managers without end", async () => {
  const { code, stderr, runs } = await run(
    `${IMPORTS}${NOTES_RUN}const TASKS = import.meta.resolve("./tasks.ts"); ${MAKES_MANAGER}`,
    {
      "tasks.ts": `
        ${IMPORTS}${NOTES_RUN}
        const TASKS = import.meta.url;
        export async function double() { ${MAKES_MANAGER.replaceAll("slave%d.output", "null")} }`,
    },
  );
  assertEquals([code, runs], [1, 4], stderr);
  assertStringIncludes(stderr, "managers are nested 3 deep here");
});

/** What a module without a guard starts while it is loaded: something that makes a manager whose slaves load the module again. */
const STARTED: Readonly<Record<string, { main: string; boss: string }>> = {
  "Workers": {
    main: `
      const worker = new Worker(import.meta.resolve("./boss.ts"), { type: "module" });
      export const told = new Promise((resolve) => {
        worker.onmessage = ({ data }) => { worker.terminate(); resolve(data); };
      });`,
    boss: "self.postMessage(await told());",
  },
  "programs": {
    main: `
      const { fork } = await import("node:child_process");
      const child = fork("boss.ts");
      export const told = new Promise((resolve) => child.on("message", resolve));`,
    // Deno drops what is under way when it disconnects.
    boss: "process.send(await told(), () => process.disconnect());",
  },
};

for (const [what, { main, boss }] of Object.entries(STARTED)) {
  Deno.test(`new Manager: refused where ${what} that a module starts while it is loaded nest managers without end`, async () => {
    const { code, stdout, stderr, runs } = await run(
      `${main} export const hear = () => told; if (import.meta.main) console.log(await told);`,
      {
        "boss.ts": `
          ${IMPORTS}
          async function told() {
            Deno.writeTextFileSync("runs", "run\\n", { append: true });
            if (Deno.readTextFileSync("runs").length > 4 * 6) return "no end";
            try {
              await using manager = new Manager({ output: "null" });
              manager.addSlave(new LocalSlave());
              return await manager.getContext().run(remote(import.meta.resolve("./main.ts")).hear, []);
            } catch (error) {
              return error.message;
            }
          }
          ${boss}`,
      },
    );
    assertEquals([code, runs], [0, 4], stderr);
    assertStringIncludes(stdout, "managers are nested 3 deep here");
  });
}

/** A function that has its own slave double a number. */
const DOUBLES_ON_OWN_SLAVE = `
  async function doubled(x) {
    await using manager = new Manager();
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    context.addTask((x) => { console.log("doubling", x); return 2 * x; }, x);
    const [result] = await Array.fromAsync(context.getResults());
    return result;
  }
`;
const TASKS_IMPORTS = `import { LocalSlave, Manager } from "${MODULE_URL}";\n`;

Deno.test("new Manager: slaves of a task's manager know the names in the import map that the task's own slave knows", async () => {
  const { code, stdout, stderr, output } = await run(
    `import { LocalSlave, Manager, remote } from "parallel";
      const tasks = remote(import.meta.resolve("./tasks.ts"));
      await using manager = new Manager();
      manager.addSlave(new LocalSlave());
      const context = manager.getContext();
      context.addTask(tasks.outer, 21);
      console.log(await Array.fromAsync(context.getResults()));`,
    {
      "deno.json": JSON.stringify({ imports: { parallel: MODULE_URL, two: "./two.ts" } }),
      "two.ts": "export const two = 2;",
      "tasks.ts": `
        import { LocalSlave, Manager, remote } from "parallel";
        import { two } from "two";
        export const double = (x) => two * x;
        export async function outer(x) {
          await using manager = new Manager();
          manager.addSlave(new LocalSlave());
          const context = manager.getContext();
          context.addTask(remote(import.meta.url).double, x);
          return (await Array.fromAsync(context.getResults()))[0];
        }`,
    },
  );
  assertEquals([code, stdout], [0, "[ 42 ]\n"], stderr + output);
});

/** Modules of tasks that make managers: `double` has one double a number, with what comes before the line that the inner task prints. */
const NESTED: Readonly<Record<string, { tasks: string; startup?: string; prefix?: string }>> = {
  "a task": { tasks: `${TASKS_IMPORTS}${DOUBLES_ON_OWN_SLAVE} export const double = doubled;` },
  "a task that imports the manager": {
    tasks: `
      export async function double(x) {
        const { LocalSlave, Manager } = await import("${MODULE_URL}");
        ${DOUBLES_ON_OWN_SLAVE}
        return await doubled(x);
      }`,
  },
  "a task that imports what makes the manager": {
    tasks: `export const double = async (x) => await (await import("./doubled.ts")).doubled(x);`,
  },
  "a timer of a task": {
    tasks: `${TASKS_IMPORTS}${DOUBLES_ON_OWN_SLAVE}
      export const double = (x) => new Promise((resolve) => setTimeout(() => resolve(doubled(x))));`,
  },
  "a startup function": {
    tasks: `${TASKS_IMPORTS}${DOUBLES_ON_OWN_SLAVE}
      export const setup = async () => await doubled(10.5);
      export const double = (x, two) => two * x / 10.5;`,
    startup: "tasks.setup",
  },
  "a task of a task's manager": {
    prefix: "slave 0: slave 0: ",
    tasks: `${TASKS_IMPORTS}import { remote } from "${MODULE_URL}"; ${DOUBLES_ON_OWN_SLAVE}
      export const inner = doubled;
      export async function double(x) {
        await using manager = new Manager();
        manager.addSlave(new LocalSlave());
        const context = manager.getContext();
        context.addTask(remote(import.meta.url).inner, x);
        return (await Array.fromAsync(context.getResults()))[0];
      }`,
  },
  "a Worker of a task": {
    prefix: "",
    tasks: `
      export const double = (x) => new Promise((resolve) => {
        const worker = new Worker(import.meta.resolve("./worker.ts"), { type: "module" });
        worker.onmessage = ({ data }) => { worker.terminate(); resolve(data); };
        worker.postMessage(x);
      });`,
  },
  "a script that a task starts": {
    prefix: "",
    tasks: `
      export async function double(x) {
        const args = ["run", "-A", "--no-check", "script.ts", String(x)];
        const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
        return Number(new TextDecoder().decode(stdout));
      }`,
  },
};
const NESTED_FILES = {
  "script.ts":
    `${TASKS_IMPORTS}${DOUBLES_ON_OWN_SLAVE} console.log(await doubled(Number(Deno.args[0])));`,
  "doubled.ts": TASKS_IMPORTS + DOUBLES_ON_OWN_SLAVE + "export { doubled };",
  "worker.ts": `${TASKS_IMPORTS}${DOUBLES_ON_OWN_SLAVE}
    self.onmessage = async ({ data }) => self.postMessage(await doubled(data));`,
};

for (const [who, { tasks, startup = "", prefix = "slave 0: " }] of Object.entries(NESTED)) {
  Deno.test(`new Manager: ${who} may make one, and nothing that is printed is lost`, async () => {
    const { code, stdout, stderr, output } = await run(
      `${IMPORTS}
        const tasks = remote(import.meta.resolve("./tasks.ts"));
        await using manager = new Manager();
        manager.addSlave(new LocalSlave());
        const context = manager.getContext(${startup});
        const before = () => console.log("before");
        const after = () => console.log("after");
        context.addTask(before);
        context.addTask(tasks.double, 21);
        context.addTask(after);
        console.log(await Array.fromAsync(context.getResults()));`,
      { "tasks.ts": tasks, ...NESTED_FILES },
    );
    assertEquals([code, stdout], [0, "[ undefined, 42, undefined ]\n"], stderr + output);
    const doubling = `${prefix}doubling ${startup === "" ? 21 : 10.5}`;
    // A manager in a Worker has the default output, as the one that its task is of: it may say that both write one file.
    const printed = output.split("\n").filter((line) => !line.startsWith("parallel: "));
    assertEquals(printed.sort(), ["after", "before", doubling].sort());
  });
}
