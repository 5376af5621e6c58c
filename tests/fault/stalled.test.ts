// A client that stops reading is notified and dropped at its bound; the others notice nothing; and
// it catches up when it reads again.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { output } from "../../src/limits.ts";
import { FaultyServer, linesInFile } from "./server.ts";
import { chance, expectPromiseKept, gather, silence } from "./talker.ts";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";

const folder = testFolder("fault-stalled");

/**
 * More than the server's bound, and than the system's own buffers for a connection: those of Linux
 * can grow to 36 MiB.
 */
const mostBytes = output.maxLagBytes + 64 * 1024 * 1024;

test("a stalled plain reader is dropped with a message, the others receive everything", async () => {
  await using server = new FaultyServer(folder, []);
  await server.start();
  const talkers = await gather(5, server.port, chance(1));
  let heard = "";
  let closed = false;
  const decoder = new TextDecoder();
  const reader = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port,
    socket: {
      data: (_socket, bytes) => void (heard += decoder.decode(bytes, { stream: true })),
      close: () => void (closed = true),
    },
  });
  reader.write("slow\n");
  await until(
    () => heard.includes("slow has joined the chat!"),
    () => "the slow one to come in",
  );
  reader.pause();
  const text = "x".repeat(16_000);
  const needed = Math.ceil(mostBytes / text.length);
  const [speaker] = talkers;
  let said = 0;
  const say = (): void => {
    while (said < needed && typeof speaker!.session.say("lobby", `${text}${said}`) === "number")
      said++;
  };
  const slowLeft = (): boolean =>
    talkers.every(({ leaves }) => leaves.some((left) => left === "slow: slow"));
  await until(
    () => {
      say();
      speaker!.applyOutputs();
      return slowLeft();
    },
    () => `'slow' to be dropped after ${said} messages`,
  );
  // The server waits only so long for its last words to be read.
  reader.resume();
  await silence(talkers);
  for (const talker of talkers) {
    expect(talker.heard).toEqual(speaker!.heard.slice(-talker.heard.length));
    expect(talker.failures).toEqual([]);
    expect(talker.returns).toBe(0);
  }
  await until(
    () => closed,
    () => "the dropped connection to end",
  );
  expect(heard.slice(-200)).toMatch(/too slow|slow/i);
  expect(heard.endsWith("\n")).toBe(true);
}, 180_000);

test("a native client that stops reading and then continues has missed nothing", async () => {
  const path = join(folder, "chat.db");
  await using server = new FaultyServer(folder, ["--data", path]);
  await server.start();
  const talkers = await gather(4, server.port, chance(2));
  const [sleeper, ...others] = talkers;
  for (const talker of others) talker.talk();
  sleeper!.pause();
  const long = "y".repeat(16_000);
  const needed = Math.ceil(mostBytes / long.length);
  let said = 0;
  await until(
    () => {
      while (said < needed && typeof others[0]!.session.say("lobby", `${long}${said}`) === "number")
        said++;
      others[0]!.applyOutputs();
      return others.every(({ leaves }) => leaves.includes(`${sleeper!.name}: slow`));
    },
    () => `the sleeper to be dropped after ${said} messages`,
  );
  sleeper!.resume();
  await silence(talkers);
  expect(sleeper!.returns).toBeGreaterThan(0);
  expectPromiseKept(talkers, linesInFile(path));
}, 180_000);
