import { assert, assertEquals, assertMatch } from "@std/assert";
import { LocalSlave, Manager, type Outcome } from "../../../mod.ts";

import type { DispatchGroup } from "../../../lib/master/board/dispatch_group.ts";
import { DispatchSlave } from "../../../lib/master/board/dispatch_slave.ts";
import { Dispatcher } from "../../../lib/master/board/dispatcher.ts";
import { type Code, hasEnded } from "../../../lib/task.ts";
import { Hub } from "../../../lib/master/observe/hub.ts";
import { Session } from "../../../lib/master/slaves/session.ts";
import { encodeFrame } from "../../../lib/wire/frames.ts";
import { MessageStream } from "../../../lib/wire/message_stream.ts";
import type { ToMaster, ToSlave } from "../../../lib/wire/messages.ts";
import { EventLog } from "../../support/event_log.ts";
import {
  type FakeSession,
  FakeSlave,
  receiveTasks,
  untilClosed,
} from "../../support/fake_slave.ts";
import { MemoryConnection } from "../../support/fuzz/memory_connection.ts";
import { groupOf } from "../../support/group_of.ts";
import { IDLE_GROUP, IDLE_SLAVE } from "../../support/idle_ports.ts";
import { managerBy } from "../../support/local_manager.ts";
import { joinBytes, SocketPair, writeAll } from "../../support/socket_pair.ts";
import { StalledConnection } from "../../support/stalled_connection.ts";
import { StandingClock, TestClock } from "../../support/test_clock.ts";
import { taskOf } from "../../support/task_of.ts";

const TASKS = 40;

/** A slave that says what no slave of ours says. */
interface Misbehaviour {
  /** JSON texts of messages that it sends when it has been given a task. */
  readonly says?: readonly string[];
  /** Or what else it does then. */
  readonly does?: (session: FakeSession) => Promise<void>;
  /** What the reason says for which its connection is closed, unless it has ended by itself. */
  readonly reason?: RegExp;
}

const result = (first: unknown, value = "0") =>
  `{"type":"results","first":${JSON.stringify(first)},"values":[${value}],"micros":[1]}`;
const failed = (thrown: string) =>
  `{"type":"failed","first":0,"failure":"threw","micros":1,"thrown":${thrown}}`;
const startupFailed = (context: unknown, thrown = "0") =>
  `{"type":"startup-failed","context":${
    JSON.stringify(context)
  },"failure":"threw","thrown":${thrown}}`;

const loadFailed = (code: unknown, thrown = "0") =>
  `{"type":"load-failed","code":${JSON.stringify(code)},"thrown":${thrown}}`;

/** The message of an error cannot be made a text. */
const UNSPEAKABLE = '{"$":["Error","Error","message",{"toString":1,"valueOf":1}]}';

const MISBEHAVIOURS: Record<string, Misbehaviour> = {
  "answers a task that it does not have": {
    says: [result(1)],
    reason: /answered task 1 of its connection, which it does not have/,
  },
  "answers a task before the first": {
    says: [result(-1)],
    reason: /answered task -1|a message that is none/,
  },
  "answers half a task": {
    says: [result(0.5)],
    reason: /answered task 0\.5|a message that is none/,
  },
  "fails a task that it does not have": {
    says: ['{"type":"failed","first":7,"failure":"threw","micros":1,"thrown":0}'],
    reason: /answered task 7/,
  },
  "fails no task in particular": {
    says: ['{"type":"failed","failure":"threw","micros":1,"thrown":0}'],
  },
  "fails a task in a way that there is not": {
    says: ['{"type":"failed","first":0,"failure":"tired","micros":1,"thrown":0}'],
    reason: /a message that is none/,
  },
  "sends more values than times": {
    says: ['{"type":"results","first":0,"values":[0,1],"micros":[1]}'],
    reason: /a message that is none/,
  },
  "sends no list of values": {
    says: ['{"type":"results","first":0,"values":{"length":1},"micros":[1]}'],
    reason: /a message that is none/,
  },
  "sends times that are no numbers": {
    says: ['{"type":"results","first":0,"values":[0],"micros":["x"]}'],
  },
  "is full of nothing in particular": {
    says: ['{"type":"full","memoryBytes":"all"}'],
    reason: /a message that is none/,
  },
  "is less than nowhere in its task": {
    says: ['{"type":"progress","task":0,"done":-1}'],
    reason: /a message that is none/,
  },
  "is somewhere in no task": {
    says: ['{"type":"progress","done":1}'],
    reason: /a message that is none/,
  },
  "is somewhere in its task, in words that are none": {
    says: ['{"type":"progress","task":0,"done":1,"text":["fitting"]}'],
    reason: /a message that is none/,
  },
  "has ended a context that goes on": {
    says: ['{"type":"context-ended","context":0}'],
    reason: /a message that is none/,
  },
  "is ready for a context that there is not": {
    says: ['{"type":"ready","context":99}'],
    reason: /speaks of context 99, of which it was not told/,
  },
  "is ready for a context without a number": {
    says: ['{"type":"ready","context":"length"}'],
    reason: /speaks of context length, of which it was not told/,
  },
  "fails to start a context that there is not": {
    says: [startupFailed(99)],
    reason: /speaks of context 99, of which it was not told/,
  },
  "fails to start a context that has no startup": {
    says: [startupFailed(0)],
  },
  "begins to start a context that there is not": {
    says: ['{"type":"starting","context":99}'],
    reason: /speaks of context 99, of which it was not told/,
  },
  "begins to start a context that has no startup": {
    says: ['{"type":"starting","context":0}'],
    reason: /a message that is none/,
  },
  "has loaded code that it was not given": {
    says: ['{"type":"loaded","code":99}'],
    reason: /speaks of code 99, which it does not have/,
  },
  "cannot load code that it was not given": {
    says: [loadFailed(99)],
    reason: /speaks of code 99, which it does not have/,
  },
  "cannot load code without a number": {
    says: [loadFailed("length")],
    reason: /speaks of code length, which it does not have/,
  },
  "sends a message of a type that there is not": {
    says: ['{"type":"nonsense"}'],
    reason: /a message that is none: \{ type: "nonsense" \}/,
  },
  "sends a message for slaves": { says: ['{"type":"recall"}'], reason: /a message that is none/ },
  "sends null as a message": { says: ["null"], reason: /its connection was closed: / },
  "sends a number as a message": { says: ["5"], reason: /a message that is none/ },
  "sends a list as a message": { says: ["[]"], reason: /a message that is none/ },
  "sends a message without a list": {
    does: ({ connection }) => writeAll(connection, joinBytes(encodeFrame('{"type":"ready"}'))),
    reason: /is not a list of messages/,
  },
  "sends text that is not JSON": {
    does: ({ connection }) => writeAll(connection, joinBytes(encodeFrame("[nonsense]"))),
    reason: /is not JSON/,
  },
  "sends bytes that are no frame": {
    does: ({ connection }) => writeAll(connection, new Uint8Array(1000).fill(7)),
    reason: /parts do not add up|longer than the frame/,
  },
  "closes the connection within a frame": {
    does: async ({ connection }) => {
      await writeAll(connection, joinBytes(encodeFrame(`[${result(0)}]`)).subarray(0, -5));
      await connection.closeWrite();
    },
    reason: /ended within a frame/,
  },
  "closes the connection with its task": {
    does: async ({ connection }) => await connection.closeWrite(),
  },
  "returns tasks, and the same once more": {
    says: [
      '{"type":"returned","from":0,"to":1000}',
      '{"type":"returned","from":0,"to":1000}',
      result(0),
    ],
    reason: /answered task 0/,
  },
  "returns tasks between numbers that are none": {
    says: ['{"type":"returned","from":"a","to":"b"}'],
  },
  "says that it exits in a task that it does not have, and does": {
    does: async ({ stream, connection }) => {
      stream.postMessage({ type: "exiting", running: 99, code: 5 });
      await stream.flushed();
      await connection.closeWrite();
    },
  },
};

for (const [name, { says, does, reason }] of Object.entries(MISBEHAVIOURS)) {
  Deno.test(`Session: a slave that ${name} loses its connection, and nothing else`, async () => {
    await runBeside(async (session, join) => {
      await receiveTasks(session.stream);
      join();
      for (const text of says ?? []) session.stream.post(text);
      await session.stream.flushed();
      await does?.(session);
    }, reason);
  });
}

/** What a slave answers to its task, and why that cannot be decoded. */
const UNDECODABLE: Record<string, { readonly says: string; readonly reason: RegExp }> = {
  "of a value that cannot be decoded": {
    says: result(0, '{"$":["Nonsense"]}'),
    reason:
      /ran on fake slave 0, but what it returned cannot be decoded here: .*no type "Nonsense"/,
  },
  "of a value without its buffers": {
    says: result(0, '{"$":["ArrayBuffer"]}'),
    reason: /more buffers than the 0 that came/,
  },
  "with what was thrown and cannot be decoded": {
    says: failed('{"$":["Error","Nonsense"]}'),
    reason: /Nonsense is no class of errors/,
  },
  "with an error whose message is no text": {
    says: failed(UNSPEAKABLE),
    reason: /the message of an error is no text/,
  },
};

for (const [name, { says, reason }] of Object.entries(UNDECODABLE)) {
  Deno.test(`Session: an answer ${name} fails its task, and the slave goes on`, async () => {
    const outcomes = await answersOfFake(async ({ stream }) => {
      await receiveTasks(stream);
      stream.post(says);
      await stream.flushed();
      // It has several now, in one message.
      const count = await receiveTasks(stream);
      stream.post(resultsFrom(1, count));
      await stream.flushed();
      return count;
    });
    assertEquals(outcomes[0].status, "rejected");
    assertMatch(String((outcomes[0] as { reason?: Error }).reason?.message), reason);
    for (const outcome of outcomes.slice(1)) assertEquals(outcome.status, "fulfilled");
  });
}

Deno.test("Session: a value that cannot be decoded costs those beside it neither their task nor their buffers", async () => {
  const bytes = (byte: number) => new Uint8Array([byte, byte]);
  const outcomes = await answersOfFake(async ({ stream }) => {
    await receiveTasks(stream);
    stream.post(result(0, "5"));
    await stream.flushed();
    const count = await receiveTasks(stream);
    assert(count >= 3, `${count} tasks`);
    const view = '{"$":["Uint8Array",{"$":["ArrayBuffer"]}]}';
    const values = Array.from({ length: count }, () => view);
    values[1] = '{"$":["plain",[{"$":["Date"]},{"$":["ArrayBuffer"]}]]}';
    const micros = values.map(() => 1);
    stream.post(
      `{"type":"results","first":1,"values":[${values}],"micros":[${micros}]}`,
      values.map((_, i) => bytes(i + 1)),
    );
    await stream.flushed();
    return count;
  });
  assertEquals(outcomes[2].status, "rejected");
  for (const { task, status, ...outcome } of [outcomes[1], ...outcomes.slice(3)]) {
    assertEquals([status, (outcome as { value?: unknown }).value], ["fulfilled", bytes(task.id)]);
  }
});

Deno.test("Session: a slave that closes the connection before it has a task loses nothing", async () => {
  await runBeside(async ({ connection }, join) => {
    join();
    await connection.closeWrite();
  });
});

Deno.test("Session: a slave that has answered some tasks of a batch and then misbehaves has these delivered", async () => {
  const outcomes = await runBeside(async ({ stream }, join) => {
    const first = await receiveTasks(stream);
    stream.post(result(0, '"by the fake"'));
    await stream.flushed();
    // Now that its tasks are known to be short, it has several.
    const more = await receiveTasks(stream);
    assert(more > 2, `${more} tasks`);
    join();
    stream.post(result(first, '"by the fake"'));
    stream.post(result(first + 2));
    await stream.flushed();
  }, new RegExp("answered task 3"));
  const byFake = outcomes.filter(({ slave }) => slave?.name === "fake slave 0");
  assertEquals(byFake.map(({ task }) => task.id), [0, 1]);
});

Deno.test("Session: a slave that answers a task twice in one message has it delivered once", async () => {
  const outcomes = await runBeside(async ({ stream }, join) => {
    await receiveTasks(stream);
    join();
    stream.post(result(0, '"by the fake"'));
    stream.post(result(0, '"by the fake"'));
    await stream.flushed();
  }, /answered task 0/);
  assertEquals(outcomes.filter(({ slave }) => slave?.name === "fake slave 0").length, 1);
});

Deno.test("Session: does not evaluate or change what a slave sends", async () => {
  const outcomes = await runBeside(async ({ stream }, join) => {
    await receiveTasks(stream);
    stream.post(
      result(0, '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
    );
    await stream.flushed();
    await receiveTasks(stream);
    join();
    stream.postMessage({ type: "nonsense" });
    await stream.flushed();
  }, /a message that is none/);
  assertEquals((Object.prototype as Record<string, unknown>).polluted, undefined);
  assertEquals(outcomes[0].slave?.name, "fake slave 0");
});

/**
 * Runs tasks on a slave that misbehaves, and on a real one that joins it. Checks that every task is
 * done once, that none has failed, and why the slave's connection was closed.
 *
 * @param speak What the slave does. It calls `join` just before it misbehaves.
 * @param reason What the reason is for which it is closed, if it does not end by itself.
 * @returns The outcomes, in the order of the tasks.
 */
async function runBeside(
  speak: (session: FakeSession, join: () => void) => Promise<void>,
  reason?: RegExp,
): Promise<Outcome[]> {
  const log = new EventLog();
  // By this clock the pause after which a slave is tried once more never ends: on a busy machine the tasks take longer than that.
  await using manager = managerBy(new StandingClock(), { output: "null", onEvent: log.onEvent });
  const fake = new FakeSlave(async (session) => {
    await speak(session, () => manager.addSlave(new LocalSlave()));
    await untilClosed(session.stream);
  });
  manager.addSlave(fake);
  const context = manager.getContext();
  for (let i = 0; i < TASKS; i++) context.addTask((x: number) => x * x, i);
  const outcomes: Outcome[] = [];
  for await (const outcome of context.getOutcomesUnordered()) outcomes.push(outcome);
  await fake.spoken;
  await log.until("slave-restarted", 2);

  outcomes.sort((a, b) => a.task.id - b.task.id);
  assertEquals(outcomes.map(({ task }) => task.id), Array.from({ length: TASKS }, (_, i) => i));
  for (const outcome of outcomes) {
    assert(outcome.status === "fulfilled", `${outcome.task} failed`);
    if (outcome.slave?.name !== "fake slave 0") assertEquals(outcome.value, outcome.task.id ** 2);
  }
  const [restarted, again] = log.of("slave-restarted");
  assertEquals(restarted.slave.name, "fake slave 0");
  if (reason !== undefined) assertMatch(restarted.reason, reason);
  assertMatch(again.reason, /A fake slave is launched only once/);
  assertEquals(
    log.of("slave-restarted").map(({ slave }) => slave.name),
    Array(2).fill("fake slave 0"),
  );
  assertEquals(log.of("slave-lost"), []);
  return outcomes;
}

/** A session whose process answers its only task at once, and says something more in the same piece. */
function answering(more: Uint8Array) {
  const clock = new TestClock();
  const hub = new Hub(clock);
  const log = new EventLog();
  hub.subscribe({ wantsTasks: true, tell: log.onEvent });
  const dispatcher = new Dispatcher(1, { reports: hub });
  const slave = new DispatchSlave({ number: 0, name: "slave 0", host: "" }, IDLE_SLAVE);
  const group = groupOf(0);
  const code = { number: 0, reference: { type: "inline", name: "f", source: "() => {}" } } as const;
  dispatcher.addSlave(slave);
  dispatcher.addGroup(group);
  group.add(taskOf(0, code, 0));
  group.reading = "unordered";
  const news: number[] = [];
  const begin = async () => {
    // Before the session there was the proof.
    const frames = ["[]", `[${resultsFrom(0, 1)}]`].flatMap((text) => encodeFrame(text));
    const stream = new MessageStream<ToMaster>(
      MemoryConnection.of([joinBytes([...frames, more])]),
    );
    await stream.receive();
    const session = new Session(stream, {
      slave,
      dispatcher,
      clock,
      fleet: { newsTold: (nowMs) => news.push(nowMs!), progressMs: undefined },
      seat: { canLoad: () => true, moduleMissed: () => {} },
    });
    dispatcher.slaveConnected(slave, session);
    dispatcher.dispatch(clock.now());
    clock.pass(5000);
    return session;
  };
  const finished = () => {
    hub.flush();
    return log.of("task-finished").map(({ timeMs }) => timeMs);
  };
  return { clock, news, begin, finished };
}

Deno.test("Session: the dispatcher is told by its manager's clock when results came, and of news once for all that came in one piece", async () => {
  const { clock, news, begin, finished } = answering(joinBytes(encodeFrame("[]")));
  using session = await begin();
  // What has come with it is told when whoever made the session has taken note of it.
  assertEquals(news, []);
  assertEquals(await session.ended, undefined);
  assertEquals(finished(), [clock.originMs + 5000]);
  assertEquals(news, [clock.now()]);
});

Deno.test("Session: where something wrong stands behind results, these count, and the slave is given nothing more", async () => {
  const { clock, news, begin, finished } = answering(joinBytes(encodeFrame("{")));
  using session = await begin();
  assertMatch((await session.ended)!.message, /is not JSON/);
  assertEquals(finished(), [clock.originMs + 5000]);
  assertEquals(news, []);
});

Deno.test("Session.run: its process is told of a context and of code once; what it cannot load is not sent, and its seat is told", async () => {
  using sockets = await SocketPair.open();
  const code = (name: string, number: number): Code => ({
    number,
    reference: { type: "export", module: `file:///${name}.ts`, name },
  });
  const group = groupOf(0, IDLE_GROUP, { startup: code("setup", 0) });
  const other = groupOf(1, IDLE_GROUP, { startup: code("lost", 1) });
  const asked: string[] = [];
  let missed = 0;
  const slave = new DispatchSlave({ number: 0, name: "slave 0", host: "" }, IDLE_SLAVE);
  using session = new Session(new MessageStream<ToMaster>(sockets.near), {
    slave,
    dispatcher: new Dispatcher(1),
    clock: new TestClock(),
    maxMemoryBytes: undefined,
    fleet: { newsTold: () => {}, progressMs: undefined },
    seat: {
      canLoad: ({ reference: { name } }) => {
        asked.push(name);
        return name !== "lost";
      },
      moduleMissed: () => missed++,
    },
  });
  const run = (group: DispatchGroup, code: Code, id: number) =>
    session.run({ group, code, tasks: [taskOf(id, code, id)], args: [id], sizes: [8], maxHeld: 1 });
  const [found, lost] = [code("found", 2), code("lost", 1)];
  for (const id of [0, 1]) run(group, found, id);
  run(group, lost, 2);
  run(other, found, 3);
  run(group, found, 4);
  assertEquals([asked, missed], [["found", "setup", "lost", "found", "lost"], 2]);
  session.flush();
  const process = new MessageStream<ToSlave>(sockets.far);
  const told: unknown[] = [];
  while (told.length < 6) {
    for (const message of (await process.receive())!.messages) {
      told.push(message.type === "run" ? message.args : message.type);
    }
  }
  assertEquals(told, ["welcome", "context", "code", [0], [1], [4]]);
  process[Symbol.dispose]();
  await session.ended;
});

Deno.test("Session: the arguments of a task that is cancelled while they are written arrive whole, and then the recall", async () => {
  const connection = new StalledConnection();
  const stream = new MessageStream<ToMaster>(connection);
  const dispatcher = new Dispatcher(1);
  const slave = new DispatchSlave({ number: 0, name: "slave 0", host: "" }, IDLE_SLAVE);
  using session = new Session(stream, {
    slave,
    dispatcher,
    clock: new TestClock(),
    fleet: { newsTold: () => {}, progressMs: undefined },
    seat: { canLoad: () => true, moduleMissed: () => {} },
  });
  const code = (number: number): Code => ({
    number,
    reference: { type: "inline", name: "f", source: "() => {}" },
  });
  const group = groupOf(0, IDLE_GROUP, { startup: code(0) });
  group.reading = "unordered";
  dispatcher.addSlave(slave);
  dispatcher.addGroup(group);
  dispatcher.slaveConnected(slave, session);
  const bytes = new Uint8Array(1024 * 1024).fill(7);
  const task = taskOf(0, code(1), { text: "null", buffers: [bytes.slice()] });
  group.add(task);
  dispatcher.dispatch(0);
  await connection.stalled;
  dispatcher.cancelTask(group, task);
  dispatcher.dispatch(0);
  assertEquals(hasEnded(task), true);
  connection.goOn();
  await stream.flushed();
  const { frames, isWhole } = connection.sent();
  const told = frames.flatMap(({ text }) => JSON.parse(text).map(({ type }: ToSlave) => type));
  assertEquals(told, ["welcome", "context", "code", "run", "recall"]);
  assertEquals(frames.flatMap(({ buffers }) => buffers), [bytes]);
  assertEquals(isWhole, true);
});

/** Results of tasks that follow each other. */
function resultsFrom(first: number, count: number): string {
  const values = new Array(count).fill(0);
  return `{"type":"results","first":${first},"values":[${values}],"micros":[${values}]}`;
}

/**
 * Runs tasks on a slave that answers the first and those that it is given next. Checks that it stays connected.
 *
 * @param speak What the slave does; it returns how many tasks it has answered beside the first.
 * @returns The outcomes of these, in the order of the tasks.
 */
async function answersOfFake(speak: (session: FakeSession) => Promise<number>): Promise<Outcome[]> {
  const log = new EventLog();
  await using manager = new Manager({ output: "null", onEvent: log.onEvent });
  const { promise: answered, resolve } = Promise.withResolvers<number>();
  manager.addSlave(
    new FakeSlave(async (session) => {
      resolve(1 + await speak(session));
      await untilClosed(session.stream);
    }),
  );
  const context = manager.getContext();
  for (let i = 0; i < TASKS; i++) context.addTask((x: number) => x * x, i);
  const outcomes: Outcome[] = [];
  for await (const outcome of context.getOutcomesUnordered()) {
    outcomes.push(outcome);
    if (outcomes.length > 1 && outcomes.length === await answered) break;
  }
  assertEquals(log.of("slave-restarted"), []);
  assertEquals(log.of("slave-lost"), []);
  return outcomes.toSorted((a, b) => a.task.id - b.task.id);
}
