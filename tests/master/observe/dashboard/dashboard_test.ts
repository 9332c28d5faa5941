import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { JOB_LOG_HEADER } from "../../../../lib/job_log_line.ts";
import { Manager, ParallelError, type ProgressEvent, remote } from "../../../../mod.ts";
import { Gates } from "../../../support/gates.ts";
import { localManager } from "../../../support/local_manager.ts";
import { managerWithPage, printedBy } from "../../../support/manager_with_page.ts";
import { MODULE_URL, runScript } from "../../../support/script.ts";
import { StandingClock } from "../../../support/test_clock.ts";
import { TempFolder } from "../../../support/temp_folder.ts";

const gateTasks = remote<typeof import("../../../support/gate_tasks.ts")>(
  import.meta.resolve("../../../support/gate_tasks.ts"),
);

/** Has a viewer of a page; `last` resolves to what it is told when the run is over. */
async function follow(url: URL): Promise<{ readonly last: Promise<Record<string, string>> }> {
  // From when it was given the page, a viewer is waited for.
  const page = await (await fetch(url)).text();
  const viewer = /data-viewer="(\w+)"/.exec(page)![1];
  const toTheEnd = async () => {
    for (let since = 0;;) {
      const address = new URL(`state${url.search}&viewer=${viewer}&since=${since}`, url);
      const { frame, isOver, sections } = await (await fetch(address)).json();
      if (isOver) return sections;
      since = frame;
    }
  };
  return { last: toTheEnd() };
}

/** Asks again, at the pace of the answers, until one is as it should be. */
async function until(
  ask: () => Promise<string>,
  isRight: (text: string) => boolean,
): Promise<string> {
  for (;;) {
    const text = await ask();
    if (isRight(text)) return text;
  }
}

Deno.test("dashboard: whoever has the address sees the page, which no other site and no cache learns of", async () => {
  const { manager, url } = managerWithPage(1);
  await using _ = manager;
  assertMatch(url.href, /^http:\/\/127\.0\.0\.1:\d+\/\?token=[0-9a-f]{32}$/);
  const response = await fetch(url);
  const html = await response.text();
  assertEquals(response.status, 200);
  assertStringIncludes(html, "No task has been added yet.");
  const { headers } = response;
  assertEquals(headers.get("cache-control"), "no-store");
  assertEquals(headers.get("referrer-policy"), "no-referrer");
  assertEquals(headers.get("x-content-type-options"), "nosniff");
  const policy = headers.get("content-security-policy")!;
  const [, nonce] = /script-src 'nonce-([0-9a-f]{32})'/.exec(policy)!;
  assertStringIncludes(policy, "default-src 'none'; ");
  assertStringIncludes(html, `<script nonce="${nonce}">`);
  const again = await fetch(url);
  await again.body?.cancel();
  assert(!again.headers.get("content-security-policy")!.includes(nonce));
});

Deno.test("dashboard: without the token it is 403, and nothing is told", async () => {
  const { manager, url } = managerWithPage(1);
  await using _ = manager;
  const token = url.searchParams.get("token")!;
  const wrong = [
    "/",
    "/state",
    "/favicon.ico",
    "/?token=",
    `/?token=${token.slice(0, -1)}`,
    `/?token=${token}0`,
    `/?token=${token.toUpperCase()}x`,
    `/?Token=${token}`,
    `/${token}`,
    `/state?since=0&token=${"0".repeat(32)}`,
  ];
  for (const path of wrong) {
    for (const method of ["GET", "POST"]) {
      const response = await fetch(new URL(path, url.origin), {
        method,
        headers: { referer: url.href, cookie: `token=${token}`, authorization: token },
      });
      assertEquals([path, response.status, await response.text()], [path, 403, "Forbidden\n"]);
      assertEquals(response.headers.get("cache-control"), "no-store");
    }
  }
  const posted = await fetch(url, { method: "POST" });
  assertEquals([posted.status, await posted.text()], [405, "Method not allowed\n"]);
  const other = await fetch(new URL(`/other${url.search}`, url));
  assertEquals([other.status, await other.text()], [404, "Not found\n"]);
});

Deno.test("dashboard: works behind a proxy that leaves its own path before ours", async () => {
  const { manager, url } = managerWithPage(1);
  await using _ = manager;
  const page = new URL(`/user/ann/proxy/8787/${url.search}`, url);
  const html = await (await fetch(page)).text();
  assert(!/(src|href|action)="\//.test(html));
  const state = await fetch(new URL(`state${url.search}&since=0`, page));
  assertEquals(Object.keys((await state.json()).sections).includes("tiles"), true);
});

Deno.test("dashboard: viewers that wait are told that the manager is closed, and nobody listens any more", async () => {
  const { manager, url } = managerWithPage(1);
  {
    await using _ = manager;
    const context = manager.getContext();
    context.addTask((x: number) => x * 2, 21);
    assertEquals(await Array.fromAsync(context.getResults()), [42]);
  }
  await fetch(url).then(() => assert(false), (error) => assert(error instanceof TypeError));
});

Deno.test("dashboard: a viewer is told the last state before the server goes", async () => {
  // It is waited for however long it takes here.
  const { manager, url } = managerWithPage(1, {}, new StandingClock());
  const { last } = await follow(url);
  {
    await using _ = manager;
    const context = manager.getContext();
    for (let i = 0; i < 30; i++) context.addTask((x: number) => x, i);
    await Array.fromAsync(context.getResults());
  }
  const { status, tiles, slaves } = await last;
  assertMatch(slaves, /ended<\/td><td>30<\/td><td>0<\/td><td>0<\/td>/);
  assertStringIncludes(
    status,
    "The run has ended: its manager is closed. This page stays as its report.",
  );
  assertStringIncludes(tiles, "30 <small>of 30</small>");
});

Deno.test("dashboard: of a manager that is closed early, the page and the last progress tell what was not done", async () => {
  await using gates = new Gates();
  const { manager, url } = managerWithPage(1, {}, new StandingClock());
  const { last } = await follow(url);
  const told: ProgressEvent[] = [];
  const givenUp: Promise<unknown>[] = [];
  {
    await using _ = manager;
    const stop = (at: number, port: number): [number, number] => [at, port];
    const context = manager.getContext(stop, { args: [40, gates.port] });
    context.addTasks(gateTasks.waitAt, Array.from({ length: 100_000 }, (_, i) => i));
    const results = context.getResults({ progress: (event) => void told.push(event) });
    for (let i = 0; i < 40; i++) assertEquals((await results.next()).value, i);
    await gates.next();
    // These give up what is left when they are told.
    const other = manager.getContext();
    givenUp.push(assertRejects(() => other.run((x: number) => x, [1]), ParallelError, "is closed"));
    const map = other.map((x: number) => x, [1, 2, 3]);
    givenUp.push(assertRejects(() => map.next(), ParallelError, "is closed"));
  }
  await Promise.all(givenUp);
  const { done, added, isMoreToCome, isOver } = told.at(-1)!;
  assertEquals([done, added, isMoreToCome, isOver], [40, 100_000, false, true]);
  const { status, tiles, progress } = await last;
  assertStringIncludes(status, "its manager is closed. 99,964 tasks were not done. This page");
  assertStringIncludes(tiles, "40 <small>of 100,004</small>");
  assertStringIncludes(progress, '<span class="count">40/100,000 · 0 %</span>');
  assertStringIncludes(progress, '<span class="count">0/4 · 0 %</span>');
});

Deno.test("dashboard: a run that ends early, amid inputs without a number, is not told to be complete", async () => {
  const { manager, url } = managerWithPage(1, {}, new StandingClock());
  const { last } = await follow(url);
  const told: ProgressEvent[] = [];
  {
    await using _ = manager;
    const context = manager.getContext();
    const inputs = function* () {
      for (let i = 0;; i++) yield i;
    };
    context.addTasks((x: number) => x, inputs());
    const results = context.getResults({ progress: (event) => void told.push(event) });
    for (let i = 0; i < 4; i++) await results.next();
  }
  assertEquals([told.at(-1)!.isOver, told.at(-1)!.isMoreToCome], [true, true]);
  const { tiles, progress } = await last;
  assertMatch(tiles, /<dt>done<\/dt><dd>\d+<\/dd><dd class="note">more were to come</);
  assertMatch(progress, /<span class="count">\d+ done<\/span>/);
});

Deno.test("dashboard: counts the tasks of maps that are over, of promises and of closed contexts, and shows what failed", async () => {
  // With a function of the user's events of tasks would be made anyhow.
  const { manager, url } = managerWithPage(1, { onEvent: undefined });
  await using _ = manager;
  const sectionsOf = async () => await (await fetch(url)).text();
  const context = manager.getContext();
  await Array.fromAsync(context.map((x: number) => x, [1, 2, 3]));
  await context.run((x: number) => x, [4]);
  const failure = context.run((x: number) => {
    throw new RangeError(`no atom ${x}`);
  }, [5]);
  await failure.catch(() => {});
  // A limit of its own is a group of its own.
  await context.run((x: number) => x, [6], { timeoutMs: 600_000 });
  const given = new AbortController();
  given.abort();
  await context.run((x: number) => x, [7], { signal: given.signal }).catch(() => {});
  await using closed = manager.getContext();
  closed.addTask((x: number) => x, 8);
  await Array.fromAsync(closed.getResults());
  await closed.close();
  const page = await until(sectionsOf, (html) => html.includes("All 7 tasks are done."));
  assertStringIncludes(page, "<dd>7 <small>of 7</small></dd>");
  assertStringIncludes(page, '<span class="count">6/6 · 100 %</span>');
  assertStringIncludes(page, '<span class="count">1/1 · 100 %</span>');
  assertStringIncludes(page, '<span class="bad">1 failed</span>');
  assertStringIncludes(page, "RangeError: no atom 5</pre><details>");
});

Deno.test("dashboard: failures that the journal had are failures", async () => {
  await using folder = new TempFolder();
  const fail = (x: number) => {
    if (x > 1) throw new RangeError(`no atom ${x}`);
  };
  const run = async (manager: Manager, inputs: number[]) => {
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    context.addTasks(fail, inputs);
    for await (const _outcome of context.getOutcomesUnordered());
  };
  {
    await using manager = localManager(1);
    await run(manager, [1, 2, 3]);
  }
  // With a function of the user's events of tasks would be made anyhow.
  const { manager, url } = managerWithPage(1, { onEvent: undefined }, new StandingClock());
  const { last } = await follow(url);
  {
    await using _ = manager;
    await run(manager, [1, 2, 3, 4]);
  }
  const { tiles, failures, progress } = await last;
  assertStringIncludes(tiles, "<dt>failed</dt><dd>3</dd>");
  assertStringIncludes(progress, '<span class="bad">3 failed</span> · 3 from the journal');
  assertStringIncludes(failures, "RangeError: no atom 2");
  assertStringIncludes(failures, "This failure is from the journal");
});

Deno.test("dashboard: a viewer that is about to ask when the run ends is waited for", async () => {
  // However long it takes here.
  const { manager, url } = managerWithPage(0, {}, new StandingClock());
  const ask = async (viewer: string) => {
    const address = new URL(`state${url.search}&viewer=${viewer}&since=1000000`, url);
    return await (await fetch(address)).json();
  };
  const page = await (await fetch(url)).text();
  const other = ask("other");
  const closed = manager.close();
  assertEquals((await other).isOver, true);
  assertEquals((await ask(/data-viewer="(\w+)"/.exec(page)![1])).isOver, true);
  await closed;
});

Deno.test("dashboard: neither a viewer that has gone, nor connections that say nothing or not all, keep the manager from closing", async () => {
  const { manager, url } = managerWithPage(0);
  const request = (target: string, rest = "") => `GET ${target} HTTP/1.1\r\nHost: x\r\n${rest}\r\n`;
  const connections: Deno.TcpConn[] = [];
  const texts = [
    "",
    "GET / HT",
    request(`/${url.search}`, "Content-Length: 1000000\r\n"),
    request(`/state${url.search}&viewer=b&since=1000000`),
  ];
  for (const text of texts) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(url.port) });
    await connection.write(new TextEncoder().encode(text));
    connections.push(connection);
  }
  // It is about to ask again, as far as the master knows.
  await (await fetch(new URL(`state${url.search}&viewer=a&since=0`, url))).text();
  await manager.close();
  for (const connection of connections) connection.close();
});

Deno.test("dashboard: the events of the manager are the same as without it", async () => {
  const typesOf = async (dashboard: boolean) => {
    const types: string[] = [];
    const { result: manager } = printedBy(() =>
      localManager(1, { dashboard, onEvent: ({ type }) => types.push(type) })
    );
    {
      await using _ = manager;
      const context = manager.getContext();
      context.addTask(() => {
        throw new Error("no");
      });
      for await (const _outcome of context.getOutcomesUnordered());
    }
    return types;
  };
  assertEquals(await typesOf(true), await typesOf(false));
});

Deno.test("dashboard: a request whose header Host is no host is one without the token", async () => {
  const { manager, url } = managerWithPage(1);
  await using _ = manager;
  using connection = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
  const request = "GET / HTTP/1.1\r\nHost: a:99999\r\nConnection: close\r\n\r\n";
  await connection.write(new TextEncoder().encode(request));
  assertMatch(await new Response(connection.readable).text(), /^HTTP\/1\.1 403 /);
});

Deno.test("dashboard: a port that is taken is an error at once, and leaves nothing open", async () => {
  await using folder = new TempFolder();
  await Deno.writeTextFile(folder.file("run.tsv"), JOB_LOG_HEADER);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const options = {
    ...{ dashboard: { port }, output: "null" },
    ...{ joblog: folder.file("run.tsv"), trace: folder.file("run.json") },
  };
  assertThrows(
    () => new Manager(options),
    Error,
    "Cannot show the page of the option dashboard: " +
      `port ${port} of 127.0.0.1 is in use by another program. Give the option another port, or none for any that is free`,
  );
  assertEquals(Deno.readTextFileSync(options.joblog), JOB_LOG_HEADER);
  // The files are free at once, for whoever goes on without the page.
  await using _ = localManager(0, { joblog: options.joblog, trace: options.trace });
});

Deno.test("dashboard: a host that is not this machine's is an error at once", () => {
  assertThrows(
    () => new Manager({ dashboard: { host: "192.0.2.1" }, output: "null" }),
    Error,
    "Give the option host a name or an address of this machine",
  );
});

Deno.test("dashboard: on a host that others reach it warns of plain HTTP", async () => {
  const { result: manager, lines } = printedBy(() =>
    localManager(0, { dashboard: { host: "0.0.0.0" } })
  );
  await manager.close();
  assertStringIncludes(lines[1], "the page is plain HTTP on 0.0.0.0");
});

Deno.test("dashboard: without permission names the flag", async () => {
  await using folder = new TempFolder();
  const { code, stderr } = await runScript(
    folder,
    `import { Manager } from ${JSON.stringify(MODULE_URL)};
    new Manager({ dashboard: true, output: "null" });`,
    ["--allow-read"],
  );
  assertEquals(code, 1);
  assertStringIncludes(
    stderr,
    "Cannot show the page of the option dashboard: the master may not listen on 127.0.0.1. Run the master with --allow-net=127.0.0.1",
  );
});

Deno.test("dashboard: a script that ends on its own is not kept from that, by a viewer that waits either", async () => {
  await using folder = new TempFolder();
  folder.write(
    "main.ts",
    `import { LocalSlave, Manager } from ${JSON.stringify(MODULE_URL)};
    const manager = new Manager({ dashboard: true, output: "null" });
    manager.addSlave(new LocalSlave());
    await Deno.stdin.read(new Uint8Array(1));
    const context = manager.getContext();
    context.addTask(() => 42);
    console.log(await Array.fromAsync(context.getResults()));`,
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", "main.ts"],
    cwd: folder.path,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let printed = "";
  while (!printed.includes("\n")) printed += (await errors.read()).value;
  const url = new URL(/http:\S+/.exec(printed)![0]);
  await (await fetch(new URL(`state${url.search}&since=0&viewer=1`, url))).body?.cancel();
  const waiting = fetch(new URL(`state${url.search}&since=1000000&viewer=1`, url))
    .then((response) => response.text()).catch((error) => `${error}`);
  const input = child.stdin.getWriter();
  await input.write(new Uint8Array(1));
  await input.close();
  const output = new Response(child.stdout).text();
  assertEquals([(await child.status).code, await output], [0, "[ 42 ]\n"]);
  await waiting;
  while (!(await errors.read()).done);
});
