import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  checkOutputPath,
  hasOwnFiles,
  outputFileName,
  prepareOutputFile,
} from "../../lib/launch/output_file.ts";
import { TempFolder } from "../support/temp_folder.ts";

Deno.test("outputFileName: has the number in the file's own name, and not in that of a folder", () => {
  const names: Record<string, string> = {
    "slave%d.output": "slave12.output",
    "%d/a%d-%d": "%d/a12-12",
    "100%data/slave%d.output": "100%data/slave12.output",
    "/home/%d/plain": "/home/%d/plain",
  };
  for (const [output, name] of Object.entries(names)) {
    assertEquals(outputFileName(output, 12), name);
    assertEquals(hasOwnFiles(output), name.includes("12"));
  }
});

Deno.test("checkOutputPath: leaves no trace, whether the file is there or not", async () => {
  await using folder = new TempFolder();
  checkOutputPath(folder.file("slave%d.output"));
  assertEquals(folder.names(), []);
  folder.write("slave0.output", "old");
  checkOutputPath(folder.file("slave%d.output"));
  assertEquals(folder.names(), ["slave0.output"]);
  assertEquals(folder.lines("slave0.output"), ["old"]);
  checkOutputPath("/dev/full");
});

Deno.test("checkOutputPath: throws if the path is wrong, naming it, why, and what to do", async () => {
  await using folder = new TempFolder();
  folder.write("file", "");
  Deno.mkdirSync(folder.file("taken0"));
  Deno.symlinkSync("loop0", folder.file("loop0"));
  const missing = folder.file("no such folder");
  const remedy = "\\. Set the option output of the manager to a file that can be written$";
  const faults: Record<string, string> = {
    [`${missing}/slave%d`]:
      `${missing}/slave0: there is no folder ${missing}\\. Make it first, or set the option output of the manager$`,
    "no-such-folder-at-all/%d":
      "no-such-folder-at-all/0: there is no folder no-such-folder-at-all\\.",
    [folder.file("taken%d")]: `${folder.file("taken0")}: Is a directory .*${remedy}`,
    [folder.file("loop%d")]: `${
      folder.file("loop0")
    }: Too many levels of symbolic links .*${remedy}`,
    [folder.file("file/%d")]: `${folder.file("file/0")}: Not a directory .*${remedy}`,
    // Not even root may write there.
    "/sys/slave%d": `/sys/slave0: (Permission denied|Read-only file system) .*${remedy}`,
  };
  for (const [output, fault] of Object.entries(faults)) {
    const { message } = assertThrows(() => checkOutputPath(output), Error);
    assertMatch(message, new RegExp(`^Cannot write the slave's output to ${fault}`));
  }
});

Deno.test("prepareOutputFile: needs the permission to write there, and says the same for all slaves", () => {
  const { openSync } = Deno;
  Deno.openSync = () => {
    throw new Deno.errors.NotCapable('Requires write access to "slave7.output"');
  };
  try {
    assertThrows(
      () => prepareOutputFile("slave%d.output", 7),
      Error,
      "Cannot write the slave's output to slave%d.output: Requires write access to it. " +
        'Run the master with --allow-write=., or set the option output to "null" or "inherit"',
    );
  } finally {
    Deno.openSync = openSync;
  }
});

/** Has opening fail in one way. */
class NoOpening implements Disposable {
  readonly #openSync = Deno.openSync;
  readonly #makeTempFileSync = Deno.makeTempFileSync;

  constructor(code: string) {
    Deno.openSync = () => {
      throw new Deno.errors.NotFound();
    };
    Deno.makeTempFileSync = () => {
      throw Object.assign(new Error("It cannot be made"), { code });
    };
  }

  [Symbol.dispose](): void {
    Deno.openSync = this.#openSync;
    Deno.makeTempFileSync = this.#makeTempFileSync;
  }
}

Deno.test("checkOutputPath: a disk that is full, or a process that is out of files, is no mistake of the user", () => {
  for (const code of ["ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "EIO"]) {
    using _full = new NoOpening(code);
    checkOutputPath("slave%d.output");
  }
  using _readOnly = new NoOpening("EROFS");
  assertThrows(() => checkOutputPath("slave%d.output"), Error, "It cannot be made. Set");
});
