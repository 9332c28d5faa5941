import { assertEquals, assertStringIncludes } from "@std/assert";
import importDirection from "../support/import_direction.ts";

/** Lints one line of code as if it stood in the given file. */
function lint(file: string, code: string): string[] {
  return Deno.lint.runPlugin(importDirection, file, code).map(({ message }) => message);
}

const ALLOWED: [file: string, code: string][] = [
  ["mod.ts", `export { Manager } from "./lib/master/manager.ts";`],
  ["mod.ts", `export * from "./lib/errors.ts";`],
  ["mod.ts", `export { LocalSlave } from "./lib/launch/local_slave.ts";`],
  ["slave.ts", `import { run } from "./lib/slave/runner.ts";`],
  ["lib/task.ts", `import { RemoteError } from "./errors.ts";`],
  ["lib/wire/frames.ts", `import { NetworkError } from "../errors.ts";`],
  ["lib/wire/codec.ts", `import { ParallelError } from "../errors.ts";`],
  ["lib/wire/codec.ts", `import { ValueEncoder } from "./values/value_encoder.ts";`],
  ["lib/wire/values/value_encoder.ts", `import type { Encoded } from "../codec.ts";`],
  ["lib/wire/messages.ts", `import type { TaskReference } from "../task.ts";`],
  ["lib/wire/messages.ts", `import type { Encoded } from "./codec.ts";`],
  ["lib/remote.ts", `import type { CodeReference } from "./task.ts";`],
  ["lib/wire/handshake.ts", `import type { MessageStream } from "./message_stream.ts";`],
  ["lib/wire/message_stream.ts", `import { encodeFrame } from "./frames.ts";`],
  ["lib/launch/local_slave.ts", `import { Slave } from "./slave.ts";`],
  ["lib/launch/local_slave.ts", `import type { Secret } from "../wire/handshake.ts";`],
  ["lib/master/manager.ts", `import { Slave } from "../launch/slave.ts";`],
  ["lib/master/slaves/session.ts", `import { FrameStream } from "../../wire/frames.ts";`],
  ["lib/master/slaves/session.ts", `import type { Dispatcher } from "../board/dispatcher.ts";`],
  ["lib/master/board/allotment.ts", `import type { Outcome } from "../outcome.ts";`],
  ["lib/master/slaves/certificates.ts", `const deps = await import("../../deps.ts");`],
  ["lib/master/manager.ts", `const late = await import("./observe/progress.ts");`],
  ["lib/master/observe/job_log.ts", `import type { ManagerEvent } from "./events.ts";`],
  ["lib/master/observe/job_log.ts", `import { JobLogFormatter } from "../../job_log_line.ts";`],
  ["report.ts", `import { reportPage } from "./lib/report/report_page.ts";`],
  ["report.ts", `import { UsageError } from "./lib/cli/usage_error.ts";`],
  ["report.ts", `import { loadX509 } from "./lib/deps.ts";`],
  ["lib/report/job_log_reader.ts", `import { parseJobLogLine } from "../job_log_line.ts";`],
  ["cli.ts", `import { runOrder } from "./lib/cli/run_order.ts";`],
  ["lib/cli/run_order.ts", `import { Manager } from "../../mod.ts";`],
  ["lib/cli/order.ts", `import { loadParseArgs } from "../deps.ts";`],
  ["lib/slave/runner.ts", `import type { ToSlave } from "../wire/messages.ts";`],
  ["lib/slave/runner.ts", `const tasks = await import(url);`],
  ["lib/slave/runner.ts", `import { join } from "node:path";`],
  ["lib/deps.ts", `export * from "npm:@peculiar/x509@1.14.0";`],
  ["tests/codec_test.ts", `import { encode } from "../../lib/wire/codec.ts";`],
  ["examples/local_distance.ts", `import { Manager } from "../../mod.ts";`],
];

const REFUSED: [file: string, code: string][] = [
  ["mod.ts", `export { run } from "./lib/slave/runner.ts";`],
  ["mod.ts", `import { encode } from "npm:some-package@1.0.0";`],
  ["slave.ts", `import { Manager } from "./lib/master/manager.ts";`],
  ["slave.ts", `import { Manager } from "./mod.ts";`],
  ["report.ts", `import { Manager } from "./mod.ts";`],
  ["report.ts", `import { Manager } from "./lib/master/manager.ts";`],
  ["random.ts", `import { remote } from "./lib/remote.ts";`],
  ["progress.ts", `import { jsonOf } from "./lib/wire/codec.ts";`],
  ["lib/cli/run_order.ts", `import { Manager } from "../master/manager.ts";`],
  ["mod.ts", `export { runOrder } from "./lib/cli/run_order.ts";`],
  ["lib/random/random_stream.ts", `import { ParallelError } from "../errors.ts";`],
  ["lib/report/report_page.ts", `import type { Outcome } from "../master/outcome.ts";`],
  ["lib/master/observe/trace.ts", `import { LocalSlave } from "../../launch/local_slave.ts";`],
  ["slave.ts", `import { LocalSlave } from "./lib/launch/local_slave.ts";`],
  ["lib/master/board/dispatcher.ts", `import type { Session } from "../slaves/session.ts";`],
  ["lib/master/board/dispatcher.ts", `import type { ManagerSettings } from "../settings.ts";`],
  ["lib/master/reading/reader.ts", `import type { Session } from "../slaves/session.ts";`],
  ["lib/master/slaves/fleet.ts", `import type { Journal } from "../journal/journal.ts";`],
  ["lib/master/outcome.ts", `import type { Dispatcher } from "./board/dispatcher.ts";`],
  ["lib/errors.ts", `import { Task } from "./task.ts";`],
  ["lib/errors.ts", `import type { Task } from "./task.ts";`],
  ["lib/remote.ts", `import { encode } from "./wire/codec.ts";`],
  ["lib/task.ts", `import { encode } from "./wire/codec.ts";`],
  ["lib/task.ts", `import { Manager } from "./master/manager.ts";`],
  ["lib/wire/frames.ts", `import { encode } from "./codec.ts";`],
  ["lib/wire/frames.ts", `import type { ToSlave } from "./messages.ts";`],
  ["lib/wire/codec.ts", `import { FrameStream } from "./frames.ts";`],
  ["lib/wire/values/value_encoder.ts", `import { FrameStream } from "../frames.ts";`],
  ["lib/wire/message_stream.ts", `import { ValueEncoder } from "./values/value_encoder.ts";`],
  ["lib/wire/codec.ts", `import type { Task } from "../task.ts";`],
  ["lib/wire/messages.ts", `import type { FrameStream } from "./frames.ts";`],
  ["lib/wire/handshake.ts", `import type { Task } from "../task.ts";`],
  ["lib/wire/message_stream.ts", `import { Manager } from "../master/manager.ts";`],
  ["lib/wire/handshake.ts", `import { Session } from "../master/session.ts";`],
  ["lib/launch/slave.ts", `import { FrameStream } from "../wire/frames.ts";`],
  ["lib/launch/slave.ts", `import { MessageStream } from "../wire/message_stream.ts";`],
  ["lib/launch/slave.ts", `import { Manager } from "../master/manager.ts";`],
  ["lib/launch/slave.ts", `import { run } from "../slave/runner.ts";`],
  ["lib/slave/runner.ts", `import { LocalSlave } from "../launch/local_slave.ts";`],
  ["lib/slave/runner.ts", `import { Session } from "../master/session.ts";`],
  ["lib/slave/runner.ts", `import { x509 } from "../deps.ts";`],
  ["lib/wire/handshake.ts", `import { x509 } from "../deps.ts";`],
  ["lib/master/slaves/session.ts", `import { run } from "../slave/runner.ts";`],
  ["lib/master/slaves/session.ts", `import { delay } from "../../tests/support/delay.ts";`],
  ["lib/master/slaves/session.ts", `import { setup } from "../../examples/tasks.ts";`],
  ["lib/master/slaves/session.ts", `import { measure } from "../../bench/main.ts";`],
  ["lib/master/slaves/session.ts", `import { Manager } from "../../../mod.ts";`],
  ["lib/master/slaves/session.ts", `import { Manager } from "/elsewhere/mod.ts";`],
  ["lib/master/slaves/session.ts", `import { concat } from "@std/bytes";`],
  ["lib/master/slaves/session.ts", `import { Manager } from "@parallel/parallel";`],
  ["lib/master/slaves/session.ts", `import { concat } from "https://example.com/bytes.ts";`],
  ["lib/deps.ts", `export { parseArgs } from "@std/cli/parse-args";`],
  ["lib/deps.ts", `export { ParallelError } from "./errors.ts";`],
  ["lib/cluster/slurm.ts", `import { Slave } from "../launch/slave.ts";`],
];

for (const [file, code] of ALLOWED) {
  Deno.test(`import direction: ${file} may say ${code}`, () => {
    assertEquals(lint(file, code), []);
  });
}

for (const [file, code] of REFUSED) {
  Deno.test(`import direction: ${file} may not say ${code}`, () => {
    assertEquals(lint(file, code).length, 1);
  });
}

for (
  const code of [
    `import "../master/session.ts";`,
    `import * as session from "../master/session.ts";`,
    `import type { Session } from "../master/session.ts";`,
    `export { Session } from "../master/session.ts";`,
    `export type { Session } from "../master/session.ts";`,
    `export * from "../master/session.ts";`,
    `const { Session } = await import("../master/session.ts");`,
    "const { Session } = await import(`../master/session.ts`);",
    `let session: import("../master/session.ts").Session;`,
    `let session: typeof import("../master/session.ts");`,
    `import "./../slave/../master/session.ts";`,
  ]
) {
  Deno.test(`import direction: sees the import in ${code}`, () => {
    assertEquals(lint("lib/slave/runner.ts", code).length, 1);
  });
}

Deno.test("import direction: the message says which file, which import, why, and what is allowed", () => {
  const [message] = lint("lib/wire/frames.ts", `import { encode } from "./codec.ts";`);
  assertStringIncludes(message, "lib/wire/frames.ts may not import lib/wire/codec.ts");
  assertStringIncludes(message, "frames are bytes");
  assertStringIncludes(message, "It may import lib/errors.ts");
});

Deno.test("import direction: absolute paths, as deno lint gives them, are those of the project", () => {
  const file = new URL("../../lib/slave/runner.ts", import.meta.url).pathname;
  assertEquals(lint(file, `import "../master/session.ts";`).length, 1);
  assertEquals(lint("/elsewhere/lib/slave/runner.ts", `import "../master/session.ts";`), []);
});
