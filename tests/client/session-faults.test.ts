// Connections cut at any byte, restarts with and without memory, random refusals, and constant
// joins and parts: every message arrives exactly once, in order, in its room, on every client. A
// failure prints its seed: PARLEY_TEST_SEED=… runs that one first.

import { describe, expect, test } from "bun:test";
import { seeded } from "../sim/random.ts";
import { ModelServer } from "./model-server.ts";
import { type VirtualClient, VirtualNetwork } from "./virtual-network.ts";

const runs = 60;
const firstSeed = Number(process.env["PARLEY_TEST_SEED"] ?? 1);

type Plan = {
  clients: number;
  each: number;
  faults: number;
  restarts: "keep" | "forget" | "none";
  /** Meanwhile clients join and part rooms, and talk there. */
  wandering: boolean;
};

/** A text accepted by `say`, and its target. */
type Said = { id: number; room: string; text: string };

/** One client's action at one moment. */
function act(client: VirtualClient, said: Said[], chance: () => number, wandering: boolean): void {
  const where = wandering ? chance() : 0;
  const room = where < 0.5 ? "lobby" : where < 0.9 ? "den" : "forbidden-attic";
  const what = wandering ? chance() : 1;
  if (what < 0.2) return client.run((session) => session.join(room));
  if (what < 0.35 && room !== "lobby") return client.run((session) => session.part(room));
  const bad = chance() < 0.02 ? "-bad" : "";
  const text = `${client.session.name}-${said.length}${bad}`;
  client.run((session) => {
    const id = session.say(room, text);
    if (typeof id === "number") said.push({ id, room, text });
    else expect(id).toBe("not-in-room");
  });
}

function play(seed: number, plan: Plan) {
  const chance = seeded(seed * 7919);
  let epochs = 0;
  const server = new ModelServer("epoch-0", (text) => {
    if (text.includes("bad")) return { code: "text-invalid" };
    if (chance() < 0.02) return { code: "rate", retryAfterMs: Math.ceil(chance() * 500) };
    return chance() < 0.01 ? { code: "storage", retryAfterMs: 50 } : undefined;
  });
  const net = new VirtualNetwork(server, seed);
  const clients = Array.from({ length: plan.clients }, (_, i) => net.add(`c${i}`));
  const said = new Map(clients.map((client) => [client, [] as Said[]]));
  for (const [client, own] of said) {
    for (let i = 0; i < plan.each; i++) {
      net.after(chance() * 20_000, () => act(client, own, chance, plan.wandering));
    }
  }
  for (let i = 0; i < plan.faults; i++) {
    net.after(chance() * 22_000, () => {
      if (plan.restarts === "none" || chance() < 0.7) {
        clients[Math.floor(chance() * clients.length)]?.cut();
        return;
      }
      server.restart(plan.restarts === "keep", `epoch-${++epochs}`);
      net.down = true;
      for (const client of clients) client.cut();
      net.after(chance() * 3_000, () => (net.down = false));
    });
  }
  const hasRead = ({ session }: VirtualClient) =>
    session.position?.rooms.every(({ room, seq }) => seq === server.log(room).length) === true;
  const isSettled = (client: VirtualClient) =>
    client.session.online && client.session.unacknowledged === 0 && hasRead(client);
  // A `part` or `join` may be in progress when everything else is done.
  const settled = () => net.nowMs > 26_000 && !net.down && clients.every(isSettled);
  const done = net.runUntil(settled) && net.runUntil(() => net.nowMs > 30_000 && settled());
  return { server, clients, said, done };
}

/** Texts reported as failed to the client. */
function failedTexts(client: VirtualClient): string[] {
  return client.events.flatMap((event) => (event.type === "failed" ? [event.text] : []));
}

function isUnique(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}

function ordersOf(texts: readonly string[]): number[] {
  return texts.map((text) => Number(text.split("-")[1]));
}

/** Everything that must hold, as one object per seed, so that a failure prints the seed with it. */
function verify(seed: number, plan: Plan): void {
  const { server, clients, said, done } = play(seed, plan);
  expect({ seed, done, violations: server.violations }).toEqual({
    seed,
    done: true,
    violations: [],
  });
  for (const [client, own] of said) {
    const failed = failedTexts(client);
    const logged = (room: string) =>
      server.log(room).flatMap(({ from, text }) => (from === client.session.name ? [text] : []));
    const lobby = own.filter(({ room, text }) => room === "lobby" && !text.includes("bad"));
    // Nobody leaves the lobby.
    expect({ seed, own: logged("lobby") }).toEqual({ seed, own: lobby.map(({ text }) => text) });
    const den = new Set(own.flatMap(({ room, text }) => (room === "den" ? [text] : [])));
    const denLog = logged("den");
    const order = ordersOf(denLog);
    expect({
      seed,
      unique: isUnique(denLog) && isUnique(failed),
      order,
      strange: denLog.filter((text) => !den.has(text)),
      both: failed.filter((text) => denLog.includes(text)),
      forbidden: server.log("forbidden-attic").length,
    }).toEqual({
      seed,
      unique: true,
      order: order.toSorted((a, b) => a - b),
      strange: [],
      both: [],
      forbidden: 0,
    });
    // A refusal can be lost with its connection; the counter then says only that the message was
    // settled.
    if (plan.faults === 0) {
      const ended = [...failed, ...logged("lobby"), ...denLog];
      expect({ seed, ended: ended.length }).toEqual({ seed, ended: own.length });
    }
    expect({ seed, rooms: server.roomsOf(client.session.name ?? "").toSorted() }).toEqual({
      seed,
      rooms: client.session.rooms.toSorted(),
    });
  }
  for (const client of clients) verifyHeard(seed, server, client);
}

/**
 * From its first welcome or its `entered` on, a client receives everything in a room once and in
 * order, until it parts.
 */
function verifyHeard(seed: number, server: ModelServer, client: VirtualClient): void {
  const log = server.log().map(({ text }) => text);
  const heard = client.heard();
  expect({ seed, heard }).toEqual({ seed, heard: log.slice(log.length - heard.length) });
  expect({ seed, gaps: client.events.filter(({ type }) => type === "gap") }).toEqual({
    seed,
    gaps: [],
  });
  let lastSeq = 0;
  for (const event of client.events) {
    if (event.type === "entered") lastSeq = 0;
    if (event.type !== "message" || event.room !== "den") continue;
    const jump = lastSeq === 0 ? 0 : event.seq - lastSeq - 1;
    const { text } = server.log("den")[event.seq - 1] ?? {};
    expect({ seed, jump, text }).toEqual({ seed, jump: 0, text: event.text });
    lastSeq = event.seq;
  }
}

describe("a session under faults", () => {
  for (const restarts of ["none", "keep"] as const) {
    const kind = restarts === "keep" ? "restarts of a server with memory" : "cuts only";
    for (const wandering of [false, true]) {
      const rooms = wandering ? "several rooms" : "one room";
      test(`loses and duplicates nothing (${kind}, ${rooms})`, () => {
        for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
          verify(seed, { clients: 3, each: 60, faults: seed % 13, restarts, wandering });
        }
      });
    }
  }

  test("resends everything to a server without memory, in order, once per epoch", () => {
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      const wandering = seed % 2 === 0;
      const plan = { clients: 3, each: 60, faults: 12, restarts: "forget", wandering } as const;
      const { server, clients, said, done } = play(seed, plan);
      const texts = ["lobby", "den"].flatMap((room) => server.log(room).map(({ text }) => text));
      expect({ seed, done, violations: server.violations, once: isUnique(texts) }).toEqual({
        seed,
        done: true,
        violations: [],
        once: true,
      });
      for (const client of clients) {
        const lastId = said.get(client)?.at(-1)?.id ?? 0;
        const acknowledged = client.events.reduce(
          (last, event) => (event.type === "acknowledged" ? event.id : last),
          0,
        );
        // The last message may have been permanently refused, which also settles it.
        expect(acknowledged <= lastId).toBe(true);
        for (const room of ["lobby", "den"]) {
          const own = server.log(room).filter(({ from }) => from === client.session.name);
          const order = ordersOf(own.map(({ text }) => text));
          expect({ seed, order }).toEqual({ seed, order: order.toSorted((a, b) => a - b) });
        }
      }
    }
  });
});
