// TLS on the main port, with real sockets: the same protocols inside it, hostile handshakes, and
// nothing left behind.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect as connectTcp, type Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { ChatServer } from "../../src/server/chat-server.ts";
import { openServerKey } from "../../src/tls/server-key.ts";
import { keepingLog } from "../silent-log.ts";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";
import { serverOptions } from "./server-options.ts";

const folder = testFolder("tls");
const kept = keepingLog();
let server: ChatServer;

beforeAll(async () => void (server = await start()));

afterAll(() => server.stop());

async function start(): Promise<ChatServer> {
  const key = await openServerKey(join(folder, "state"));
  return ChatServer.start(serverOptions(folder, { log: kept.log, key }));
}

type Client = { socket: TLSSocket; heard: () => string; closed: () => boolean };

async function client(port = server.port): Promise<Client> {
  const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
  const pieces: Buffer[] = [];
  let closed = false;
  socket.on("error", () => {});
  socket.on("close", () => (closed = true));
  socket.on("data", (bytes) => pieces.push(Buffer.from(bytes)));
  await new Promise<void>((resolve) => socket.once("secureConnect", resolve));
  return { socket, heard: () => Buffer.concat(pieces).toString(), closed: () => closed };
}

function raw(): { socket: Socket; heard: () => Buffer; closed: () => boolean } {
  const socket = connectTcp({ host: "127.0.0.1", port: server.port, allowHalfOpen: true });
  let heard = Buffer.alloc(0);
  let closed = false;
  socket.on("error", () => {});
  socket.on("close", () => (closed = true));
  socket.on("data", (bytes) => (heard = Buffer.concat([heard, Buffer.from(bytes)])));
  return { socket, heard: () => heard, closed: () => closed };
}

test("every protocol of the port is spoken inside TLS", async () => {
  const native = await client();
  native.socket.write('{"type":"hello","version":2,"name":"Nat"}\n');
  await until(() => native.heard().includes('"welcome"'), "a welcome");
  const text = await client();
  text.socket.write("Ann\nhello from Ann\n");
  await until(() => native.heard().includes('"text":"hello from Ann"'), "Ann's words");
  const cpp = await client();
  cpp.socket.write("BRIDGE\r\nclientID: Zoe\r\n\r\n");
  await until(() => cpp.heard().includes("BRIDGEACK"), "the registry's answer");
  const silent = await client();
  await until(() => silent.heard() === "Enter your name: ", "a prompt");
  const web = await client();
  web.socket.write("GET / HTTP/1.1\r\n\r\n");
  await until(() => web.heard().startsWith("HTTP/1.1 400"), "an answer to a browser");
  for (const { socket } of [native, text, cpp, silent, web]) socket.destroy();
  const entry = kept.logged.find(
    (line) => line.message === "logged in" && line.fields["name"] === "Ann",
  );
  expect(entry?.fields["tls"]).toBe(true);
});

test("a client that says FIN first still gets its answers", async () => {
  const { socket, heard, closed } = await client();
  socket.end('{"type":"hello","version":2,"rooms":[]}\n{"type":"ping","ref":7}\n');
  await until(closed, "the end");
  expect(heard()).toContain('{"type":"pong","ref":7,');
});

test("megabytes arrive completely, although the reader pauses in between", async () => {
  const talker = await client();
  talker.socket.write('{"type":"hello","version":2,"name":"Talker"}\n');
  const reader = await client();
  reader.socket.write('{"type":"hello","version":2,"name":"Reader"}\n');
  await until(() => reader.heard().includes('"welcome"'), "a welcome");
  reader.socket.pause();
  // More than socket buffers accept, less than a reader may lag behind.
  const body = "x".repeat(15_000);
  const count = 200;
  for (let n = 1; n <= count; n++) {
    talker.socket.write(`{"type":"say","n":${n},"text":"${n} ${body}"}\n`);
  }
  await until(() => talker.heard().includes(`{"type":"ack","n":${count}`), "the last ack");
  reader.socket.resume();
  await until(() => reader.heard().includes(`"text":"${count} ${body}"`), "the last message");
  const texts = reader
    .heard()
    .split("\n")
    .filter((line) => line.includes('"type":"message"'))
    .map((line) => (JSON.parse(line) as { text: string }).text);
  expect(texts).toEqual(Array.from({ length: count }, (_, i) => `${i + 1} ${body}`));
  talker.socket.destroy();
  reader.socket.destroy();
}, 180_000);

test("garbage after the first two bytes gets a TLS alert, then the connection closes", async () => {
  for (let length = 5; length < 60; length += 4) {
    const { socket, heard, closed } = raw();
    const garbage = Buffer.alloc(length, 0xff);
    garbage.set([0x16, 0x03, 0x01, 0x00, 0x20]);
    socket.end(garbage);
    await until(closed, "the end");
    expect([0, 0x15]).toContain(heard()[0] ?? 0);
  }
});

test("a handshake may arrive byte by byte", async () => {
  const relay = Bun.listen<{ to: Socket | undefined }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        const to = connectTcp({ host: "127.0.0.1", port: server.port, noDelay: true });
        to.on("error", () => {});
        to.on("data", (bytes) => socket.write(Buffer.from(bytes)));
        socket.data = { to };
      },
      data(socket, bytes) {
        for (const byte of bytes) socket.data.to?.write(Uint8Array.of(byte));
      },
      close: (socket) => void socket.data.to?.destroy(),
    },
  });
  const slow = await client(relay.port);
  slow.socket.write("Slow\nhere at last\n");
  await until(() => slow.heard().includes("Slow: here at last"), "Slow's words");
  slow.socket.destroy();
  relay.stop(true);
});

function members(): number {
  let count = 0;
  server.admin("who", (answer) => (count = answer.ok ? (answer.rows?.length ?? 0) : 0));
  return count;
}

test("clients that vanish before, in and after the handshake leave nothing behind", async () => {
  const before = members();
  for (let round = 0; round < 20; round++) {
    const early = raw();
    early.socket.write(Uint8Array.of(0x16));
    early.socket.resetAndDestroy();
    const middle = raw();
    middle.socket.write(Uint8Array.of(0x16, 3, 1, 2, 0, 1));
    middle.socket.resetAndDestroy();
    const late = await client();
    late.socket.write(`Gone${round}\nhi\n`);
    await until(() => late.heard().includes(`Gone${round}: hi`), "its own words");
    late.socket.destroy();
  }
  await until(() => members() === before, "everyone to have left");
  const last = await client();
  last.socket.write("Last\nstill served\n");
  await until(() => last.heard().includes("Last: still served"), "words");
  last.socket.destroy();
  expect(kept.logged.filter(({ level }) => level === "error")).toEqual([]);
});

test("a server that stops says goodbye inside TLS", async () => {
  const other = await start();
  const { socket, heard } = await client(other.port);
  socket.write("Ann\nhi\n");
  await until(() => heard().includes("Ann: hi"), "words");
  const stopped = other.stop();
  await until(() => heard().includes("The server is stopping"), "a goodbye");
  await stopped;
  socket.destroy();
});
