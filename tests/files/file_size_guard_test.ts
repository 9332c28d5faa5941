import { assertEquals } from "@std/assert";
import { skipIf } from "../support/skip.ts";
import { TempFolder } from "../support/temp_folder.ts";

const MODULE_URL = new URL("../../lib/files/file_size_guard.ts", import.meta.url).href;

/** The largest file: the caches of Deno are smaller. */
const LIMIT_BYTES = 8 * 1024 * 1024;

/** How often it is tried. Where the end did not wait for the signal, it ended two of five programs. */
const TRIES = 10;

const missing = Deno.build.os === "linux" ? undefined : "only Linux tells a program its limits";

Deno.test(
  skipIf(
    missing,
    "FileSizeGuard: the signal of a write that has just failed ends no program, also if that ends at once",
  ),
  async () => {
    await using folder = new TempFolder();
    folder.write(
      "main.ts",
      `import { FileSizeGuard } from "${MODULE_URL}";
      const guard = new FileSizeGuard();
      const file = Deno.openSync("large", { write: true, create: true });
      file.seekSync(${LIMIT_BYTES}, Deno.SeekMode.Start);
      try {
        file.writeSync(new Uint8Array(1));
      } catch (error) {
        console.log(error.message);
      }
      await guard[Symbol.asyncDispose]();`,
    );
    for (let i = 0; i < TRIES; i++) {
      const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
        args: [
          ...["-c", `ulimit -f ${LIMIT_BYTES / 512}; exec "$@"`, "sh"],
          ...[Deno.execPath(), "run", "-A", "--no-check", "--quiet", "main.ts"],
        ],
        cwd: folder.path,
        env: { NO_COLOR: "1", DENO_DIR: folder.file("deno") },
        stdin: "null",
      }).output();
      const decoder = new TextDecoder();
      assertEquals(
        { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) },
        { code: 0, stdout: "File too large (os error 27)\n", stderr: "" },
      );
    }
  },
);
