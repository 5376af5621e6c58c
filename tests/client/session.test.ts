// The client's session line by line: what it sends, tells and waits for, at moments of our
// choosing.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { SessionEvent } from "../../src/client/events.ts";
import { ClientSession } from "../../src/client/session.ts";
import { client as limits, names } from "../../src/limits.ts";
import { decodeClient } from "../../src/protocol/decode-client.ts";
import { encodeServer } from "../../src/protocol/encode.ts";
import type { ClientMessage, Ref, RoomState, ServerMessage } from "../../src/protocol/messages.ts";
import type { Undecodable } from "../../src/protocol/undecodable.ts";
import { anyServerMessage } from "../protocol/messages.ts";

const secret = "0123456789abcdef";
const serverLimits = {
  lineBytes: 131_072,
  textChars: 16_384,
  nameChars: 32,
  recipients: 64,
  rooms: names.maxRoomsPerSession,
  messagesPerSecond: 100,
  burstSeconds: 4,
};

type WelcomeFields = {
  epoch?: string;
  mail?: number;
  n?: number;
  recovered?: boolean;
  rooms?: RoomState[];
  textChars?: number;
  maxRooms?: number;
};

function welcome(fields: WelcomeFields = {}): ServerMessage {
  const { epoch = "e", mail = 0, n = 0, recovered = true, textChars = 16_384 } = fields;
  const rooms = fields.rooms ?? [{ room: "lobby", seq: 0, recovered }];
  return {
    type: "welcome",
    version: 2,
    server: "s",
    udpPort: 1,
    limits: { ...serverLimits, textChars, rooms: fields.maxRooms ?? serverLimits.rooms },
    session: { name: "Ann", secret, epoch, mail, n, recovered, rooms },
  };
}

function message(seq: number, text = "hi", room = "lobby", from = "Bob"): ServerMessage {
  return { type: "message", room, seq, time: 1, from, text };
}

function ack(n: number, seq = n): ServerMessage {
  return { type: "ack", n, room: "lobby", seq };
}

function refusal(code: string, n: number, retryAfterMs?: number): ServerMessage {
  return { type: "error", code, n, message: "no", retryAfterMs };
}

/** A session with what it did since the last look. */
class Bench {
  nowMs = 0;
  readonly session: ClientSession;
  sent: (ClientMessage | Undecodable)[] = [];
  told: SessionEvent[] = [];
  actions: string[] = [];
  /** Of the latest `join`. */
  joinRef: Ref | undefined;

  constructor(rooms: readonly string[] = ["lobby"]) {
    this.session = new ClientSession({ name: "Ann", rooms, secret, random: () => 0 });
  }

  act(what: (session: ClientSession) => void): this {
    [this.sent, this.told, this.actions] = [[], [], []];
    what(this.session);
    for (const output of this.session.pollOutputs()) {
      if (output.type === "send") this.#handleSent(decodeClient(output.line));
      else if (output.type === "event") this.told.push(output.event);
      else this.actions.push(output.type);
    }
    return this;
  }

  #handleSent(sent: ClientMessage | Undecodable): void {
    this.sent.push(sent);
    if (sent.type === "join") this.joinRef = sent.ref;
  }

  hear(...messages: ServerMessage[]): this {
    return this.act((s) => {
      for (const one of messages) s.handleLine(encodeServer(one).trimEnd(), this.nowMs);
    });
  }

  connect(): this {
    return this.act((s) => s.start(this.nowMs)).act((s) => s.handleConnected(this.nowMs));
  }

  online(fields: WelcomeFields = {}): this {
    return this.connect().hear(welcome(fields));
  }

  lose(): this {
    return this.act((s) => s.handleLost("cut", this.nowMs));
  }

  /** Loses the connection, and opens another. */
  reconnect(afterMs: number = limits.retryFirstMs): this {
    return this.lose()
      .wait(afterMs)
      .act((s) => s.handleConnected(this.nowMs));
  }

  wait(ms: number): this {
    this.nowMs += ms;
    return this.act((s) => s.handleTimeout(this.nowMs));
  }

  say(...texts: string[]): this {
    return this.act((s) => {
      for (const text of texts) s.say("lobby", text);
    });
  }

  get numbers(): unknown[] {
    return this.sent.map((sent) => ("n" in sent ? sent.n : undefined));
  }

  /** Number, room and text of what was said. */
  get said(): unknown[] {
    return this.sent.map((sent) => (sent.type === "say" ? [sent.n, sent.room, sent.text] : sent));
  }

  events(type: SessionEvent["type"]): SessionEvent[] {
    return this.told.filter((event) => event.type === type);
  }
}

const den: RoomState = { room: "den", seq: 9, recovered: true };

describe("logging in", () => {
  test("says hello with its secret, and with what it has read when it comes back", () => {
    const bench = new Bench(["lobby", "den"]);
    expect(bench.act((s) => s.start(0)).actions).toEqual(["connect"]);
    bench.act((s) => s.handleConnected(0));
    const hello = { type: "hello", name: "Ann", secret, runs: true } as const;
    expect(bench.sent).toEqual([{ ...hello, rooms: [{ room: "lobby" }, { room: "den" }] }]);
    bench.hear(welcome({ mail: 1, rooms: [{ room: "lobby", seq: 4, recovered: false }, den] }));
    bench.hear(message(5)).reconnect();
    const rooms = [
      { room: "lobby", seq: 5 },
      { room: "den", seq: 9 },
    ];
    expect(bench.sent).toEqual([{ ...hello, rooms, epoch: "e", mail: 1 }]);
    expect(bench.session.position).toEqual({ epoch: "e", mail: 1, rooms });
  });

  test("goes on where an earlier life of it had got to", () => {
    const since = { epoch: "e", mail: 3, rooms: [{ room: "Lobby", seq: 7 }] };
    const rooms = ["lobby", "den"];
    const session = new ClientSession({ name: "Ann", rooms, secret, since, random: () => 0 });
    expect(session.position).toEqual({
      ...since,
      rooms: [
        { room: "lobby", seq: 7 },
        { room: "den", seq: undefined },
      ],
    });
  });

  test("a session without a name asks for nothing but to be let in", () => {
    const session = new ClientSession({ name: undefined, rooms: [], secret, random: () => 0 });
    session.start(0);
    session.handleConnected(0);
    expect(session.pollOutputs().at(-1)).toEqual({
      type: "send",
      line: '{"type":"hello","version":2}\n',
    });
  });

  test.each(["name-taken", "name-invalid", "room-invalid", "version"])("ends on %s", (code) => {
    const bench = new Bench().connect();
    bench.hear({ type: "error", code, message: "no" });
    expect(bench.told).toEqual([{ type: "ended", code, message: "no" }]);
    expect(bench.session.nextTimeoutMs).toBeUndefined();
  });

  test.each(["rate", "storage"])("a first login that is tried again survives %s", (code) => {
    const bench = new Bench().connect().wait(limits.welcomeTimeoutMs);
    expect(bench.events("offline")).toHaveLength(1);
    bench.wait(limits.retryFirstMs).act((s) => s.handleConnected(bench.nowMs));
    bench.hear({ type: "error", code, message: "already logging in" });
    expect(bench.events("ended")).toEqual([]);
    expect(bench.events("offline")).toHaveLength(1);
  });

  test("takes the server's spelling of its rooms", () => {
    const bench = new Bench(["LOBBY"]).online();
    expect(bench.told[0]).toMatchObject({ type: "online", rooms: ["lobby"] });
    expect(bench.act((s) => s.say("Lobby", "hi")).said).toEqual([[1, "Lobby", "hi"]]);
  });

  test("gives up a connection whose welcome names no session", () => {
    const bench = new Bench().connect();
    bench.hear({ type: "welcome", version: 2, server: "s", udpPort: 1, limits: serverLimits });
    expect(bench.actions).toEqual(["close"]);
    expect(bench.events("offline")).toHaveLength(1);
  });

  test("leaves rooms that it is not let into again, and what was said there fails", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.act((s) => s.say("den", "psst")).reconnect();
    bench.hear(welcome());
    expect(bench.told.map(({ type }) => type)).toEqual([
      "online",
      "parted",
      "reconnected",
      "failed",
    ]);
    expect(bench.session.rooms).toEqual(["lobby"]);
  });
});

function welcomeRoom(room: string): RoomState {
  return { room, seq: 0, recovered: true };
}

describe("sending", () => {
  test("keeps a window in flight and tells what is acknowledged", () => {
    const bench = new Bench().online();
    const texts = Array.from({ length: limits.windowMessages + 5 }, (_, i) => `m${i}`);
    bench.say(...texts);
    expect(bench.sent.length).toBe(limits.windowMessages);
    bench.hear(ack(3));
    expect(bench.told).toEqual([{ type: "acknowledged", id: 3, room: "lobby", seq: 3 }]);
    expect(bench.numbers).toEqual([257, 258, 259]);
    expect(bench.session.unacknowledged).toBe(limits.windowMessages + 2);
  });

  test("refuses more than its queue holds, and texts that the server would not take", () => {
    const { session } = new Bench().online({ textChars: 5 });
    expect(session.say("lobby", "123456")).toBe("too-long");
    for (let i = 0; i < limits.queueMessages; i++) expect(session.say("lobby", "x")).toBe(i + 1);
    expect(session.say("lobby", "x")).toBe("queue-full");
    expect(session.tell([], "x")).toBe("no-recipient");
    expect(session.say("den", "x")).toBe("not-in-room");
    expect(session.sayToPartner("x")).toBe("no-partner");
    session.leave();
    expect(session.say("lobby", "x")).toBe("ended");
  });

  test("waits as long as it is told, then sends the refused message and those after it again", () => {
    const bench = new Bench().online().say("a", "b", "c");
    bench.hear(ack(1), refusal("rate", 2, 700), refusal("protocol", 3));
    bench.say("d");
    expect(bench.sent).toEqual([]);
    expect(bench.wait(699).sent).toEqual([]);
    expect(bench.wait(1).numbers).toEqual([2, 3, 4]);
    expect(bench.hear(ack(4)).told).toEqual([
      { type: "acknowledged", id: 4, room: "lobby", seq: 4 },
    ]);
  });

  test("tells once that a message was refused for good, and keeps the count with the server", () => {
    const bench = new Bench().online().say("a", "bad", "c");
    bench.hear(refusal("text-invalid", 2));
    expect(bench.told).toEqual([
      { type: "failed", id: 2, room: "lobby", text: "bad", code: "text-invalid", message: "no" },
    ]);
    expect(bench.session.unacknowledged).toBe(2);
    // The disk was full for all of them: number 2 is refused once more, which is no news.
    bench.hear(refusal("storage", 1, 10)).wait(10);
    expect(bench.numbers).toEqual([1, 2, 3]);
    bench.hear(ack(1), refusal("text-invalid", 2), ack(3, 2));
    expect(bench.events("failed")).toEqual([]);
    expect(bench.session.unacknowledged).toBe(0);
    expect(bench.say("d").numbers).toEqual([4]);
  });

  test("numbers anew, in order, for a server that has forgotten it", () => {
    const bench = new Bench().online().say("a", "b", "c").hear(ack(1)).reconnect();
    bench.hear(welcome({ epoch: "other", recovered: false }));
    expect(bench.said).toEqual([
      [1, "lobby", "b"],
      [2, "lobby", "c"],
    ]);
    expect(bench.events("reconnected")).toMatchObject([
      { recovered: false, summary: expect.stringContaining("restarted without history") },
    ]);
  });

  test("sends only what can still be said when it comes back, and at once", () => {
    const bench = new Bench().online().say("a", "bad", "c");
    bench.hear(refusal("text-invalid", 2), refusal("rate", 1, 60_000)).reconnect();
    expect(bench.hear(welcome()).said).toEqual([
      [1, "lobby", "a"],
      [2, "lobby", "c"],
    ]);
  });

  test("gives up a connection on which the counts can't be brought together", () => {
    const bench = new Bench().online().say("a", "b");
    for (let i = 0; i < limits.maxRewinds; i++) {
      bench.hear(refusal("protocol", 2));
      expect(bench.actions).toEqual([]);
      bench.wait(limits.retryFirstMs);
    }
    expect(bench.hear(refusal("protocol", 2)).actions).toEqual(["close"]);
  });

  test("counts across rooms, and says each message again to the room that it was said in", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.act((s) => {
      s.say("lobby", "a");
      s.say("den", "b");
      s.tell(["Bob"], "c");
      s.say("lobby", "d");
    });
    bench.hear(ack(1)).reconnect();
    bench.hear(welcome({ n: 1, rooms: [welcomeRoom("lobby"), den] }));
    expect(bench.said).toEqual([
      [2, "den", "b"],
      { type: "tell", n: 3, to: ["Bob"], text: "c" },
      [4, "lobby", "d"],
    ]);
  });
});

describe("rooms", () => {
  test("joins a room beside the others, and what is said there follows at once", () => {
    const bench = new Bench().online();
    bench.act((s) => {
      s.join("den");
      s.join("DEN");
      s.say("den", "there");
    });
    expect(bench.sent).toMatchObject([
      { type: "join", room: "den" },
      { type: "say", n: 1, room: "den", text: "there" },
    ]);
    expect(bench.session.rooms).toEqual(["lobby"]);
    bench.hear({ type: "entered", ...den, epoch: "e", ref: bench.joinRef });
    expect(bench.told).toEqual([{ type: "entered", room: "den" }]);
    expect(bench.session.rooms).toEqual(["lobby", "den"]);
    bench.hear(message(10, "hello", "den"), message(1, "hello"));
    expect(bench.told).toMatchObject([
      { type: "message", room: "den", seq: 10, replayed: false },
      { type: "message", room: "lobby", seq: 1, replayed: false },
    ]);
  });

  test("a refused join is told, and what was meant for that room fails", () => {
    const bench = new Bench().online();
    const window = limits.windowMessages;
    bench.act((s) => {
      s.join("den");
      for (let i = 0; i <= window; i++) s.say("den", `secret ${i}`);
      s.say("lobby", "open");
    });
    bench.hear({ type: "error", code: "room-invalid", message: "no", ref: bench.joinRef });
    // What the server has not seen yet fails at once; the rest it refuses itself.
    expect(bench.told).toMatchObject([
      { type: "join-failed", room: "den", code: "room-invalid", message: "no" },
      { type: "failed", room: "den", text: `secret ${window}`, code: "not-in-room" },
    ]);
    bench.hear(...Array.from({ length: window }, (_, i) => refusal("not-in-room", i + 1)));
    expect(bench.events("failed")).toHaveLength(window);
    expect(bench.said).toEqual([[window + 1, "lobby", "open"]]);
    expect(bench.session.say("den", "again")).toBe("not-in-room");
  });

  test("a join that was not answered is asked for again, before what was said there", () => {
    const bench = new Bench().online();
    bench.act((s) => {
      s.join("den");
      s.say("den", "there");
    });
    expect(bench.reconnect().sent).toMatchObject([{ type: "hello", rooms: [{ room: "lobby" }] }]);
    expect(bench.hear(welcome()).sent).toMatchObject([
      { type: "join", room: "den" },
      { type: "say", n: 1, room: "den" },
    ]);
  });

  test("rooms joined and parted while there is no connection", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.act((s) => s.say("den", "lost")).lose();
    bench.act((s) => {
      s.join("attic");
      s.part("den");
      s.say("attic", "up here");
    });
    // It may be in the log: only the next welcome tells.
    expect(bench.told).toEqual([{ type: "parted", room: "den" }]);
    bench.wait(limits.retryFirstMs).act((s) => s.handleConnected(bench.nowMs));
    expect(bench.sent).toMatchObject([{ rooms: [{ room: "lobby", seq: 0 }] }]);
    bench.hear(welcome());
    expect(bench.events("failed")).toMatchObject([
      { room: "den", text: "lost", code: "not-in-room" },
    ]);
    expect(bench.sent).toMatchObject([
      { type: "join", room: "attic" },
      { type: "say", n: 1, room: "attic" },
    ]);
  });

  test("what was said to a parted room before the connection was lost counts if the server has it", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.act((s) => {
      s.say("den", "said");
      s.part("den");
    });
    bench.reconnect().hear(welcome({ n: 1 }));
    expect(bench.events("acknowledged")).toMatchObject([{ id: 1 }]);
    expect(bench.events("failed")).toEqual([]);
  });

  test("parting tells at once, and nothing more of that room", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.act((s) => {
      s.say("den", "on its way");
      s.part("Den");
      s.part("den");
    });
    expect(bench.told).toEqual([{ type: "parted", room: "den" }]);
    expect(bench.sent).toMatchObject([{ type: "say" }, { type: "part", room: "den" }]);
    bench.hear(
      message(10, "late", "den"),
      { type: "joined", room: "den", name: "Bob" },
      { type: "left", room: "den", name: "Ann", reason: "parted" },
      { type: "renamed", room: "den", from: "Bob", to: "Rob" },
      { type: "parted", room: "den", ref: 5 },
    );
    expect(bench.told).toEqual([]);
    expect(bench.hear({ type: "ack", n: 1, room: "den", seq: 10 }).told).toEqual([
      { type: "acknowledged", id: 1, room: "den", seq: 10 },
    ]);
  });

  test("in and out and in again: the old answer does not count for the new join", () => {
    const bench = new Bench().online();
    bench.act((s) => s.join("den"));
    const first = bench.joinRef;
    bench.act((s) => s.part("den")).act((s) => s.join("den"));
    bench.hear({ type: "entered", ...den, epoch: "e", ref: first });
    bench.hear(message(10, "before", "den"));
    expect(bench.told).toEqual([]);
    bench.hear({ type: "entered", ...den, seq: 10, epoch: "e", ref: bench.joinRef });
    expect(bench.session.rooms).toEqual(["lobby", "den"]);
  });

  test("a room that was parted between hello and welcome is parted after all, even if joined anew", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.reconnect().act((s) => s.part("den"));
    expect(bench.sent).toEqual([]);
    const both = welcome({ rooms: [welcomeRoom("lobby"), den] });
    expect(bench.hear(both).sent).toMatchObject([{ type: "part", room: "den" }]);
    bench.act((s) => s.join("den")).reconnect();
    bench.hear(both);
    expect(bench.sent).toMatchObject([{ type: "part" }, { type: "join", room: "den" }]);
  });

  test("a server that puts us out of a room is believed", () => {
    const bench = new Bench().online();
    bench.hear({ type: "parted", room: "lobby" });
    expect(bench.told).toEqual([{ type: "parted", room: "lobby" }]);
    expect(bench.session.rooms).toEqual([]);
    expect(bench.reconnect().sent).toMatchObject([{ rooms: [] }]);
  });

  test("no more rooms than the server allows", () => {
    const bench = new Bench().online({ maxRooms: 2 });
    bench.act((s) => {
      s.join("den");
      s.join("attic");
    });
    expect(bench.told).toMatchObject([{ type: "join-failed", room: "attic", code: "full" }]);
    expect(bench.sent).toHaveLength(1);
  });
});

describe("hearing", () => {
  test("tells apart messages of one sender that come in one line", () => {
    const bench = new Bench().online({ rooms: [{ room: "lobby", seq: 3, recovered: true }] });
    const texts = ["old", "a", "b"];
    bench.hear({ type: "messages", room: "lobby", seq: 3, time: 7, from: "Bob", texts, n: 8 });
    expect(bench.events("message")).toMatchObject([
      { room: "lobby", seq: 4, timeMs: 7, from: "Bob", text: "a" },
      { room: "lobby", seq: 5, timeMs: 7, from: "Bob", text: "b" },
    ]);
  });

  test("knows its own messages by their counter, whatever room they are in", () => {
    const bench = new Bench().online();
    bench.say("a", "b");
    bench.hear(
      ack(2),
      { type: "message", room: "lobby", seq: 1, time: 1, from: "Ann", text: "a", n: 1 },
      { type: "message", room: "lobby", seq: 2, time: 1, from: "Bob", text: "x", n: 2 },
      { type: "message", room: "lobby", seq: 3, time: 1, from: "Ann", text: "b", n: 2 },
    );
    expect(bench.events("message")).toMatchObject([
      { mine: true, id: 1 },
      { mine: false, id: undefined },
      { mine: true, id: 2 },
    ]);
  });

  test("goes on with a log that is shorter than what it had read", () => {
    const bench = new Bench().online({ rooms: [{ room: "lobby", seq: 9, recovered: true }] });
    bench.reconnect();
    bench.hear(welcome({ rooms: [{ room: "lobby", seq: 7, recovered: true }] }));
    expect(bench.hear(message(8)).events("message").length).toBe(1);
  });

  test("counts what it caught up with in all rooms before it says that it is back", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.reconnect(3_000);
    const states = [
      { room: "lobby", seq: 2, recovered: true },
      { room: "den", seq: 10, recovered: true },
    ];
    bench.hear(welcome({ mail: 1, rooms: states }));
    expect(bench.events("reconnected")).toEqual([]);
    bench.hear(
      message(1, "one"),
      message(1, "one"),
      { type: "private", mail: 1, time: 1, from: "Bob", to: ["Ann"], text: "psst" },
      message(2, "two"),
      message(10, "three", "den"),
    );
    expect(bench.told.map(({ type }) => type)).toEqual([
      "message",
      "private",
      "message",
      "message",
      "reconnected",
    ]);
    expect(bench.events("message").every((event) => "replayed" in event && event.replayed)).toBe(
      true,
    );
    expect(bench.events("reconnected")).toMatchObject([
      { caughtUp: 4, summary: "reconnected after 3 s, 4 messages caught up" },
    ]);
  });

  test("does not wait for the past of a room that was left", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.reconnect().hear(welcome({ rooms: [welcomeRoom("lobby"), { ...den, seq: 99 }] }));
    expect(bench.events("reconnected")).toEqual([]);
    expect(bench.act((s) => s.part("den")).events("reconnected")).toHaveLength(1);
  });

  test("finds a gap in a room's numbers", () => {
    const bench = new Bench().online().hear(message(4));
    expect(bench.told[0]).toEqual({ type: "gap", room: "lobby", from: 1, to: 3 });
  });

  test("names the partner of a private chat, and says nothing to the room in its place", () => {
    const bench = new Bench().online();
    bench.hear({ type: "chat", state: "started", with: "Bob" });
    expect(bench.session.partner).toBe("Bob");
    bench.act((s) => s.sayToPartner("psst"));
    expect(bench.sent).toEqual([{ type: "tell", n: 1, to: ["Bob"], text: "psst" }]);
    bench.hear({ type: "renamed", from: "Bob", to: "Rob", chat: true });
    expect(bench.told).toEqual([{ type: "renamed", room: undefined, from: "Bob", to: "Rob" }]);
    bench.act((s) => s.sayToPartner("psst"));
    expect(bench.sent).toMatchObject([{ type: "tell", to: ["Rob"] }]);
    bench.hear({ type: "chat", state: "left", with: "Rob" });
    expect(bench.session.sayToPartner("late")).toBe("no-partner");
  });

  test("follows its own new name", () => {
    const bench = new Bench().online();
    const ref = bench.session.request({ type: "rename", name: "Anna" });
    bench.hear(
      { type: "renamed", room: "lobby", from: "Ann", to: "Anna" },
      { type: "name", name: "Anna", ref },
    );
    expect(bench.session.name).toBe("Anna");
    expect(bench.events("response")).toMatchObject([{ ref, response: { name: "Anna" } }]);
  });
});

describe("requests", () => {
  test("are answered by their number, in the session's own words", () => {
    const bench = new Bench().online();
    const ref = bench.session.request({ type: "history", room: "den", limit: 5 });
    bench.hear({
      type: "history",
      room: "den",
      messages: [{ type: "message", room: "den", seq: 1, time: 7, from: "Bob", text: "x" }],
      ref,
    });
    const messages = [{ seq: 1, timeMs: 7, from: "Bob", text: "x" }];
    expect(bench.told).toEqual([
      { type: "response", ref: ref!, response: { type: "history", room: "den", messages } },
    ]);
    expect(bench.hear({ type: "name", name: "Eve", ref }).events("response")).toEqual([]);
  });

  test("a refusal carries the number of its request, and what it is about", () => {
    const bench = new Bench().online();
    const ref = bench.session.request({ type: "rename", name: "Bob" });
    const error = { type: "error", code: "name-taken", message: "no", subject: "Bob" } as const;
    expect(bench.hear({ ...error, ref }).told).toEqual([{ ...error, ref }]);
    expect(bench.hear({ ...error, ref }).told).toEqual([{ ...error, ref: undefined }]);
  });

  test("are given up when the connection is lost", () => {
    const bench = new Bench().online();
    const ref = bench.session.request({ type: "who", room: "lobby" });
    bench.lose();
    expect(bench.events("error")).toMatchObject([{ ref, code: "cannot-connect" }]);
    expect(bench.session.request({ type: "who", room: "lobby" })).toBeUndefined();
  });

  test("are bounded", () => {
    const { session } = new Bench().online();
    for (let i = 0; i < limits.openRequests; i++) {
      expect(session.request({ type: "rooms" })).toBeNumber();
    }
    expect(session.request({ type: "rooms" })).toBeUndefined();
  });
});

describe("the connection", () => {
  test("pings a silent server, sooner when it owes an acknowledgement, and gives it up", () => {
    const bench = new Bench().online();
    expect(bench.wait(limits.pingAfterMs - 1).sent).toEqual([]);
    expect(bench.wait(1).sent).toEqual([{ type: "ping" }]);
    bench.hear({ type: "pong" }).say("a");
    expect(bench.wait(limits.pingWaitingAfterMs).sent).toEqual([{ type: "ping" }]);
    bench.wait(limits.pongTimeoutMs);
    expect(bench.actions).toEqual(["close"]);
    expect(bench.events("offline").length).toBe(1);
  });

  test("does not doubt a server that it does not read", () => {
    const bench = new Bench().online();
    bench.act((s) => s.setPaused(true, bench.nowMs));
    expect(bench.session.nextTimeoutMs).toBeUndefined();
    bench.nowMs += 1_000_000;
    bench.act((s) => s.setPaused(false, bench.nowMs));
    expect(bench.session.nextTimeoutMs).toBe(bench.nowMs + limits.pingAfterMs);
  });

  test("answers a ping, and comes back ever more slowly", () => {
    const bench = new Bench().online();
    expect(bench.hear({ type: "ping" }).sent.length).toBe(1);
    let lastMs = 0;
    for (let i = 0; i < 12; i++) {
      bench.lose();
      const waitMs = (bench.session.nextTimeoutMs ?? 0) - bench.nowMs;
      expect(waitMs).toBeGreaterThanOrEqual(lastMs);
      expect(waitMs).toBeLessThanOrEqual(limits.retryMaxMs);
      lastMs = waitMs;
      expect(bench.wait(waitMs).actions).toEqual(["connect"]);
    }
  });

  test("does not fight with the session that replaced it", () => {
    const bench = new Bench().online();
    bench.hear({ type: "bye", code: "replaced", reason: "elsewhere" });
    expect(bench.told).toEqual([{ type: "ended", code: "replaced", message: "elsewhere" }]);
  });

  test("tells the server's reason for ending it", () => {
    const bench = new Bench().online().hear({ type: "bye", reason: "too slow" });
    expect(bench.lose().events("offline")).toMatchObject([{ reason: "too slow" }]);
  });
});

test("never throws, whatever the server says", () => {
  const noise = fc.oneof(fc.string(), fc.json());
  // Numbers as the session uses them, so that answers meet their requests.
  const small = anyServerMessage.map((one) => {
    const fields = { ...one };
    for (const key of ["n", "ref", "seq"] as const) {
      if (key in fields)
        Object.assign(fields, { [key]: Number(Reflect.get(fields, key)) % 5 || 1 });
    }
    return encodeServer(fields);
  });
  const line = fc.oneof(noise, anyServerMessage.map(encodeServer), small);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
      const bench = new Bench().online().say("a", "b");
      bench.session.join("den");
      bench.session.request({ type: "rooms" });
      for (const [i, text] of lines.entries()) {
        bench.session.handleLine(text, i);
        bench.session.handleTimeout(i);
        if (i % 7 === 3) bench.session.part("den");
      }
      bench.act(() => {});
      expect(bench.sent.filter(({ type }) => type === "undecodable")).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});
