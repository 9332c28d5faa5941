import { assertEquals } from "@std/assert";
import { runScript } from "../../support/script.ts";
import { TempFolder } from "../../support/temp_folder.ts";

const MODULE = new URL("../../../lib/master/reading/keep_alive.ts", import.meta.url).href;

/**
 * What scripts do, and what they print until they end by themselves. Timers here keep no script alive: `later` does something at once,
 * if something else keeps it alive; `mustEnd` tells after a minute if the script is still alive.
 */
const SCRIPTS: Readonly<Record<string, { does: string; prints: string }>> = {
  "nobody waits": { does: "mustEnd();", prints: "" },
  "somebody waits, and then no longer": {
    does: `keepAlive.begin();
      later(() => {
        print("kept");
        keepAlive.end();
        mustEnd();
      });`,
    prints: "kept\n",
  },
  "one of two waits no longer": {
    does: `keepAlive.begin();
      keepAlive.begin();
      later(() => {
        keepAlive.end();
        later(() => {
          print("kept");
          keepAlive.end();
          mustEnd();
        });
      });`,
    prints: "kept\n",
  },
  "somebody waits again": {
    does: `keepAlive.begin();
      later(() => {
        keepAlive.end();
        keepAlive.begin();
        later(() => {
          print("kept");
          keepAlive.end();
          mustEnd();
        });
      });`,
    prints: "kept\n",
  },
  "the wait is over before the slaves are launched": {
    does: `keepAlive.begin();
      keepAlive.end();
      mustEnd();`,
    prints: "",
  },
  "it is disposed of while somebody waits": {
    does: `keepAlive.begin();
      later(() => {
        keepAlive[Symbol.dispose]();
        mustEnd();
      });`,
    prints: "",
  },
  "it is disposed of before the slaves are launched": {
    does: `keepAlive.begin();
      keepAlive[Symbol.dispose]();
      mustEnd();`,
    prints: "",
  },
};

for (const [what, { does, prints }] of Object.entries(SCRIPTS)) {
  Deno.test(`KeepAlive: a script ends when nobody waits, and not before: ${what}`, async () => {
    await using folder = new TempFolder();
    const script = `import { KeepAlive } from ${JSON.stringify(MODULE)};
      const keepAlive = new KeepAlive({ launched: () => Promise.resolve() });
      const print = (text) => console.log(text);
      const later = (run, ms) => Deno.unrefTimer(setTimeout(run, ms));
      const mustEnd = () => later(() => Deno.exit(1), 60_000);
      ${does}`;
    const { code, stdout, stderr } = await runScript(folder, script, [
      "--no-check",
      "--allow-read",
    ]);
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: prints, stderr: "" });
  });
}
