import { assertEquals, assertMatch } from "@std/assert";
import { Document, ownFolder } from "../../support/document.ts";
import { runInCopy } from "../../support/project_copy.ts";

const PAGE = new Document("docs/dashboard.md");

const SCRIPT = PAGE.script("page.ts");
const RUN = PAGE.block("sh", "page.ts");

Deno.test("docs/dashboard.md: the script prints the address of its page", async () => {
  await using folder = await ownFolder({ "page.ts": SCRIPT });
  const { code, stdout, stderr } = await runInCopy(folder, RUN);
  assertEquals([code, stdout], [0, "6\n"], stderr);
  const [, shape] = /^```text\n(parallel: .*\?token=)/m.exec(PAGE.text)!;
  const pattern = shape.replaceAll(/[.?/]/g, "\\$&").replace(/:\d+/, ":\\d+");
  assertMatch(stderr, new RegExp(`^${pattern}[0-9a-f]{32}\n`));
});

PAGE.testThatEachBlockIsRun();
