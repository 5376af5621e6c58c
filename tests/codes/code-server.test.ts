// A port that serves files by a code: connections that say nothing take no place for long, and
// never all of them.

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { CodeDoor } from "../../src/codes/code-door.ts";
import { CodeServer } from "../../src/codes/code-server.ts";
import { OfferedFolder } from "../../src/handover/offered-folder.ts";
import { codes as limits } from "../../src/limits.ts";
import { createKeyPair } from "../../src/tls/certificate.ts";
import { until } from "../until.ts";

setDefaultTimeout(30_000);

const base = mkdtempSync(join(tmpdir(), "parley-code-port-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

async function open(proofMs: number): Promise<CodeServer> {
  const path = join(base, "a.txt");
  writeFileSync(path, "a");
  return CodeServer.open({
    folder: await OfferedFolder.of([path]),
    door: new CodeDoor({ number: 1, words: "alpha-beta" }, () => {}),
    key: await createKeyPair(Date.now()),
    host: "127.0.0.1",
    proofMs,
    onDone() {},
    onFailed() {},
  });
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

test("a connection without a handshake is closed in time", async () => {
  const server = await open(50);
  const { closed } = silent(server.port, 5);
  await until(() => closed() === 5);
  server.close();
});
