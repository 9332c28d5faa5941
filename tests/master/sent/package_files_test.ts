import { assertEquals } from "@std/assert";
import { registryTexts } from "../../../lib/master/sent/package_files.ts";
import { TempFolder } from "../../support/temp_folder.ts";

Deno.test("registryTexts: has the versions that are sent alone, published long ago", async () => {
  await using folder = new TempFolder();
  const young = "2099-01-01T00:00:00.000Z";
  Deno.mkdirSync(folder.file("1.0.0"));
  folder.write(
    "registry.json",
    JSON.stringify({
      name: "a",
      "dist-tags": { latest: "3.0.0" },
      versions: {
        "1.0.0": { version: "1.0.0", dependencies: { b: "^2.0.0", optional: "^1.0.0" } },
        "3.0.0": { version: "3.0.0" },
      },
      time: { "1.0.0": young, "3.0.0": young },
    }),
  );
  const [{ place, text }] = registryTexts([
    { name: "a", version: "1.0.0", dependencies: ["b@2.1.0"], folder: folder.file("1.0.0") },
  ]);
  assertEquals(place, "npm/registry.npmjs.org/a/registry.json");
  assertEquals(JSON.parse(text), {
    name: "a",
    "dist-tags": { latest: "1.0.0" },
    versions: {
      "1.0.0": { version: "1.0.0", dependencies: { b: "2.1.0", optional: "^1.0.0" } },
    },
    time: { "1.0.0": "1970-01-01T00:00:00.000Z" },
  });
});
