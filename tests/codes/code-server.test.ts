// A port that serves files by code: connections that say nothing take no place for long, and
// never all of them.

import { expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { CodeDoor } from "../../src/codes/code-door.ts";
import { CodeServer, type CodeServerOptions } from "../../src/codes/code-server.ts";
import { goneError } from "../../src/codes/guest-error.ts";
import type { ParleyError } from "../../src/errors.ts";
import { ownAddresses } from "../../src/handover/paths/own-addresses.ts";
import { OfferedFolder } from "../../src/handover/offered-folder.ts";
import { codes as limits, connections } from "../../src/limits.ts";
import { createKeyPair } from "../../src/tls/certificate.ts";
import { CodeGuest, codeExporterLabel } from "../../src/tls/code-exchange.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";

setDefaultTimeout(180_000);

const base = testFolder("code-port");

const code = { number: 1, words: "alpha-beta" };

async function open(proofMs: number, more: Partial<CodeServerOptions> = {}): Promise<CodeServer> {
  const path = join(base, "a.txt");
  writeFileSync(path, "a");
  return CodeServer.open({
    folder: await OfferedFolder.of([path]),
    door: new CodeDoor(code, () => {}),
    key: await createKeyPair(Date.now()),
    host: "127.0.0.1",
    proofMs,
    patienceMs: 60_000,
    onInterrupted() {},
    onDone() {},
    onFailed() {},
    ...more,
  });
}

/** A guest who has tried these words, and what they have heard. */
async function trying(port: number, words: string) {
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  const exported = socket.exportKeyingMaterial(32, codeExporterLabel, Buffer.alloc(0));
  const guest = new CodeGuest({ ...code, words }, new Uint8Array(exported));
  const heard = { text: "" };
  socket.on("data", (bytes) => (heard.text += bytes));
  socket.write(`${JSON.stringify({ type: "code", number: 1, share: guest.share })}\n`);
  await until(() => heard.text.includes("\n"));
  return { socket, guest, heard };
}

/** A guest who has proved to know the code. */
async function admitted(port: number): Promise<TLSSocket> {
  const { socket, guest, heard } = await trying(port, code.words);
  const answer = guest.check(JSON.parse(heard.text) as { share: string; proof: string });
  socket.write(`${JSON.stringify({ type: "code-proof", proof: answer?.proof })}\n`);
  await until(() => heard.text.includes("code-files"));
  return socket;
}

/** Connections that never begin a TLS handshake. */
function silent(port: number, count: number): { closed: () => number; sockets: Socket[] } {
  let closed = 0;
  const sockets = Array.from({ length: count }, () => {
    const socket = connect(port, "127.0.0.1");
    return socket.on("error", () => {}).on("close", () => closed++);
  });
  return { closed: () => closed, sockets };
}

test("silent connections are limited before their handshake, and free their places when they leave", async () => {
  const server = await open(60_000);
  const more = 20;
  const { closed, sockets } = silent(server.port, limits.maxConnections + more);
  await until(() => closed() === more);
  expect(sockets.filter(({ destroyed }) => !destroyed).length).toBe(limits.maxConnections);
  for (const socket of sockets) socket.destroy();
  const guest = connectTls({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false });
  guest.on("error", () => {});
  let isSecure = false;
  guest.on("secureConnect", () => (isSecure = true));
  await until(() => isSecure);
  guest.destroy();
  server.close();
});

const own = ownAddresses().find((address) => !address.includes(":"));

skipUnless(own !== undefined, "this machine has no address that is not loopback")(
  "a network that connects again and again is refused before the handshake, others are not",
  async () => {
    // At this moment no allowance grows.
    const clock = spyOn(performance, "now").mockReturnValue(1_000_000);
    const server = await open(60_000, { host: "0.0.0.0" });
    for (let i = 0; i < connections.openedAtOnce; i++) {
      const socket = connect(server.port, own).on("error", () => {});
      socket.on("connect", () => socket.end());
      await new Promise((resolve) => socket.once("close", resolve));
    }
    const outcomes = [own, "127.0.0.1"].map((host) => {
      const tls = connectTls({ port: server.port, host, rejectUnauthorized: false });
      const outcome = Promise.withResolvers<string>();
      tls.on("error", () => {}).on("close", () => outcome.resolve("refused"));
      tls.on("secureConnect", () => outcome.resolve("admitted"));
      return outcome.promise.finally(() => tls.destroy());
    });
    expect(await Promise.all(outcomes)).toEqual(["refused", "admitted"]);
    clock.mockRestore();
    server.close();
  },
);

test("a connection without a handshake is closed in time", async () => {
  const server = await open(50);
  const { closed } = silent(server.port, 5);
  await until(() => closed() === 5);
  server.close();
});

test("a connection that asks on and on without proving that it knows the code is ended", async () => {
  const server = await open(60_000);
  const socket = connectTls({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false });
  let closed = false;
  socket.on("error", () => {}).on("close", () => (closed = true));
  const heard = { text: "" };
  socket.on("data", (bytes) => (heard.text += bytes));
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  socket.write('{"type":"hello","version":2}\n'.repeat(10 * limits.requestsBeforeProof));
  await until(() => closed);
  expect(heard.text.split('"welcome"').length - 1).toBe(limits.requestsBeforeProof);
  server.close();
});

test("whoever takes an answer and leaves has had the one guess", async () => {
  const door = new CodeDoor(code, () => {});
  const server = await open(60_000, { door });
  const guess = await trying(server.port, "alpha-gamma");
  expect(guess.heard.text).toContain("code-share");
  // It can tell by now whether its guess was right.
  expect(guess.guest.check(JSON.parse(guess.heard.text) as { share: string; proof: string })).toBe(
    undefined,
  );
  guess.socket.destroy();
  await until(() => door.state !== "tried");
  expect(door.state).toBe("void");
  const next = await trying(server.port, code.words);
  expect(next.heard.text).toContain("not-found");
  next.socket.destroy();
  server.close();
});

test("a guest who is killed is waited for, and not for ever", async () => {
  const interrupted: string[] = [];
  const failed = Promise.withResolvers<ParleyError>();
  const server = await open(60_000, {
    patienceMs: 50,
    onInterrupted: (reason) => void interrupted.push(reason),
    onFailed: failed.resolve,
  });
  const guest = await admitted(server.port);
  guest.destroy();
  expect(await failed.promise).toMatchObject({ code: "stalled" });
  expect(interrupted).toEqual(["The receiver has lost the connection"]);
  server.close();
  const sentences = [limits.awayMs, limits.unusedMs].map((ms) => goneError(ms).message);
  expect(sentences.map((text) => / for (.*)\.$/.exec(text)?.[1])).toEqual([
    "10 minutes",
    "24 hours",
  ]);
});

test("a guest who has everything, or gives up, is not waited for", async () => {
  for (const last of [{ type: "code-done" }, { type: "code-failed", failed: 1, reason: "no" }]) {
    const events: string[] = [];
    const server = await open(60_000, {
      onInterrupted: () => void events.push("interrupted"),
      onDone: () => void events.push("done"),
      onFailed: () => void events.push("failed"),
    });
    const guest = await admitted(server.port);
    const closed = new Promise((resolve) => guest.once("close", resolve));
    guest.end(`${JSON.stringify(last)}\n{"type":"bye"}\n`);
    await closed;
    await until(() => events.length > 0);
    expect(events).toEqual([last.type === "code-done" ? "done" : "failed"]);
    server.close();
  }
});

test("closing ends connections that have not begun their handshake", async () => {
  const server = await open(60_000);
  const { closed, sockets } = silent(server.port, 3);
  await until(() => sockets.every(({ readyState }) => readyState === "open"));
  // The last to be accepted is certainly in: the next one gets an answer.
  const guest = await trying(server.port, code.words);
  server.close();
  await until(() => closed() === 3);
  guest.socket.destroy();
});

test("a port that can't be opened waits for nobody", async () => {
  const listen = spyOn(Bun, "listen").mockImplementation(() => {
    throw new Error("no port");
  });
  const timers = spyOn(globalThis, "setTimeout");
  const opening = open(60_000);
  await expect(opening).rejects.toMatchObject({ code: "failed" });
  const waits = timers.mock.calls.filter(([, ms]) => ms === limits.unusedMs);
  listen.mockRestore();
  timers.mockRestore();
  expect(waits).toEqual([]);
});
