// A client that its trusted server redirects to another server: it continues at a server with the
// same key, and nowhere else.

import { expect, test } from "bun:test";
import { join } from "node:path";
import type { SessionEvent } from "../../src/client/events.ts";
import { ClientSession } from "../../src/client/session.ts";
import { NativeConnection } from "../../src/io/native-connection.ts";
import { ServerTrust } from "../../src/tls/server-trust.ts";
import { Parley } from "../parley.ts";
import { testFolder } from "../test-folder.ts";

const folder = testFolder("moving");

type Ready = { port: number; pin: string };

class Server implements AsyncDisposable {
  private constructor(
    readonly process: Parley,
    readonly ready: Ready,
  ) {}

  static async start(state: string): Promise<Server> {
    const flags = ["--port", "0", "--no-web", "--json", "--state", join(folder, state)];
    const server = new Parley("server", ...flags);
    return new Server(server, JSON.parse(await server.line(/"listening"/)) as Ready);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/** A member of that server, over TLS if `pin` is given. */
async function member(port: number, pin?: string) {
  const secret = "s".repeat(32);
  const session = new ClientSession({ name: "Ann", rooms: ["lobby"], secret, random: () => 0.5 });
  const heard: SessionEvent[] = [];
  let changed = Promise.withResolvers<void>();
  const trust =
    pin === undefined
      ? undefined
      : new ServerTrust({ server: `127.0.0.1:${port}`, pin, file: undefined, say() {} });
  const connection = new NativeConnection({ host: "127.0.0.1", port, trust }, session, (event) => {
    heard.push(event);
    changed.resolve();
    changed = Promise.withResolvers<void>();
  });
  const next = async <T extends SessionEvent["type"]>(type: T, from = 0) => {
    for (;;) {
      const found = heard.slice(from).find((event) => event.type === type);
      if (found !== undefined) return found as Extract<SessionEvent, { type: T }>;
      await changed.promise;
    }
  };
  connection.start();
  await next("online");
  return { connection, heard, next };
}

test("it continues at another server with the same key, over TLS", async () => {
  await using east = await Server.start("shared");
  await using west = await Server.start("shared");
  const [first, second] = [east.ready, west.ready];
  expect(second.pin).toBe(first.pin);
  const { connection, heard, next } = await member(first.port, first.pin);
  const before = heard.length;
  expect(connection.moveTo({ host: "127.0.0.1", port: second.port })).toBe(true);
  await next("online", before);
  expect(connection.server.port).toBe(second.port);
  expect(connection.moveTo({ host: "127.0.0.1", port: second.port })).toBe(false);
  await connection.leave();
});

test("a server with another key gets nothing", async () => {
  await using east = await Server.start("own");
  await using stranger = await Server.start("strange");
  const [first, second] = [east.ready, stranger.ready];
  const { connection, next } = await member(first.port, first.pin);
  connection.moveTo({ host: "127.0.0.1", port: second.port });
  expect(await next("ended")).toMatchObject({ code: "untrusted-server" });
  await connection.leave();
  await east.process.says("logged in");
  expect(stranger.process.stderr).not.toContain("logged in");
});

test("without TLS it stays on its machine", async () => {
  await using server = await Server.start("plain");
  const { connection, heard } = await member(server.ready.port);
  const before = heard.length;
  expect(connection.moveTo({ host: "192.0.2.1", port: 55_000 })).toBe(false);
  expect(heard.length).toBe(before);
  await connection.leave();
});
