// Limits per network: how much all connections of an address may send and request together, and
// that others are not affected.

import { describe, expect, test } from "bun:test";
import { networksOf } from "../../src/addresses.ts";
import { ratesFor } from "../../src/chat/rates/rate-budget.ts";
import { connections, history, sender } from "../../src/limits.ts";
import { FailingStore } from "./failing-store.ts";
import { type Client, memoryAnswerer, Rig, say, since } from "./rig.ts";

const rates = { rates: ratesFor(sender.messagesPerSecond) };

/**
 * Strangers at these addresses send as much as they can for `seconds`; returns the number of
 * messages heard.
 */
function flood(rig: Rig, addresses: readonly string[], seconds: number): number {
  const watcher = rig.member("Watcher", {}, "127.0.0.1");
  const strangers = addresses.map((address, i) => rig.member(`S${i}`, {}, address));
  const counters = strangers.map(() => 1);
  watcher.text();
  let heard = 0;
  for (let ms = 0; ms < seconds * 1000; ms += 50) {
    for (const [i, stranger] of strangers.entries()) {
      for (let k = 0; k < 20; k++) {
        stranger.queue({ type: "say", n: counters[i]!, room: "lobby", text: "flood" });
        counters[i]!++;
      }
      // Refused messages are resent.
      for (const line of stranger.lines()) {
        if (line["type"] === "error" && typeof line["n"] === "number") {
          counters[i] = Math.min(counters[i]!, line["n"]);
        }
      }
    }
    rig.pass(50, 10);
    heard += watcher.lines().filter(({ type }) => type === "message").length;
  }
  return heard;
}

const many = (count: number, address: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => address(i));

/** Messages that one network may send in `seconds`, burst included. */
const share = (seconds: number, networks = 1): number =>
  networks * sender.sendersPerOwner * sender.messagesPerSecond * (seconds + sender.burstSeconds);

test("63 connections of one address send no more than two senders may, and do not push out the room's history", () => {
  const heard = flood(
    new Rig(rates),
    many(63, () => "192.0.2.1"),
    4,
  );
  expect(heard).toBeGreaterThan(share(4) * 0.5);
  expect(heard).toBeLessThanOrEqual(share(4) + 1);
  expect(heard).toBeLessThan(history.memoryMessages);
});

test("63 addresses of one /64 are one network, and those of one /48 count for eight", () => {
  const one = flood(
    new Rig(rates),
    many(63, (i) => `2001:db8:1:2::${i + 1}`),
    4,
  );
  expect(one).toBeLessThanOrEqual(share(4) + 1);
  const eight = flood(
    new Rig(rates),
    many(63, (i) => `2001:db8:1:${i.toString(16)}00::1`),
    4,
  );
  expect(eight).toBeLessThanOrEqual(share(4, 8) + 8);
  expect(eight).toBeGreaterThan(one);
});

test("networks of an address, smallest first", () => {
  expect(networksOf("192.0.2.7").map(({ network }) => network)).toEqual(["192.0.2.7"]);
  expect(networksOf("2001:DB8:1:23a::9").map(({ network }) => network)).toEqual([
    "2001:db8:1:23a::/64",
    "2001:db8:1:0200::/56",
    "2001:db8:1::/48",
  ]);
});

test("a flood from one address delays nobody at another", () => {
  const rig = new Rig(rates);
  const ann = rig.member("Ann", {}, "198.51.100.1");
  const strangers = many(20, (i) => `T${i}`).map((name) => rig.member(name, {}, "192.0.2.1"));
  for (const stranger of strangers) {
    for (let n = 1; n <= 200; n++) stranger.queue({ type: "say", n, room: "lobby", text: "x" });
  }
  rig.settle();
  ann.text();
  ann.send({ type: "say", n: 1, room: "lobby", text: "hello" });
  expect(ann.lines().map(({ type }) => type)).toEqual(["message", "ack"]);
});

/** A room with about two megabytes of history. */
function withPast(rig: Rig): void {
  const teller = rig.member("Teller", {}, "127.0.0.1");
  const text = "p".repeat(4_000);
  for (let n = 1; n <= 500; n++) {
    teller.queue({ type: "say", n, room: "lobby", text });
    if (n % 20 === 0) rig.pass(400, 100);
  }
  rig.pass(5_000, 500);
}

/** Bytes that a client receives while it repeats a request. */
function askedBytes(rig: Rig, client: Client, request: object, seconds: number): number {
  let bytes = 0;
  for (let ms = 0; ms < seconds * 1000; ms += 50) {
    for (let k = 0; k < 10; k++) client.queue(request);
    rig.pass(50, 10);
    bytes += client.text().length;
  }
  return bytes;
}

test.each([
  ["history", { type: "history", room: "lobby" }],
  ["join from the beginning", { type: "join", room: "lobby", epoch: "epoch-1", seq: 0 }],
])("a client that repeats %s receives as much as it may send, and no more", (_, request) => {
  const rig = new Rig(rates);
  withPast(rig);
  const stranger = rig.member("Stranger", {}, "192.0.2.1");
  stranger.text();
  const bytes = askedBytes(rig, stranger, request, 4);
  // Its burst, its rate, and the one answer that may put it into debt.
  const most = sender.bytesPerSecond * (sender.burstSeconds + 4) + 2 * history.pageBytes;
  expect(bytes).toBeGreaterThan(100_000);
  expect(bytes).toBeLessThan(2 * most);
});

test("of queued searches, one of each network runs per turn", () => {
  const store = memoryAnswerer();
  let searches = 0;
  const rig = new Rig(rates, (request) => {
    if (request.type === "read-room") searches++;
    return store(request);
  });
  const from = (address: string, count: number): Client[] =>
    many(count, () => address).map((at, i) => rig.member(`M${address}-${i}`, {}, at));
  const all = [...from("192.0.2.1", 20), ...from("198.51.100.1", 1)];
  rig.pass(10_000, 1_000);
  for (const one of all) one.text();
  // The server reads as much of them as takes 3 ms; all others wait for the one before.
  const search = { type: "search", text: "words" };
  for (const one of all) {
    for (let i = 0; i < 5; i++)
      rig.hub.handleMessage(one.session, JSON.stringify(search), rig.nowMs);
  }
  let most = 0;
  rig.pump();
  for (let turn = 0; turn < 200; turn++) {
    searches = 0;
    rig.hub.endTurn(rig.nowMs);
    rig.pump();
    rig.hub.finishTurn(rig.nowMs);
    most = Math.max(most, searches);
  }
  expect(most).toBe(2);
  const found = all.map((one) => one.lines().filter(({ type }) => type === "found").length);
  expect(found).toEqual(all.map(() => 5));
});

test("of requests that wait for the rate of their network, one asks the store at a time", () => {
  const store = memoryAnswerer();
  let asked = 0;
  const rig = new Rig(rates, (request) => {
    if (request.type === "read-room") asked++;
    return store(request);
  });
  withPast(rig);
  const all = many(20, () => "192.0.2.1").map((at, i) => rig.member(`M${i}`, {}, at));
  rig.pass(10_000, 1_000);
  for (const one of all) one.text();
  // What an answer costs is known when it is there; each of these is an eighth of the burst.
  const requests = [{ type: "search", text: "words" }, { type: "history" }];
  for (const one of all) {
    for (const request of requests) {
      rig.hub.handleMessage(one.session, JSON.stringify({ ...request, room: "lobby" }), rig.nowMs);
    }
  }
  rig.settle();
  let most = 0;
  for (let ms = 0; ms < 60_000; ms += 10) {
    asked = 0;
    rig.nowMs += 10;
    rig.hub.handleTimeout(rig.nowMs);
    rig.pump();
    most = Math.max(most, asked);
    rig.settle();
  }
  expect(most).toBe(1);
  const answered = all.map((one) => one.lines().map(({ type }) => type));
  expect(answered).toEqual(all.map(() => ["found", "history"]));
});

test("a network that asks a slow store for pages together gets them at its rate, and its messages do not wait long", () => {
  const store = new FailingStore();
  const rig = new Rig(rates, store.answer);
  withPast(rig);
  const all = many(40, () => "192.0.2.1").map((at, i) => rig.member(`M${i}`, {}, at));
  rig.pass(10_000, 1_000);
  for (const one of all) one.text();
  store.timing = ({ type }) => (type === "read-room" ? "run-late" : "now");
  for (const one of all) one.queue({ type: "history", room: "lobby" });
  const [ann, ...others] = all;
  const asked = new Set<Client>(others);
  let seconds = 0;
  for (; asked.size > 0 && seconds < 60; seconds++) {
    for (let ms = 0; ms < 1_000; ms += 50) {
      rig.pass(50, 10);
      while (store.waiting.length > 0) store.releaseOne(rig);
      rig.settle();
    }
    let bytes = 0;
    for (const one of asked) {
      const text = one.text();
      bytes += text.length;
      if (text.includes('"history"')) asked.delete(one);
    }
    const perSecond = sender.sendersPerOwner * sender.bytesPerSecond;
    expect(bytes).toBeLessThan(perSecond * (1 + sender.sharedBurstSeconds) + 2 * history.pageBytes);
    ann?.text();
    ann?.send(say(seconds + 1));
    rig.pass(2_000, 10);
    expect(ann?.lines().at(-1)).toMatchObject({ type: "ack", n: seconds + 1 });
  }
  expect(asked.size).toBe(0);
});

function replayed(client: Client): number {
  return client.lines().filter(({ type }) => type === "message").length;
}

test("a network that reconnects repeatedly gets replays at its rate, and its messages do not wait", () => {
  const rig = new Rig(rates);
  withPast(rig);
  const seconds = 10;
  let bytes = 0;
  let logins = 0;
  for (let ms = 0; ms < seconds * 1_000; ms += 50) {
    const back = rig.member(`Stranger${ms % 1_000}`, since(0), "192.0.2.1");
    rig.pass(50, 10);
    const text = back.text();
    if (text.includes('"welcome"')) logins++;
    bytes += text.length;
    back.close("quit");
  }
  expect(logins).toBeGreaterThan(100);
  const perSecond = sender.sendersPerOwner * sender.bytesPerSecond;
  expect(bytes).toBeGreaterThan(history.replayBurstBytes);
  expect(bytes).toBeLessThan(1.3 * (history.replayBurstBytes + seconds * perSecond));

  const ann = rig.member("Ann", since(0), "192.0.2.1");
  ann.send(say(1));
  expect(ann.lines().map(({ type }) => type)).toContain("ack");
  const bob = rig.member("Bob", since(0), "198.51.100.1");
  expect(replayed(bob)).toBeGreaterThan(400);
  // Eventually every waiting client gets everything.
  let heard = 0;
  for (let i = 0; i < 300; i++) {
    rig.pass(100, 100);
    heard += replayed(ann);
  }
  expect(heard).toBeGreaterThanOrEqual(500);
});

test("a network whose clients come back together gets replays at its rate", () => {
  const rig = new Rig(rates);
  withPast(rig);
  const seconds = 10;
  const clients = Array.from({ length: 40 }, (_, i) =>
    rig.member(`Stranger${i}`, since(0), "192.0.2.1"),
  );
  rig.pass(1_000 * seconds, 10);
  let bytes = 0;
  for (const client of clients) bytes += client.text().length;
  const perSecond = sender.sendersPerOwner * sender.bytesPerSecond;
  expect(bytes).toBeGreaterThan(history.replayBurstBytes);
  expect(bytes).toBeLessThan(1.3 * (history.replayBurstBytes + seconds * perSecond));
});

test("a new name or away message counts once for each room that is told", () => {
  const rooms = Array.from({ length: 16 }, (_, i) => ({ room: `room${i}` }));
  const seconds = 5;
  for (const change of [
    (i: number) => ({ type: "rename", name: `Stranger${i}` }),
    (i: number) => ({ type: "admin", command: `away ${i}` }),
  ]) {
    const rig = new Rig(rates);
    const watcher = rig.member("Watcher", { rooms }, "127.0.0.1");
    const stranger = rig.member("Stranger", { rooms });
    watcher.text();
    for (let i = 0; i < 20 * seconds; i++) {
      for (let k = 0; k < 10; k++) stranger.queue(change(10 * i + k));
      rig.pass(50, 10);
    }
    const most = (sender.burstSeconds + seconds) * sender.messagesPerSecond + rooms.length;
    expect(watcher.lines().length).toBeLessThanOrEqual(most);
  }
});

test("a client that keeps sending long lines without being read is disconnected", () => {
  const rig = new Rig(rates);
  const stranger = rig.member("Stranger", {}, "192.0.2.1");
  const line = { type: "ping", padding: "x".repeat(100_000) };
  for (let i = 0; i < 2_000 && !stranger.link.ended; i++) stranger.send(line);
  rig.pass(100);
  expect(stranger.text()).toContain("Too many messages over the limit");
  expect(stranger.link.ended).toBe(true);
});

describe("a login during a flood from its own network", () => {
  const floods: Readonly<Record<string, string>> = {
    "short messages": JSON.stringify({ type: "say", room: "lobby", text: "flood" }),
    "long messages": JSON.stringify({ type: "say", room: "lobby", text: "x".repeat(16_000) }),
    history: JSON.stringify({ type: "history", room: "lobby" }),
    "lines that are refused": JSON.stringify({ type: "say", text: "x".repeat(40_000) }),
    "blank lines": "",
  };
  /** Until all 64 connections of an address have had their turn. */
  const loginMs = (1_000 * connections.maxPerAddress) / connections.loginsPerSecond + 100;

  test.each(Object.entries(floods))(
    "of %s is done, and the user is heard, in seconds",
    (_, line) => {
      const rig = new Rig(rates);
      withPast(rig);
      const come = (): Client => rig.member(`S${rig.nextPort}`, {}, "192.0.2.1");
      const strangers = Array.from({ length: connections.maxPerAddress - 1 }, come);
      /** Disconnected strangers reconnect immediately. */
      const flood = (ms: number): void => {
        for (const untilMs = rig.nowMs + ms; rig.nowMs < untilMs;) {
          for (const [i, stranger] of strangers.entries()) {
            if (stranger.link.ended) strangers[i] = come();
            for (let k = 0; k < 4; k++) stranger.queue(line);
            stranger.link.sends = [];
          }
          rig.pass(20, 10);
        }
      };
      flood(2_000);
      for (const name of ["Ann", "Ben"]) {
        const late = rig.member(name, {}, "192.0.2.1");
        const cameMs = rig.nowMs;
        while (late.session.name === "" && rig.nowMs < cameMs + 2 * loginMs) flood(20);
        expect(rig.nowMs - cameMs).toBeLessThan(loginMs);
        late.queue({ type: "say", n: 1, room: "lobby", text: "hello" });
        const saidMs = rig.nowMs;
        const isSaid = (): boolean => late.lines().some(({ type, n }) => type === "ack" && n === 1);
        while (!isSaid() && rig.nowMs < saidMs + 10_000) flood(20);
        expect(rig.nowMs - saidMs).toBeLessThan(3_000);
        late.close("quit");
      }
    },
    180_000,
  );

  test("that is as long as a flood waits for its network", () => {
    const rig = new Rig(rates);
    const strangers = [1, 2].map((i) => rig.member(`Stranger${i}`, {}, "192.0.2.1"));
    for (let i = 0; i < 100; i++) {
      for (const stranger of strangers) {
        stranger.queue({ type: "say", room: "lobby", text: "x".repeat(16_000) });
      }
    }
    rig.settle();
    const hello = { type: "hello", version: 2, rooms: [{ room: "lobby" }] };
    const long = rig.client(undefined, true, "192.0.2.1");
    long.send(JSON.stringify({ ...hello, name: "Long" }).padEnd(sender.firstLoginChars + 1));
    const short = rig.client(undefined, true, "192.0.2.1").send({ ...hello, name: "Short" });
    expect([long.session.name, short.session.name]).toEqual(["", "Short"]);
    rig.pass(5_000, 10);
    expect(long.session.name).toBe("Long");
  });
});
