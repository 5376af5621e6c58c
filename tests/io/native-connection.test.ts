// The client's connection against the compiled server, through a proxy that cuts it after a random
// number of bytes (from a seed): every client gets every message once, in one order.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { SessionEvent } from "../../src/client/events.ts";
import { ClientSession } from "../../src/client/session.ts";
import { NativeConnection } from "../../src/io/native-connection.ts";
import { Parley } from "../parley.ts";
import { seeded } from "../sim/random.ts";
import { testFolder } from "../test-folder.ts";
import { patienceMs } from "../until.ts";

const folder = testFolder("cuts");

type Pair = { far: Bun.Socket<undefined> | undefined; early: Buffer[]; left: number };

/**
 * Forwards bytes until a connection has reached a random number of them, then resets it in both
 * directions.
 */
function cuttingProxy(port: number, random: () => number) {
  let cutting = true;
  let cuts = 0;
  const spend = (pair: Pair, bytes: Buffer): Buffer => {
    const part = cutting ? bytes.subarray(0, Math.max(0, pair.left)) : bytes;
    pair.left -= bytes.length;
    return part;
  };
  const isOver = (pair: Pair) => cutting && pair.left <= 0;
  const listener = Bun.listen<Pair>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(near) {
        const pair: Pair = { far: undefined, early: [], left: 300 + Math.floor(random() * 9_000) };
        near.data = pair;
        const end = () => {
          cuts++;
          near.terminate();
          pair.far?.terminate();
        };
        void Bun.connect({
          hostname: "127.0.0.1",
          port,
          socket: {
            open(far) {
              pair.far = far;
              for (const bytes of pair.early.splice(0)) far.write(bytes);
            },
            data(_far, bytes) {
              const part = spend(pair, bytes);
              // Bytes that a full socket does not accept are cut as well.
              if (near.write(part) < part.length || isOver(pair)) end();
            },
            close: () => void near.terminate(),
          },
        });
      },
      data(near, bytes) {
        const pair = near.data;
        const part = Buffer.from(spend(pair, bytes));
        if (pair.far === undefined) pair.early.push(part);
        else pair.far.write(part);
        if (!isOver(pair)) return;
        cuts++;
        near.terminate();
        pair.far?.terminate();
      },
      close: (near) => void near.data.far?.terminate(),
    },
  });
  return {
    port: listener.port,
    get cuts() {
      return cuts;
    },
    stopCutting: () => (cutting = false),
    [Symbol.dispose]: () => listener.stop(true),
  };
}

const rooms = ["lobby", "den"];

class Client {
  readonly events: SessionEvent[] = [];
  readonly session: ClientSession;
  readonly connection: NativeConnection;

  constructor(port: number, name: string, random: () => number, onEvent: () => void) {
    const secret = `secret-of-${name}-0123456789`;
    this.session = new ClientSession({ name, rooms, secret, random });
    this.connection = new NativeConnection({ host: "127.0.0.1", port }, this.session, (event) => {
      this.events.push(event);
      onEvent();
    });
    this.connection.start();
  }

  /** Texts heard in the room, in order. */
  heard(room: string): string[] {
    return this.events.flatMap((event) =>
      event.type === "message" && event.room === room ? [event.text] : [],
    );
  }

  seq(room: string): number {
    return this.session.position?.rooms.find((point) => point.room === room)?.seq ?? 0;
  }
}

describe("a native connection", () => {
  test("neither loses nor duplicates anything in any room through a proxy that cuts at any byte", async () => {
    const seed = Number(process.env["PARLEY_TEST_SEED"] ?? 7);
    const random = seeded(seed);
    const flags = ["--no-web", "--files", folder, "--rate", "0", "--data", join(folder, "cuts.db")];
    await using server = new Parley("server", "--port", "0", ...flags);
    const port = Number((await server.line(/^Server listening on /)).split(":").at(-1));
    using proxy = cuttingProxy(port, random);
    let wake: (() => void) | undefined;
    const clients = ["Ann", "Bob", "Cal"].map(
      (name) => new Client(proxy.port, name, random, () => wake?.()),
    );
    const settled = async (done: () => boolean, what: string) => {
      const deadlineMs = performance.now() + patienceMs;
      while (!done()) {
        if (performance.now() > deadlineMs) throw new Error(`seed ${seed}: ${what} in vain`);
        await Promise.race([new Promise<void>((resolve) => (wake = resolve)), Bun.sleep(50)]);
      }
    };
    await settled(() => clients.every((c) => c.session.online), "login");
    const each = 200;
    for (let i = 0; i < each; i++) {
      for (const { session, connection } of clients) {
        // A room joined and parted repeatedly: messages there must not disturb the count.
        if (i % 20 === 0) session.join("attic");
        if (i % 20 < 10) session.say("attic", `${session.name} up here`);
        if (i % 20 === 10) session.part("attic");
        const text = `${session.name}-${i} ${"x".repeat(Math.floor(random() * 60))}`;
        for (const room of rooms) session.say(room, text);
        connection.applyOutputs();
      }
      if (i % 10 === 9) await Bun.sleep(5);
    }
    await settled(() => proxy.cuts >= 10, "ten cuts");
    proxy.stopCutting();
    const hasAllSaid = () =>
      clients.every((c) => c.session.online && c.session.unacknowledged === 0);
    await settled(hasAllSaid, "acknowledgements");
    const hasAllHeard = (room: string) => {
      const last = Math.max(...clients.map((c) => c.seq(room)));
      return clients.every((c) => c.seq(room) === last);
    };
    await settled(() => rooms.every(hasAllHeard), "the last messages");
    for (const room of rooms) {
      const all = clients.map((c) => c.heard(room)).toSorted((a, b) => b.length - a.length);
      for (const client of clients) {
        const heard = client.heard(room);
        // A client receives everything from its own login on.
        const expected = all[0]!.slice(all[0]!.length - heard.length);
        expect({ seed, room, heard }).toEqual({ seed, room, heard: expected });
        const { name } = client.session;
        const own = heard.filter((text) => text.startsWith(`${name}-`));
        expect({ seed, room, own: own.map((text) => text.split(" ")[0]) }).toEqual({
          seed,
          room,
          own: Array.from({ length: each }, (_, i) => `${name}-${i}`),
        });
      }
    }
    for (const { session, connection } of clients) {
      expect(session.rooms).toEqual(rooms);
      await connection.leave();
    }
  }, 180_000);

  test("reports why it could not connect, and retries", async () => {
    const events: SessionEvent[] = [];
    const secret = "0123456789abcdef";
    const session = new ClientSession({ name: "Ann", rooms: ["lobby"], secret, random: () => 0 });
    const two = Promise.withResolvers<void>();
    const connection = new NativeConnection({ host: "127.0.0.1", port: 1 }, session, (event) => {
      events.push(event);
      if (events.length === 2) two.resolve();
    });
    connection.start();
    await two.promise;
    await connection.leave();
    expect(events.slice(0, 2)).toMatchObject([
      { type: "offline", reason: "connection refused", attempt: 1, everOnline: false },
      { type: "offline", reason: "connection refused", attempt: 2, everOnline: false },
    ]);
  });
});
