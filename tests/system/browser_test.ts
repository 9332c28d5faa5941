import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { LocalSlave, remote } from "../../mod.ts";
import { makeReport } from "../../report.ts";
import { missingBrowser, TestBrowser } from "../support/browser.ts";
import { Gates } from "../support/gates.ts";
import { managerWithPage } from "../support/manager_with_page.ts";
import { MODULE_URL } from "../support/script.ts";
import { skipIf } from "../support/skip.ts";
import { TempFolder } from "../support/temp_folder.ts";

const gated = remote<typeof import("../support/gate_tasks.ts")>(
  import.meta.resolve("../support/gate_tasks.ts"),
);
const { computeUntil } = remote<typeof import("../support/progress_tasks.ts")>(
  import.meta.resolve("../support/progress_tasks.ts"),
);
const EVIL =
  `<script>document.title = "taken"</script><img src="x" onerror="document.title = 'taken'">`;

function test(name: string, run: () => Promise<void>): void {
  // The library that drives the browser leaves timers.
  Deno.test({ ...skipIf(missingBrowser, `browser: ${name}`), fn: run, sanitizeOps: false });
}

/** How far a page can be scrolled to the side. */
const OVERHANG = "document.documentElement.scrollWidth - innerWidth";
/** The sizes of all texts that are seen, in pixels; those of pictures as they are drawn. */
const TEXT_SIZES = `[...document.querySelectorAll("*")]
  .filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ""))
  .filter((each) => each.getClientRects().length > 0)
  .map((each) => {
    const scale = each.ownerSVGElement ? each.getScreenCTM().d : 1;
    return parseFloat(getComputedStyle(each).fontSize) * scale;
  })`;
/** In how many columns the cards stand. */
const COLUMNS =
  `new Set([...document.querySelectorAll(".tiles > div")].map((each) => each.offsetLeft)).size`;

test("a run is followed by two viewers, light and dark, wide and narrow, and its page stays when the master has gone", async () => {
  await using gates = new Gates();
  await using browser = await TestBrowser.open();
  const { manager, url } = managerWithPage(0);
  await using _ = manager;
  const wide = await browser.show(url.href);
  assertEquals(await wide.textContent("#status"), "No task has been added yet.");
  const context = manager.getContext(undefined, { retries: 0 });
  context.addTaskWith({ label: EVIL }, gated.wait, "a", gates.port);
  context.addTask((text: string) => {
    throw new RangeError(text);
  }, EVIL);
  context.addTask((exit: number) => Deno.exit(exit), 9);
  context.addTask(gated.wait, "b", gates.port);
  await wide.getByText("No slaves have been added: see Manager.addSlave().").waitFor();
  for (let i = 0; i < 2; i++) manager.addSlave(new LocalSlave());
  await wide.getByText("The script does not read the results of the tasks that wait").waitFor();
  const outcomes = Array.fromAsync(context.getOutcomesUnordered()).catch(() => {});
  const held = [await gates.next(), await gates.next()];
  await wide.getByText("2/4 · 50 %").waitFor();
  await wide.getByText("Slaves: 2 busy.").waitFor();
  assertStringIncludes((await wide.textContent("#failures"))!, `RangeError: ${EVIL}`);
  assertStringIncludes((await wide.textContent("#failures"))!, "is given up: 3 slaves died");
  assertMatch((await wide.textContent("#slaves"))!, /slave 0.*busy/);
  await wide.locator("#rows path.died").first().waitFor({ state: "attached" });
  await wide.getByText(`wait ${EVIL}`).waitFor();

  const narrow = await browser.show(url.href, { width: 390, scheme: "dark" });
  await narrow.getByText("2/4 · 50 %").waitFor();
  assertEquals(await narrow.evaluate(OVERHANG), 0);
  assertEquals(await narrow.evaluate(COLUMNS), 2);
  assertEquals(await wide.evaluate(COLUMNS), 3);
  for (
    const [page, color] of [[wide, "rgb(246, 247, 249)"], [narrow, "rgb(14, 17, 22)"]] as const
  ) {
    assertEquals(await page.evaluate("getComputedStyle(document.body).backgroundColor"), color);
    assertEquals((await page.evaluate<number[]>(TEXT_SIZES)).filter((size) => !(size >= 11)), []);
  }

  // What somebody has opened stays open while the page goes on.
  const details = wide.locator("#failures details").first();
  await details.locator("summary").click();
  await held[0].open();
  await wide.getByText("3/4 · 75 %").waitFor();
  await held[1].open();
  await outcomes;
  for (const page of [wide, narrow]) {
    await page.getByText("All 4 tasks are done. The script has added no others.").waitFor();
    await page.getByText("4/4 · 100 %").waitFor();
  }
  await manager.close();
  for (const page of [wide, narrow]) {
    await page.getByText("The run has ended: its manager is closed. This page stays as its report.")
      .waitFor();
    assertMatch((await page.textContent("#slaves"))!, /slave 1.*ended/);
    assertEquals(await page.isVisible("#gone"), false);
    assertEquals(await page.title(), await wide.title());
    assert(await page.title() !== "taken");
  }
  assertEquals(await wide.locator("#failures details").first().getAttribute("open"), "");
  assertEquals(browser.complaints, []);
});

test("what somebody has opened stays open when entries change places, and what a task tells is seen on a phone", async () => {
  await using folder = new TempFolder();
  await using browser = await TestBrowser.open();
  const { manager, url } = managerWithPage(1, { onEvent: undefined });
  await using _ = manager;
  const context = manager.getContext(undefined, { retries: 0 });
  const fail = async (...texts: string[]) => {
    for (const text of texts) {
      context.addTask((text: string) => {
        throw new RangeError(text);
      }, text);
    }
    await Array.fromAsync(context.getOutcomes());
  };
  await fail("first");
  const page = await browser.show(url.href, { width: 390 });
  const places = page.locator("#failures article", { hasText: "RangeError: first" })
    .locator("details");
  await places.locator("summary").click();
  await fail("second", "second");
  await page.locator("#failures article").first().getByText("RangeError: second").waitFor();
  assertEquals(await places.getAttribute("open"), "");
  assertEquals(await page.locator("#failures details[open]").count(), 1);

  const heard = folder.file("heard");
  context.addTaskWith({ label: "a label that takes much room ".repeat(8) }, computeUntil, heard);
  const results = Array.fromAsync(context.getResults()).catch(() => {});
  await page.locator("#running progress").waitFor();
  const end = await page.evaluate<number>(
    'document.querySelector("#running progress").getBoundingClientRect().right',
  );
  assert(end <= 390, `The bar ends at ${end}`);
  Deno.writeTextFileSync(heard, "heard");
  assertEquals(await results, ["heard"]);
  assertEquals(browser.complaints, []);
});

test("a page that is loaded again, or has been without a network, shows how the run stands then", async () => {
  await using gates = new Gates();
  await using browser = await TestBrowser.open();
  const { manager, url } = managerWithPage(1);
  await using _ = manager;
  const context = manager.getContext();
  for (const name of ["a", "b", "c"]) context.addTask(gated.wait, name, gates.port);
  const results = Array.fromAsync(context.getResults()).catch(() => {});
  const page = await browser.show(url.href);
  await (await gates.next()).open();
  const second = await gates.next();
  await page.getByText("1/3 · 33 %").waitFor();
  await page.reload();
  assertStringIncludes((await page.textContent("#progress"))!, "1/3 · 33 %");
  await page.context().setOffline(true);
  await page.getByText("The master does not answer.").waitFor();
  assertStringIncludes((await page.textContent("#progress"))!, "1/3 · 33 %");
  await second.open();
  const third = await gates.next();
  await page.context().setOffline(false);
  await page.getByText("2/3 · 67 %").or(page.getByText("2/3 · 66 %")).waitFor();
  assertEquals(await page.isVisible("#gone"), false);
  await third.open();
  await results;
});

test("when the master is killed the page says so, and keeps what it was told", async () => {
  await using folder = new TempFolder();
  await using browser = await TestBrowser.open();
  folder.write(
    "main.ts",
    `import { LocalSlave, Manager } from ${JSON.stringify(MODULE_URL)};
    const manager = new Manager({ dashboard: true, output: "null" });
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    context.addTask(() => 42);
    context.addTask(() => new Promise((resolve) => setTimeout(resolve, 600_000)));
    await Array.fromAsync(context.getResults());`,
  );
  const master = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", "main.ts"],
    cwd: folder.path,
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const errors = master.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let printed = "";
  while (!printed.includes("\n")) printed += (await errors.read()).value;
  const page = await browser.show(/http:\S+/.exec(printed)![0]);
  assertEquals(await page.title(), "main.ts");
  await page.getByText("1/2 · 50 %").waitFor();
  master.kill("SIGKILL");
  while (!(await errors.read()).done);
  await master.status;
  await page.getByText("The master does not answer.").waitFor();
  assertStringIncludes((await page.textContent("#progress"))!, "1/2 · 50 %");
});

test("the report of a run can be read on a phone", async () => {
  await using folder = new TempFolder();
  await using browser = await TestBrowser.open();
  const { manager } = managerWithPage(2, { dashboard: true, joblog: folder.file("run.tsv") });
  {
    await using _ = manager;
    const context = manager.getContext();
    context.addTask((exit: number) => Deno.exit(exit), 9);
    for (let i = 0; i < 20; i++) {
      context.addTaskWith({ label: `a long label ${i}` }, (text: string) => {
        throw new Error(text);
      }, "a text ".repeat(30));
    }
    for await (const _outcome of context.getOutcomesUnordered());
  }
  const report = await makeReport([Deno.readTextFileSync(folder.file("run.tsv"))], "run.tsv");
  folder.write("run.html", report);
  for (const scheme of ["light", "dark"] as const) {
    const page = await browser.show(`file://${folder.file("run.html")}`, { width: 390, scheme });
    assertEquals(await page.evaluate(OVERHANG), 0);
    assertEquals(await page.evaluate(COLUMNS), 2);
    assertEquals((await page.evaluate<number[]>(TEXT_SIZES)).filter((size) => !(size >= 11)), []);
    assertEquals(await page.locator("path.died").count(), 3);
  }
  assertEquals(browser.complaints, []);
});
