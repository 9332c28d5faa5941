import { assertEquals, assertThrows } from "@std/assert";
import {
  asRetryPolicy,
  asSettings,
  checkContextOptions,
  checkKnown,
  type ContextOptions,
  type ManagerOptions,
  type RetryOptions,
} from "../../lib/master/settings.ts";
import { runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const SETTINGS_URL = new URL("../../lib/master/settings.ts", import.meta.url).href;
const CONFIG = Deno.realPathSync(new URL("../../deno.json", import.meta.url));

Deno.test("asSettings: has a default for everything", () => {
  const { onEvent, ...settings } = asSettings({ config: CONFIG });
  assertEquals(onEvent, undefined);
  const { deno, host, port, output, permissions, config } = settings;
  assertEquals({ deno, host, port, output, permissions, config }, {
    deno: [Deno.execPath()],
    host: undefined,
    port: 0,
    output: "slave%d.output",
    permissions: "inherit",
    config: CONFIG,
  });
  const { heartbeatIntervalMs, heartbeatTimeoutMs, connectTimeoutMs, maxAttempts } = settings;
  assertEquals([heartbeatIntervalMs, heartbeatTimeoutMs], [10_000, 60_000]);
  assertEquals([connectTimeoutMs, maxAttempts], [7_200_000, 3]);
  assertEquals(settings.recycle, { tasks: Infinity, memoryBytes: Infinity });
  const { recycle } = asSettings({ recycle: { memoryBytes: 2e9 } });
  assertEquals(recycle, { tasks: Infinity, memoryBytes: 2e9 });
});

Deno.test("asSettings: keeps what it is given", () => {
  const onEvent = () => {};
  const options = {
    deno: ["nice", "deno"],
    host: "nodeA",
    port: 65_535,
    output: "inherit",
    permissions: { read: ["/data"] },
    config: CONFIG,
    heartbeatIntervalMs: 1,
    heartbeatTimeoutMs: 2,
    connectTimeoutMs: 2 ** 31 - 1,
    maxAttempts: 1,
    recycle: { tasks: 1, memoryBytes: 1e9 },
    tls: false,
    onEvent,
  } satisfies ManagerOptions;
  const settings = asSettings(options);
  for (const [name, value] of Object.entries(options)) {
    assertEquals<unknown>(settings[name as keyof typeof options], value, name);
  }
});

Deno.test("asSettings: takes a name of any letters for host, and an address with or without brackets", () => {
  const hosts = ["LOCALHOST", "node-a.example.org", "127.0.0.1", "::1", "fe80::1%eth0", "knöten"];
  for (const host of hosts) assertEquals(asSettings({ host }).host, host);
  assertEquals(asSettings({ host: "[::1]" }).host, "::1");
});

Deno.test("asSettings: takes undefined for an option that is not given", () => {
  const nothing: ManagerOptions = {
    deno: undefined,
    host: undefined,
    port: undefined,
    output: undefined,
    permissions: undefined,
    maxAttempts: undefined,
    onEvent: undefined,
  };
  assertEquals(asSettings(nothing), asSettings({}));
});

Deno.test("asSettings: takes one program as a text, with spaces and all", () => {
  assertEquals(asSettings({ deno: "/my programs/deno" }).deno, ["/my programs/deno"]);
});

Deno.test("asSettings: does not notice a change of the list that it was given", () => {
  const deno = ["nice", "deno"];
  const settings = asSettings({ deno });
  deno.push("--later");
  assertEquals(settings.deno, ["nice", "deno"]);
});

Deno.test("asSettings: lets a task be tried endlessly often", () => {
  assertEquals(asSettings({ maxAttempts: Infinity }).maxAttempts, Infinity);
});

Deno.test("asSettings: runs the deno on the PATH if only that may be run", async () => {
  await using folder = new TempFolder();
  const script = `import { asSettings } from ${JSON.stringify(SETTINGS_URL)};
    console.log(asSettings({}).deno.join());`;
  const flags = [`--allow-run=deno`];
  const { stdout, stderr } = await runScript(folder, script, flags);
  // Where `deno` leads to the program itself, Deno counts that as allowed, too.
  const isSame = stdout.trim() === "deno" || stdout.trim() === Deno.execPath();
  assertEquals(isSame, true, stdout + stderr);
});

const WRONG_TYPES: Record<string, [unknown, string]> = {
  "an option that there is not": [
    { slaves: 4 },
    "Unknown option slaves of Manager. There are: deno",
  ],
  "no object": ["deno", 'Expected an object of options for Manager, got "deno"'],
  "null": [null, "Expected an object of options for Manager, got null"],
  "a list": [["deno"], 'Expected an object of options for Manager, got the list [ "deno" ]'],
  "an option of a context": [
    { taskTimeoutMs: 4 },
    "trace, dashboard. It is an option of a context: getContext(startup, { taskTimeoutMs: … }), or getContext(undefined, …)",
  ],
  "an empty deno": [{ deno: "" }, "The option deno must be a program, or a list"],
  "an empty list for deno": [{ deno: [] }, "The option deno must be a program, or a list"],
  "a number in deno": [{ deno: ["deno", 1] }, 'not [ "deno", 1 ]'],
  "an empty text in deno": [{ deno: ["deno", ""] }, "The option deno must be"],
  "an empty host": [{ host: "" }, 'The option host must be a text that is not empty, not ""'],
  "a host that is no text": [
    { host: 5 },
    "The option host must be a text that is not empty, not 5",
  ],
  "a host with a port": [
    { host: "localhost:80" },
    'The option host must be a name or an address of this machine and nothing else, not "localhost:80". ' +
    'A port has an option of its own: { host: "localhost", port: 80 }',
  ],
  "an address with a port": [{ host: "[::1]:80" }, 'of its own: { host: "::1", port: 80 }'],
  "a URL as host": [{ host: "http://nodeA:80/" }, 'of its own: { host: "nodeA", port: 80 }'],
  "a URL without a port as host": [
    { host: "http://nodeA" },
    'and nothing else, not "http://nodeA". Give it such as "nodeA" or "192.168.0.5"',
  ],
  "a host with a user": [{ host: "me@nodeA" }, 'not "me@nodeA". Give it such as'],
  "a host with a blank": [{ host: "nodeA " }, 'not "nodeA ". Give it such as'],
  "two hosts": [{ host: "nodeA,nodeB" }, 'not "nodeA,nodeB". Give it such as'],
  "an address of IPv6 that is none": [{ host: "::1::2" }, 'not "::1::2". Give it such as'],
  "a name in brackets": [{ host: "[nodeA]" }, 'not "[nodeA]". Give it such as'],
  "a port that is a text": [{ port: "80" }, 'The option port must be a number, not "80"'],
  "a heartbeat that is a text": [
    { heartbeatIntervalMs: "1s" },
    "heartbeatIntervalMs must be a number",
  ],
  "an empty output": [{ output: "" }, "The option output must be a text"],
  "null for output": [
    { output: null },
    "The option output must be a text that is not empty, not null",
  ],
  "permissions of a kind that there is not": [
    { permissions: { sing: true } },
    "The option permissions has no kind sing",
  ],
  "a config that is not there": [
    { config: "/no/such/deno.json" },
    "Cannot use the option config, /no/such/deno.json: No such file",
  ],
  "a config that is a number": [
    { config: 4 },
    "The option config must be a text that is not empty, not 4",
  ],
  "a recycle that is a number": [
    { recycle: 100 },
    "The option recycle must be { tasks, memoryBytes }, or one of the two, not 100",
  ],
  "a recycle without anything": [
    { recycle: {} },
    "The option recycle is empty: say after how many",
  ],
  "a recycle with a word that there is not": [
    { recycle: { task: 5 } },
    "Unknown option task of recycle. There are: tasks, memoryBytes",
  ],
  "a recycle of a text": [
    { recycle: { tasks: "10" } },
    'The option recycle.tasks must be a number, not "10"',
  ],
  "a tls that is no boolean": [{ tls: "on" }, 'The option tls must be true or false, not "on"'],
  "an onEvent that is no function": [{ onEvent: "log" }, 'onEvent must be a function, not "log"'],
};

for (const [name, [options, message]] of Object.entries(WRONG_TYPES)) {
  Deno.test(`asSettings: refuses ${name}`, () => {
    assertThrows(() => asSettings(options as ManagerOptions), TypeError, message);
  });
}

const WRONG_NUMBERS: Record<string, [ManagerOptions, string]> = {
  "to replace a slave before its first task": [
    { recycle: { tasks: 0 } },
    "recycle.tasks must be a whole number from 1 to Infinity, not 0",
  ],
  "megabytes for bytes": [
    { recycle: { memoryBytes: 200 } },
    "recycle.memoryBytes must be a whole number from 100000000 to Infinity, not 200",
  ],
  "a port of -1": [{ port: -1 }, "The option port must be a whole number from 0 to 65535, not -1"],
  "a port of 65536": [{ port: 65_536 }, "not 65536"],
  "half a port": [{ port: 0.5 }, "not 0.5"],
  "NaN as a port": [{ port: NaN }, "not NaN"],
  "Infinity as a port": [{ port: Infinity }, "not Infinity"],
  "no attempt": [
    { maxAttempts: 0 },
    "maxAttempts must be a whole number from 1 to Infinity, not 0",
  ],
  "half an attempt": [{ maxAttempts: 1.5 }, "not 1.5"],
  "a heartbeat without a pause": [{ heartbeatIntervalMs: 0 }, "from 1 to 2147483647, not 0"],
  "a timeout that no timer can be set to": [{ connectTimeoutMs: 2 ** 31 }, "not 2147483648"],
  "a connectTimeoutMs of 0": [{ connectTimeoutMs: 0 }, "The option connectTimeoutMs must be"],
  "a heartbeatTimeoutMs that is negative": [{ heartbeatTimeoutMs: -5 }, "not -5"],
  "a heartbeat that is slower than its timeout": [
    { heartbeatIntervalMs: 100, heartbeatTimeoutMs: 100 },
    "heartbeatTimeoutMs, 100, must be larger than heartbeatIntervalMs, 100: give it at least twice",
  ],
  "a heartbeat slower than the default timeout": [
    { heartbeatIntervalMs: 60_000 },
    "heartbeatTimeoutMs, 60000, must be larger than heartbeatIntervalMs, 60000",
  ],
};

for (const [name, [options, message]] of Object.entries(WRONG_NUMBERS)) {
  Deno.test(`asSettings: refuses ${name}`, () => {
    assertThrows(() => asSettings(options), RangeError, message);
  });
}

Deno.test("checkContextOptions: takes what its type says", () => {
  for (
    const options of [
      {},
      { taskTimeoutMs: 1, journal: "run.jsonl", rerunFailed: true },
      { taskTimeoutMs: 2 ** 31 - 1, journal: "a", rerunFailed: false, acceptChangedCode: true },
      { journal: undefined, rerunFailed: true, acceptChangedCode: true },
      { taskTimeoutMs: undefined, journal: undefined, rerunFailed: undefined },
    ]
  ) checkContextOptions(options);
});

Deno.test("checkContextOptions: refuses a time that no timer can be set to", () => {
  for (const taskTimeoutMs of [0, -1, 0.5, NaN, Infinity, 2 ** 31]) {
    assertThrows(
      () => checkContextOptions({ taskTimeoutMs }),
      RangeError,
      `The option taskTimeoutMs must be a whole number from 1 to 2147483647, not ${taskTimeoutMs}`,
    );
  }
});

const WRONG_CONTEXT_OPTIONS: Record<string, [unknown, string]> = {
  "a time that is a text": [{ taskTimeoutMs: "1s" }, "taskTimeoutMs must be a number"],
  "an empty journal": [{ journal: "" }, 'must be the path of a file, such as "run.jsonl", not ""'],
  "a journal that is no text": [{ journal: true }, "journal must be the path of a file"],
  "a rerunFailed without a journal": [
    { rerunFailed: true },
    'The option rerunFailed is about what is in a journal, and none is named. Write { journal: "run.jsonl", rerunFailed: true }',
  ],
  "an acceptChangedCode without a journal": [
    { acceptChangedCode: true },
    "The option acceptChangedCode is about what is in a journal",
  ],
  "an option of the manager": [
    { maxAttempts: 2 },
    "acceptChangedCode. It is an option of new Manager({ maxAttempts: … })",
  ],
  "a rerunFailed that is no boolean": [{ rerunFailed: 1 }, "rerunFailed must be true or false"],
  "an acceptChangedCode that is no boolean": [
    { acceptChangedCode: "yes" },
    "acceptChangedCode must be true or false",
  ],
  "an option that there is not": [{ timeout: 1 }, "Unknown option timeout of Manager.getContext()"],
};

for (const [name, [options, message]] of Object.entries(WRONG_CONTEXT_OPTIONS)) {
  Deno.test(`checkContextOptions: refuses ${name}`, () => {
    assertThrows(() => checkContextOptions(options as ContextOptions), TypeError, message);
  });
}

Deno.test("asRetryPolicy: a number is a count, what is missing has its default, and nothing is no retries", () => {
  const when = () => true;
  const cases: [number | RetryOptions | undefined, unknown][] = [
    [undefined, undefined],
    [0, undefined],
    [{ count: 0, when }, undefined],
    [2, { count: 2, delayMs: 0, when: undefined }],
    [Infinity, { count: Infinity, delayMs: 0, when: undefined }],
    [{ count: 1, delayMs: 500, when }, { count: 1, delayMs: 500, when }],
    [{ count: 1, delayMs: undefined, when: undefined }, { count: 1, delayMs: 0, when: undefined }],
  ];
  for (const [retries, policy] of cases) assertEquals(asRetryPolicy(retries), policy);
});

const WRONG_RETRIES: [unknown, typeof TypeError | typeof RangeError, string][] = [
  [-1, RangeError, "The option retries must be a whole number from 0 to Infinity, not -1"],
  [1.5, RangeError, "The option retries must be a whole number from 0 to Infinity, not 1.5"],
  [NaN, RangeError, "The option retries must be a whole number from 0 to Infinity, not NaN"],
  ["2", TypeError, 'The option retries must be a number, or { count, delayMs, when }, not "2"'],
  [null, TypeError, "The option retries must be a number, or { count, delayMs, when }, not null"],
  [true, TypeError, "The option retries must be a number, or { count, delayMs, when }, not true"],
  [{}, TypeError, "The option retries.count must be a number, not undefined"],
  [{ count: -1 }, RangeError, "The option retries.count must be a whole number"],
  [{ count: "2" }, TypeError, 'The option retries.count must be a number, not "2"'],
  [{ count: 1, delay: 5 }, TypeError, "Unknown option delay of retries. There are: count, delayMs"],
  [{ count: 1, delayMs: -1 }, RangeError, "from 0 to 2147483647, not -1"],
  [{ count: 1, delayMs: Infinity }, RangeError, "from 0 to 2147483647, not Infinity"],
  [{ count: 1, when: true }, TypeError, "The option retries.when must be a function, not true"],
  [{ count: 0, delayMs: "1 s" }, TypeError, 'retries.delayMs must be a number, not "1 s"'],
];

for (const [retries, type, message] of WRONG_RETRIES) {
  Deno.test(`asRetryPolicy: refuses ${Deno.inspect(retries)}`, () => {
    assertThrows(() => asRetryPolicy(retries as RetryOptions), type, message);
  });
}

Deno.test("checkKnown: names the option that there is not, and those that there are", () => {
  checkKnown({ signal: undefined }, ["signal", "other"], "a method");
  assertThrows(
    () => checkKnown({ sginal: undefined }, ["signal", "other"], "a method"),
    TypeError,
    "Unknown option sginal of a method. There are: signal, other",
  );
});

Deno.test("checkKnown: refuses a signal in the place of the options, and says where it belongs", () => {
  const { signal } = new AbortController();
  assertThrows(
    () => checkKnown(signal, ["signal", "other"], "a method"),
    TypeError,
    "Expected an object of options for a method, got an AbortSignal. Write { signal }",
  );
});

Deno.test("asSettings: a page is shown where the option dashboard says, by default on this machine alone", () => {
  const of = (dashboard: ManagerOptions["dashboard"]) => asSettings({ dashboard }).dashboard;
  assertEquals([of(undefined), of(false)], [undefined, undefined]);
  assertEquals([of(true), of({})], Array(2).fill({ host: "127.0.0.1", port: 0 }));
  assertEquals(of({ host: "[::1]", port: 8787 }), { host: "::1", port: 8787 });
});

const WRONG_PAGES: [dashboard: unknown, port: number, message: string][] = [
  [8787, 0, "The option dashboard must be true, false or { host, port }, not 8787"],
  [null, 0, "The option dashboard must be true, false or { host, port }, not null"],
  [{ prot: 1 }, 0, "Unknown option prot of dashboard. There are: host, port"],
  [{ port: "8787" }, 0, 'The option dashboard.port must be a number, not "8787"'],
  [
    { port: 65536 },
    0,
    "The option dashboard.port must be a whole number from 0 to 65535, not 65536",
  ],
  [
    { host: "nodeA:8787" },
    0,
    'The option dashboard.host must be a name or an address of this machine and nothing else, not "nodeA:8787". ' +
    'A port has an option of its own: { host: "nodeA", port: 8787 }',
  ],
  [{ host: "" }, 0, 'The option dashboard.host must be a text that is not empty, not ""'],
  [
    { port: 8787 },
    8787,
    "The options port and dashboard.port name one port, 8787: give each its own",
  ],
];
for (const [dashboard, port, message] of WRONG_PAGES) {
  Deno.test(`asSettings: refuses the page ${Deno.inspect(dashboard)}`, () => {
    assertThrows(() => asSettings({ dashboard, port } as ManagerOptions), Error, message);
  });
}
