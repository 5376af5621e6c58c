// The server put together: what it says when its ports are open.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Admission } from "../../src/net/chat-port.ts";
import { ChatServer, type ServerOptions } from "../../src/net/chat-server.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-server-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts a server on free ports, stops it, and answers what it has said. */
async function saidBy(more: Partial<ServerOptions>): Promise<string[]> {
  const said: string[] = [];
  const server = await ChatServer.start({
    host: "127.0.0.1",
    port: 0,
    webPort: undefined,
    files: folder,
    data: undefined,
    rate: 0,
    maxPerAddress: 0,
    extra: [],
    log: () => {},
    warn: (line) => said.push(line),
    ...more,
  });
  await server.stop();
  return said;
}

test("a port of open-chat, its own or the main one of --classic, is announced in its words", async () => {
  const extra = [{ dialect: "open-chat", port: 0, flag: "--listen open-chat=PORT" }];
  expect(await saidBy({})).toEqual([]);
  expect(await saidBy({ extra })).toEqual(["[STARTED] Waiting for connections..."]);
  expect(await saidBy({ classic: true })).toEqual(["[STARTED] Waiting for connections..."]);
});

test("--max-per-address 0 is no bound on one address", () => {
  const admission = new Admission(0);
  for (let i = 0; i < 1_000; i++) expect(admission.enter("192.0.2.1")).toBeUndefined();
});
