import { assertEquals, assertThrows } from "@std/assert";
import { ConnectionFolder } from "../../../lib/launch/cluster/connection_folder.ts";
import { TempFolder } from "../../support/temp_folder.ts";

Deno.test("ConnectionFolder: what only the owner may read is gone when it is disposed", async () => {
  await using parent = new TempFolder();
  {
    await using folder = ConnectionFolder.make(parent.path, "secret");
    assertEquals(Deno.readTextFileSync(folder.file), "secret");
    if (Deno.build.os !== "windows") {
      assertEquals((await Deno.stat(folder.path)).mode! & 0o777, 0o700);
      assertEquals((await Deno.stat(folder.file)).mode! & 0o777, 0o600);
    }
    Deno.writeTextFileSync(`${folder.path}/1.1.log`, "hello\n");
    assertEquals(await folder.tail("1.1.log"), "hello");
  }
  assertEquals(parent.names(), []);
});

Deno.test("ConnectionFolder: goes at once where a process cannot wait, also if a part of it is gone", async () => {
  await using parent = new TempFolder();
  const folder = ConnectionFolder.make(parent.path, "secret");
  Deno.writeTextFileSync(`${folder.path}/1.1.log`, "hello\n");
  folder[Symbol.dispose]();
  assertEquals(parent.names(), []);
  folder[Symbol.dispose]();
});

Deno.test("ConnectionFolder: somebody may have removed it, or a part of it", async () => {
  await using parent = new TempFolder();
  {
    await using folder = ConnectionFolder.make(parent.path, "secret");
    Deno.removeSync(folder.file);
  }
  assertEquals(parent.names(), []);
  await using folder = ConnectionFolder.make(parent.path, "secret");
  Deno.removeSync(folder.path, { recursive: true });
});

Deno.test("ConnectionFolder: nothing is left if its file cannot be written", async () => {
  await using parent = new TempFolder();
  const { writeTextFileSync } = Deno;
  // As on a disk that is full.
  Deno.writeTextFileSync = () => {
    throw new Error("No space left on device");
  };
  try {
    assertThrows(
      () => ConnectionFolder.make(parent.path, "secret"),
      Error,
      "No space left on device",
    );
  } finally {
    Deno.writeTextFileSync = writeTextFileSync;
  }
  assertEquals(parent.names(), []);
});

Deno.test("ConnectionFolder.failures: are what jobs have written, until they are released", async () => {
  await using parent = new TempFolder();
  await using folder = ConnectionFolder.make(parent.path, "secret");
  assertEquals([...await folder.failures()], []);
  for (
    const [name, text] of [["failed.7", "nodeB\n"], ["failed.8.new", "nodeC\n"], ["7.log", ""]]
  ) {
    Deno.writeTextFileSync(`${folder.path}/${name}`, text);
  }
  assertEquals([...await folder.failures()], [[7, "nodeB"]]);
  await folder.release(7);
  await folder.release(7);
  assertEquals([...await folder.failures()], []);
});
