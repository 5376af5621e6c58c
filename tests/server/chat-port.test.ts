// The main port when full: people, native programs and our commands are told so, each in the
// appropriate form.

import { readdirSync } from "node:fs";
import { silentLog } from "../silent-log.ts";
import { afterAll, describe, expect, test } from "bun:test";
import { createMetrics } from "../../src/chat/metrics/metrics.ts";
import { nativeDialect } from "../../src/dialects/native/native.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { ircDialect } from "../../src/dialects/irc/irc.ts";
import { connections as limits } from "../../src/limits.ts";
import { Admission } from "../../src/server/admission.ts";
import { type PortProtocol } from "../../src/server/chat-connection.ts";
import { openChatPort } from "../../src/server/chat-port.ts";
import { getOption, option } from "../../src/io/udp/socket-options.ts";
import { HubDriver } from "../../src/server/hub-driver.ts";
import { RegistryConnection } from "../../src/cpp/registry-connection.ts";
import { Registry } from "../../src/cpp/registry.ts";
import { run } from "../cli/run.ts";

const irc = ircDialect({
  name: "irc.test",
  network: "test",
  log: "log",
  version: "1",
  sts: () => undefined,
});

const sentence = "The server is full: try again later";
const native = nativeDialect({ name: "test", udpPort: 1, messagesPerSecond: 100 });

function fullPort(protocol: PortProtocol) {
  const admission = new Admission(0);
  for (let i = 0; i < limits.maxTotal; i++) admission.enter("192.0.2.1");
  return openChatPort({
    host: "127.0.0.1",
    port: 0,
    protocol,
    webPort: () => undefined,
    driver: new HubDriver(() => {}),
    metrics: createMetrics(),
    cpp: () => new RegistryConnection(new Registry(), "127.0.0.1"),
    print: () => {},
    log: silentLog,
    admission,
    admitsPlain: () => true,
  });
}

/** Everything a connection receives until it closes. */
async function heardAt(port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let heard = "";
  await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: { data: (_, bytes) => void (heard += bytes.toString()), close: () => resolve(heard) },
  });
  return promise;
}

/** A connection that never closes its side, and sends until it is cut off. */
async function keepOpen(port: number): Promise<{ isOver: Promise<boolean> }> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    allowHalfOpen: true,
    socket: { data: () => {}, end: () => {}, close: () => resolve(true) },
  });
  const talk = setInterval(() => socket.write("x") < 0 && resolve(true), 20);
  return { isOver: promise.finally(() => clearInterval(talk)) };
}

/** Sockets of this process that are lost if nothing is acknowledged for that long. */
function socketsWithTimeout(ms: number): number {
  const sockets = readdirSync("/proc/self/fd").map(Number);
  return sockets.filter((fd) => getOption(fd, option.tcpUserTimeout) === ms).length;
}

test.skipIf(process.platform !== "linux")("a machine that vanishes is noticed soon", async () => {
  const before = socketsWithTimeout(limits.unacknowledgedMs);
  const port = fullPort({ kind: "dialect", dialect: openChat });
  const during = Promise.withResolvers<number>();
  const data = () => during.resolve(socketsWithTimeout(limits.unacknowledgedMs));
  const hostname = "127.0.0.1";
  using _ = await Bun.connect({ hostname, port: port.port, allowHalfOpen: true, socket: { data } });
  // The listener and the accepted connection.
  expect(await during.promise).toBe(before + 2);
  port.close();
});

describe("a server that is full", () => {
  const main = fullPort({ kind: "any", native, irc, text: openChat });
  const own = fullPort({ kind: "dialect", dialect: openChat });
  const ofIrc = fullPort({ kind: "dialect", dialect: irc });
  const ofIrcs = fullPort({ kind: "tls", dialect: irc });
  afterAll(() => [main, own, ofIrc, ofIrcs].forEach((port) => port.close()));

  test("reports it in a line for people and, on the main port, in one for native programs", async () => {
    const [first, second, rest] = (await heardAt(main.port)).split("\n");
    expect([first, rest]).toEqual([sentence, ""]);
    expect(JSON.parse(second ?? "")).toEqual({ type: "error", code: "full", message: sentence });
    expect(await heardAt(own.port)).toBe(`${sentence}\n`);
  });

  test("tells IRC clients in IRC, and where they speak TLS by an alert", async () => {
    expect(await heardAt(ofIrc.port)).toBe(`ERROR :${sentence}\r\n`);
    expect(await heardAt(ofIrcs.port)).toBe("\u0015\u0003\u0003\0\u0002\u0002P");
  });

  test("keeps few refused connections open, and not for long", async () => {
    const kept = [];
    for (let i = 0; i < limits.maxRefusedLingering + 1; i++) kept.push(await keepOpen(main.port));
    // The last one found no slot.
    expect(await kept.pop()!.isOver).toBe(true);
    await Promise.all(kept.map(({ isOver }) => isOver));
    expect(await heardAt(main.port)).toStartWith(sentence);
  });

  test("makes our commands exit with 4 and its message", async () => {
    const address = `127.0.0.1:${main.port}`;
    const ended = await Promise.all([
      run(["client", address, "--name", "bot"], { input: "hi\n" }),
      run(["fetch-file", address, "--list"]),
      run(["fetch-file", address, "a.txt", "-o", "-"]),
    ]);
    for (const { code, err } of ended) {
      expect(err).toContain(sentence);
      expect(err).not.toContain("main port");
      expect(code).toBe(4);
    }
  });
});
