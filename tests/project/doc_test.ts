import { assertEquals, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

Deno.test("deno doc: shows nothing that is marked as internal", async () => {
  const { exports } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", ROOT)));
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", ...Object.values<string>(exports)],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0);
  assertStringIncludes(text, "class Task<Result = unknown>");
  assertEquals(text.split("\n").filter((line) => line.includes("@internal")), []);
});
