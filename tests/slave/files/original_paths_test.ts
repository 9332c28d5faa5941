import { assertEquals } from "@std/assert";
import { OriginalPaths } from "../../../lib/slave/files/original_paths.ts";

const NOT_SENT =
  ": it was not sent to this machine. If the master's has it, name it in the option include of SSHSlaveArray";

for (
  const [laid, original] of [
    [
      "No such file or directory (os error 2): open '/tmp/agent/files/home/me/data.csv'",
      `No such file or directory (os error 2): open '/home/me/data.csv'${NOT_SENT}`,
    ],
    [
      'Module not found "file:///tmp/agent/files/home/me/w.ts".',
      `Module not found "file:///home/me/w.ts"${NOT_SENT}.`,
    ],
    ["No such file or directory (os error 2): open '/etc/none'", undefined],
    ['Module not found "file:///home/me/w.ts".', undefined],
    [
      "at f (file:///tmp/agent/files/home/me/tasks.ts:1:2)",
      "at f (file:///home/me/tasks.ts:1:2)",
    ],
  ] as const
) {
  Deno.test(`OriginalPaths: restores ${JSON.stringify(laid)}`, () => {
    const paths = new OriginalPaths();
    assertEquals(paths.restoreIn(laid), laid, "where nothing was laid");
    paths.folder = "/tmp/agent";
    assertEquals(paths.restoreIn(laid), original ?? laid);
  });
}
