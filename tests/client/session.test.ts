// The client's session line by line: what it sends, reports and waits for, at given times.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { SessionEvent, SessionPosition } from "../../src/client/events.ts";
import { ClientSession } from "../../src/client/session.ts";
import { client as limits, names } from "../../src/limits.ts";
import { decodeClient } from "../../src/protocol/decode-client.ts";
import { encodeServer } from "../../src/protocol/encode.ts";
import type {
  ClientMessage,
  Ref,
  RefusedMessages,
  RoomEntry,
  ServerMessage,
} from "../../src/protocol/messages.ts";
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
  refused?: RefusedMessages[];
  recovered?: boolean;
  rooms?: RoomEntry[];
  textChars?: number;
  maxRooms?: number;
};

function welcome(fields: WelcomeFields = {}): ServerMessage {
  const { epoch = "e", mail = 0, n = 0, recovered = true, textChars = 16_384 } = fields;
  const rooms = fields.rooms ?? [{ room: "lobby", seq: 0, recovered }];
  const { refused } = fields;
  return {
    type: "welcome",
    version: 2,
    server: "s",
    udpPort: 1,
    limits: { ...serverLimits, textChars, rooms: fields.maxRooms ?? serverLimits.rooms },
    session: { name: "Ann", secret, epoch, mail, n, refused, recovered, rooms },
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

/** A session and its outputs since the last call. */
class Bench {
  nowMs = 0;
  readonly session: ClientSession;
  sent: (ClientMessage | Undecodable)[] = [];
  reported: SessionEvent[] = [];
  actions: string[] = [];
  /** The `ref` of the latest `join`. */
  joinRef: Ref | undefined;

  constructor(rooms: readonly string[] = ["lobby"], since?: SessionPosition) {
    const start = since === undefined ? {} : { since };
    this.session = new ClientSession({ name: "Ann", rooms, secret, random: () => 0, ...start });
  }

  act(what: (session: ClientSession) => void): this {
    [this.sent, this.reported, this.actions] = [[], [], []];
    what(this.session);
    for (const output of this.session.pollOutputs()) {
      if (output.type === "send") this.#handleSent(decodeClient(output.line));
      else if (output.type === "event") this.reported.push(output.event);
      else this.actions.push(output.type);
    }
    return this;
  }

  #handleSent(sent: ClientMessage | Undecodable): void {
    this.sent.push(sent);
    if (sent.type === "join") this.joinRef = sent.ref;
  }

  receive(...messages: ServerMessage[]): this {
    return this.act((s) => {
      for (const one of messages) s.handleLine(encodeServer(one).trimEnd(), this.nowMs);
    });
  }

  connect(): this {
    return this.act((s) => s.start(this.nowMs)).act((s) => s.handleConnected(this.nowMs));
  }

  online(fields: WelcomeFields = {}): this {
    return this.connect().receive(welcome(fields));
  }

  lose(): this {
    return this.act((s) => s.handleLost("cut", this.nowMs));
  }

  /** Loses the connection, and opens a new one. */
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

  /** Number, room and text of the messages sent. */
  get said(): unknown[] {
    return this.sent.map((sent) => (sent.type === "say" ? [sent.n, sent.room, sent.text] : sent));
  }

  events(type: SessionEvent["type"]): SessionEvent[] {
    return this.reported.filter((event) => event.type === type);
  }
}

const den: RoomEntry = { room: "den", seq: 9, recovered: true };

const copy = (mail: number, to: string, text: string) =>
  ({ type: "private", mail, time: 5, from: "Ann", to: [to], text, own: true }) as const;

describe("logging in", () => {
  test("says hello with its secret and, when it returns, with its position", () => {
    const bench = new Bench(["lobby", "den"]);
    expect(bench.act((s) => s.start(0)).actions).toEqual(["connect"]);
    bench.act((s) => s.handleConnected(0));
    const hello = { type: "hello", name: "Ann", secret, runs: true, copies: true } as const;
    expect(bench.sent).toEqual([{ ...hello, rooms: [{ room: "lobby" }, { room: "den" }] }]);
    bench.receive(welcome({ mail: 1, rooms: [{ room: "lobby", seq: 4, recovered: false }, den] }));
    bench.receive(message(5)).reconnect();
    const rooms = [
      { room: "lobby", seq: 5 },
      { room: "den", seq: 9 },
    ];
    expect(bench.sent).toEqual([{ ...hello, rooms, epoch: "e", mail: 1 }]);
    expect(bench.session.position).toEqual({ epoch: "e", mail: 1, rooms });
  });

  test("continues where an earlier process stopped", () => {
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

  test("a session without a name requests only a welcome", () => {
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
    bench.receive({ type: "error", code, message: "no" });
    expect(bench.reported).toEqual([{ type: "ended", code, message: "no" }]);
    expect(bench.session.nextTimeoutMs).toBeUndefined();
  });

  test.each(["rate", "storage"])("a first login is retried after %s", (code) => {
    const bench = new Bench().connect().wait(limits.welcomeTimeoutMs);
    expect(bench.events("offline")).toHaveLength(1);
    bench.wait(limits.retryFirstMs).act((s) => s.handleConnected(bench.nowMs));
    bench.receive({ type: "error", code, message: "already logging in" });
    expect(bench.events("ended")).toEqual([]);
    expect(bench.events("offline")).toHaveLength(1);
  });

  test("uses the server's spelling of its rooms", () => {
    const bench = new Bench(["LOBBY"]).online();
    expect(bench.reported[0]).toMatchObject({ type: "online", rooms: ["lobby"] });
    expect(bench.act((s) => s.say("Lobby", "hi")).said).toEqual([[1, "Lobby", "hi"]]);
  });

  test("drops a connection whose welcome has no session", () => {
    const bench = new Bench().connect();
    bench.receive({ type: "welcome", version: 2, server: "s", udpPort: 1, limits: serverLimits });
    expect(bench.actions).toEqual(["close"]);
    expect(bench.events("offline")).toHaveLength(1);
  });

  test("leaves rooms that it may not reenter, and fails messages to them", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.act((s) => s.say("den", "psst")).reconnect();
    bench.receive(welcome());
    expect(bench.reported.map(({ type }) => type)).toEqual([
      "online",
      "parted",
      "reconnected",
      "failed",
    ]);
    expect(bench.session.rooms).toEqual(["lobby"]);
  });

  test("reports what another session of its user has sent to people, and not its own again", () => {
    const bench = new Bench().online();
    bench.act((s) => s.tell(["bob", "Cal"], "psst\n"));
    bench.receive(copy(1, "Bob", "psst"), copy(2, "Cal", "other"), copy(3, "Cal", "psst"));
    expect(bench.events("copied")).toMatchObject([{ mail: 2, to: ["Cal"], text: "other" }]);
    bench.receive(copy(4, "Cal", "psst"), copy(4, "Cal", "psst"));
    expect(bench.events("copied")).toMatchObject([{ mail: 4, to: ["Cal"], text: "psst" }]);
    expect(bench.events("private")).toEqual([]);
  });

  test("reports that the text of a message was deleted, in what is sent and in history", () => {
    const bench = new Bench().online();
    const said = { type: "message", room: "lobby", seq: 1, time: 5, from: "Bob" } as const;
    const message = { ...said, text: "(deleted)", deleted: true };
    bench.receive(message);
    expect(bench.events("message")).toMatchObject([{ seq: 1, deleted: true }]);
    let ref: number | undefined;
    bench.act((s) => (ref = s.request({ type: "history", room: "lobby", limit: 9 })));
    bench.receive({ type: "history", room: "lobby", messages: [message], ref });
    expect(bench.events("response")).toMatchObject([
      { response: { messages: [{ deleted: true }] } },
    ]);
  });

  test("reports the topic of a room that it could not reenter, once it is in it again", () => {
    const topic = { type: "topic", room: "den", topic: "tea" } as const;
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.receive(topic).reconnect().receive(welcome());
    expect(bench.session.topicOf("den")).toBe("");
    bench.act((s) => s.join("den"));
    bench.receive({ type: "entered", epoch: "e", ref: bench.joinRef, ...den }, topic);
    expect(bench.events("topic")).toEqual([topic]);
  });

  test("reports once what the server repeats after a lost connection, and what it takes back", () => {
    const topic = { type: "topic", room: "lobby", topic: "tea" } as const;
    const [motd, deleted] = [
      { type: "motd", text: "Hello" } as const,
      { type: "deleted", room: "lobby", seq: 3 } as const,
    ];
    const bench = new Bench().online().receive(motd, topic, deleted);
    expect(bench.reported).toEqual([motd, topic, deleted]);
    bench.reconnect().receive(welcome()).receive(motd, topic, deleted);
    expect(bench.reported).toEqual([]);
    bench.reconnect().receive(welcome());
    bench.receive({ ...motd, text: "" }, { ...topic, topic: "" });
    expect(bench.reported).toEqual([{ ...topic, topic: "" }]);
    expect([bench.session.motd, bench.session.topicOf("lobby")]).toEqual(["", ""]);
  });

  test("a deletion counts for its own log: a restarted server uses the same numbers again", () => {
    const deleted = { type: "deleted", room: "lobby", seq: 3 } as const;
    const bench = new Bench().online().receive(deleted);
    bench
      .reconnect()
      .receive(welcome({ epoch: "f" }))
      .receive(message(3), deleted);
    expect(bench.events("deleted")).toEqual([deleted]);
  });

  test("a reload does not report the message of the day again, but a new one", () => {
    const since = { epoch: "e", mail: 0, rooms: [{ room: "lobby", seq: 0 }] };
    const bench = new Bench(["lobby"], since).online();
    bench.receive({ type: "motd", text: "Hello" });
    expect([bench.events("motd"), bench.session.motd]).toEqual([[], "Hello"]);
    bench.receive({ type: "motd", text: "Bye" });
    expect(bench.events("motd")).toEqual([{ type: "motd", text: "Bye" }]);
  });
});

function welcomeRoom(room: string): RoomEntry {
  return { room, seq: 0, recovered: true };
}

describe("sending", () => {
  test("keeps a window in flight and reports acknowledgements", () => {
    const bench = new Bench().online();
    const texts = Array.from({ length: limits.windowMessages + 5 }, (_, i) => `m${i}`);
    bench.say(...texts);
    expect(bench.sent.length).toBe(limits.windowMessages);
    bench.receive(ack(3));
    expect(bench.reported).toEqual([{ type: "acknowledged", id: 3, room: "lobby", seq: 3 }]);
    expect(bench.numbers).toEqual([257, 258, 259]);
    expect(bench.session.unacknowledged).toBe(limits.windowMessages + 2);
  });

  test("refuses more than its queue holds, and texts that are too long for the server", () => {
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

  test("waits as long as asked, then resends the refused message and those after it", () => {
    const bench = new Bench().online().say("a", "b", "c");
    bench.receive(ack(1), refusal("rate", 2, 700), refusal("protocol", 3));
    bench.say("d");
    expect(bench.sent).toEqual([]);
    expect(bench.wait(699).sent).toEqual([]);
    expect(bench.wait(1).numbers).toEqual([2, 3, 4]);
    expect(bench.receive(ack(4)).reported).toEqual([
      { type: "acknowledged", id: 4, room: "lobby", seq: 4 },
    ]);
  });

  test("reports a permanently refused message once, and keeps its counter equal to the server's", () => {
    const bench = new Bench().online().say("a", "bad", "c");
    bench.receive(refusal("text-invalid", 2));
    expect(bench.reported).toEqual([
      { type: "failed", id: 2, room: "lobby", text: "bad", code: "text-invalid", message: "no" },
    ]);
    expect(bench.session.unacknowledged).toBe(2);
    // The disk was full for all of them: number 2 is refused again, which is not reported.
    bench.receive(refusal("storage", 1, 10)).wait(10);
    expect(bench.numbers).toEqual([1, 2, 3]);
    bench.receive(ack(1), refusal("text-invalid", 2), ack(3, 2));
    expect(bench.events("failed")).toEqual([]);
    expect(bench.session.unacknowledged).toBe(0);
    expect(bench.say("d").numbers).toEqual([4]);
  });

  test("renumbers, in order, for a server that has forgotten it", () => {
    const bench = new Bench().online().say("a", "b", "c").receive(ack(1)).reconnect();
    bench.receive(welcome({ epoch: "other", recovered: false }));
    expect(bench.said).toEqual([
      [1, "lobby", "b"],
      [2, "lobby", "c"],
    ]);
    expect(bench.events("reconnected")).toMatchObject([
      { recovered: false, summary: expect.stringContaining("restarted without history") },
    ]);
  });

  test("learns from the welcome which messages were refused while the connection was lost", () => {
    const bench = new Bench().online().say("a", "bad", "worse", "d", "e", "f");
    bench.receive(refusal("text-invalid", 3)).reconnect();
    const refused = [
      { first: 2, last: 3, code: "text-invalid", message: "no" },
      { first: 5, last: 5, code: "muted", message: "You were muted" },
      // Of a number that was not sent since the last login.
      { first: 9, last: 9, code: "muted", message: "You were muted" },
    ];
    bench.receive(welcome({ n: 5, refused }));
    const failed = { type: "failed", room: "lobby" } as const;
    expect(
      bench.reported.filter(({ type }) => type === "failed" || type === "acknowledged"),
    ).toEqual([
      { ...failed, id: 2, text: "bad", code: "text-invalid", message: "no" },
      { ...failed, id: 5, text: "e", code: "muted", message: "You were muted" },
      { type: "acknowledged", id: 5, room: undefined, seq: undefined },
    ]);
    expect(bench.said).toEqual([[6, "lobby", "f"]]);
  });

  test("acknowledges what was stored before it reports its return to a shorter log", () => {
    const bench = new Bench().online().say("a").reconnect();
    bench.receive(welcome({ n: 1, rooms: [{ room: "lobby", seq: 900, recovered: false }] }));
    expect(bench.reported.map(({ type }) => type)).toEqual([
      "online",
      "acknowledged",
      "reconnected",
    ]);
  });

  test("learns from the welcome whom a message has not reached", () => {
    const bench = new Bench().online();
    bench.act((s) => {
      for (const text of ["a", "b"]) s.tell(["Bob", "Zed"], text);
    });
    const refused = [
      { first: 2, last: 2, code: "unknown-user", to: "Zed", message: "Not sent to 'Zed'" },
    ];
    bench.reconnect().receive(welcome({ n: 2, refused }));
    expect(
      bench.reported.filter(({ type }) => type === "error" || type === "acknowledged"),
    ).toEqual([
      { type: "acknowledged", id: 1, room: undefined, seq: undefined },
      {
        type: "error",
        code: "unknown-user",
        message: "Not sent to 'Zed'",
        ref: undefined,
        subject: "Zed",
      },
      { type: "acknowledged", id: 2, room: undefined, seq: undefined },
    ]);
  });

  test("sends immediately after returning, but only messages that can still be sent", () => {
    const bench = new Bench().online().say("a", "bad", "c");
    bench.receive(refusal("text-invalid", 2), refusal("rate", 1, 60_000)).reconnect();
    expect(bench.receive(welcome()).said).toEqual([
      [1, "lobby", "a"],
      [2, "lobby", "c"],
    ]);
  });

  test("drops a connection on which the counts can't be reconciled", () => {
    const bench = new Bench().online().say("a", "b");
    for (let i = 0; i < limits.maxRewinds; i++) {
      bench.receive(refusal("protocol", 2));
      expect(bench.actions).toEqual([]);
      bench.wait(limits.retryFirstMs);
    }
    expect(bench.receive(refusal("protocol", 2)).actions).toEqual(["close"]);
  });

  test("counts across rooms, and resends each message to its own room", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.act((s) => {
      s.say("lobby", "a");
      s.say("den", "b");
      s.tell(["Bob"], "c");
      s.say("lobby", "d");
    });
    bench.receive(ack(1)).reconnect();
    bench.receive(welcome({ n: 1, rooms: [welcomeRoom("lobby"), den] }));
    expect(bench.said).toEqual([
      [2, "den", "b"],
      { type: "tell", n: 3, to: ["Bob"], text: "c" },
      [4, "lobby", "d"],
    ]);
  });
});

describe("rooms", () => {
  test("joins an additional room, and sends messages to it right after", () => {
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
    bench.receive({ type: "entered", ...den, epoch: "e", ref: bench.joinRef });
    expect(bench.reported).toEqual([{ type: "entered", room: "den" }]);
    expect(bench.session.rooms).toEqual(["lobby", "den"]);
    bench.receive(message(10, "hello", "den"), message(1, "hello"));
    expect(bench.reported).toMatchObject([
      { type: "message", room: "den", seq: 10, replayed: false },
      { type: "message", room: "lobby", seq: 1, replayed: false },
    ]);
  });

  test("keeps the key of a room, to enter it again", () => {
    const bench = new Bench().online();
    bench.act((s) => s.join("den", "secret"));
    expect(bench.sent).toMatchObject([{ type: "join", room: "den", key: "secret" }]);
    bench.receive({ type: "entered", ...den, epoch: "e", ref: bench.joinRef }).reconnect();
    expect(bench.sent).toMatchObject([
      { type: "hello", rooms: [{ room: "lobby" }, { room: "den", key: "secret" }] },
    ]);
    const { position } = bench.session;
    const again = new ClientSession({
      name: "Ann",
      rooms: ["lobby", "den"],
      secret,
      ...(position && { since: position }),
      random: () => 0,
    });
    again.start(0);
    again.handleConnected(0);
    const hello = [...again.pollOutputs()].find(({ type }) => type === "send");
    expect(hello).toMatchObject({ line: expect.stringContaining('"key":"secret"') });
  });

  test("reports a refused join, and fails messages to that room", () => {
    const bench = new Bench().online();
    const window = limits.windowMessages;
    bench.act((s) => {
      s.join("den");
      for (let i = 0; i <= window; i++) s.say("den", `secret ${i}`);
      s.say("lobby", "open");
    });
    bench.receive({ type: "error", code: "room-invalid", message: "no", ref: bench.joinRef });
    // Unsent messages fail immediately; the server refuses the rest itself.
    expect(bench.reported).toMatchObject([
      { type: "join-failed", room: "den", code: "room-invalid", message: "no" },
      { type: "failed", room: "den", text: `secret ${window}`, code: "not-in-room" },
    ]);
    bench.receive(...Array.from({ length: window }, (_, i) => refusal("not-in-room", i + 1)));
    expect(bench.events("failed")).toHaveLength(window);
    expect(bench.said).toEqual([[window + 1, "lobby", "open"]]);
    expect(bench.session.say("den", "again")).toBe("not-in-room");
  });

  test("repeats an unanswered join before the messages to that room", () => {
    const bench = new Bench().online();
    bench.act((s) => {
      s.join("den");
      s.say("den", "there");
    });
    expect(bench.reconnect().sent).toMatchObject([{ type: "hello", rooms: [{ room: "lobby" }] }]);
    expect(bench.receive(welcome()).sent).toMatchObject([
      { type: "join", room: "den" },
      { type: "say", n: 1, room: "den" },
    ]);
  });

  test("joins and parts rooms without a connection", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.act((s) => s.say("den", "lost")).lose();
    bench.act((s) => {
      s.join("attic");
      s.part("den");
      s.say("attic", "up here");
    });
    // It may be committed: only the next welcome will tell.
    expect(bench.reported).toEqual([{ type: "parted", room: "den" }]);
    bench.wait(limits.retryFirstMs).act((s) => s.handleConnected(bench.nowMs));
    expect(bench.sent).toMatchObject([{ rooms: [{ room: "lobby", seq: 0 }] }]);
    bench.receive(welcome());
    expect(bench.events("failed")).toMatchObject([
      { room: "den", text: "lost", code: "not-in-room" },
    ]);
    expect(bench.sent).toMatchObject([
      { type: "join", room: "attic" },
      { type: "say", n: 1, room: "attic" },
    ]);
  });

  test("counts a message to a room parted before the connection was lost if the server has it", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.act((s) => {
      s.say("den", "said");
      s.part("den");
    });
    bench.reconnect().receive(welcome({ n: 1 }));
    expect(bench.events("acknowledged")).toMatchObject([{ id: 1 }]);
    expect(bench.events("failed")).toEqual([]);
  });

  test("reports a part immediately, and nothing about that room afterwards", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.act((s) => {
      s.say("den", "on its way");
      s.part("Den");
      s.part("den");
    });
    expect(bench.reported).toEqual([{ type: "parted", room: "den" }]);
    expect(bench.sent).toMatchObject([{ type: "say" }, { type: "part", room: "den" }]);
    bench.receive(
      message(10, "late", "den"),
      { type: "joined", room: "den", name: "Bob" },
      { type: "left", room: "den", name: "Ann", reason: "parted" },
      { type: "renamed", room: "den", from: "Bob", to: "Rob" },
      { type: "parted", room: "den", ref: 5 },
    );
    expect(bench.reported).toEqual([]);
    expect(bench.receive({ type: "ack", n: 1, room: "den", seq: 10 }).reported).toEqual([
      { type: "acknowledged", id: 1, room: "den", seq: 10 },
    ]);
  });

  test("after join, part and join, the old answer does not count for the new join", () => {
    const bench = new Bench().online();
    bench.act((s) => s.join("den"));
    const first = bench.joinRef;
    bench.act((s) => s.part("den")).act((s) => s.join("den"));
    bench.receive({ type: "entered", ...den, epoch: "e", ref: first });
    bench.receive(message(10, "before", "den"));
    expect(bench.reported).toEqual([]);
    bench.receive({ type: "entered", ...den, seq: 10, epoch: "e", ref: bench.joinRef });
    expect(bench.session.rooms).toEqual(["lobby", "den"]);
  });

  test("a room parted between hello and welcome is still parted, even if joined again", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.reconnect().act((s) => s.part("den"));
    expect(bench.sent).toEqual([]);
    const both = welcome({ rooms: [welcomeRoom("lobby"), den] });
    expect(bench.receive(both).sent).toMatchObject([{ type: "part", room: "den" }]);
    bench.act((s) => s.join("den")).reconnect();
    bench.receive(both);
    expect(bench.sent).toMatchObject([{ type: "part" }, { type: "join", room: "den" }]);
  });

  test("accepts that the server removes it from a room", () => {
    const bench = new Bench().online();
    bench.receive({ type: "parted", room: "lobby", by: "Bob", text: "too loud" });
    expect(bench.reported).toEqual([
      { type: "parted", room: "lobby", by: "Bob", text: "too loud" },
    ]);
    expect(bench.session.rooms).toEqual([]);
    expect(bench.reconnect().sent).toMatchObject([{ rooms: [] }]);
  });

  test("a removal that crosses its own part does not count for the room that it joins again", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.act((s) => s.part("den")).act((s) => s.join("den"));
    bench.receive({ type: "parted", room: "den", by: "Bob" });
    expect(bench.reported).toEqual([]);
    bench.receive({ type: "entered", ...den, epoch: "e", ref: bench.joinRef });
    expect(bench.session.rooms).toEqual(["lobby", "den"]);
  });

  test("keeps to the server's room limit", () => {
    const bench = new Bench().online({ maxRooms: 2 });
    bench.act((s) => {
      s.join("den");
      s.join("attic");
    });
    expect(bench.reported).toMatchObject([{ type: "join-failed", room: "attic", code: "full" }]);
    expect(bench.sent).toHaveLength(1);
  });
});

describe("receiving", () => {
  test("splits messages of one sender that arrive in one line", () => {
    const bench = new Bench().online({ rooms: [{ room: "lobby", seq: 3, recovered: true }] });
    const texts = ["old", "a", "b"];
    bench.receive({ type: "messages", room: "lobby", seq: 3, time: 7, from: "Bob", texts, n: 8 });
    expect(bench.events("message")).toMatchObject([
      { room: "lobby", seq: 4, timeMs: 7, from: "Bob", text: "a" },
      { room: "lobby", seq: 5, timeMs: 7, from: "Bob", text: "b" },
    ]);
  });

  test("recognizes its own messages by their counter, in any room", () => {
    const bench = new Bench().online();
    bench.say("a", "b");
    bench.receive(
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

  test("continues with a log that is shorter than its position", () => {
    const bench = new Bench().online({ rooms: [{ room: "lobby", seq: 9, recovered: true }] });
    bench.reconnect();
    bench.receive(welcome({ rooms: [{ room: "lobby", seq: 7, recovered: true }] }));
    expect(bench.receive(message(8)).events("message").length).toBe(1);
  });

  test("reads a log again that has lost its end, whose numbers are used for other messages", () => {
    const bench = new Bench().online({ rooms: [{ room: "lobby", seq: 9, recovered: true }] });
    bench.reconnect();
    bench.receive(welcome({ rooms: [{ room: "lobby", seq: 7, recovered: false }] }));
    const heard = bench.receive(message(6), message(7), message(8)).events("message");
    expect(heard).toMatchObject([{ seq: 6 }, { seq: 7 }, { seq: 8 }]);
    expect(bench.events("gap")).toEqual([]);
  });

  test("counts the missed messages of all rooms before reporting its return", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.reconnect(3_000);
    const states = [
      { room: "lobby", seq: 2, recovered: true },
      { room: "den", seq: 10, recovered: true },
    ];
    bench.receive(welcome({ mail: 1, rooms: states }));
    expect(bench.events("reconnected")).toEqual([]);
    bench.receive(
      message(1, "one"),
      message(1, "one"),
      { type: "private", mail: 1, time: 1, from: "Bob", to: ["Ann"], text: "psst" },
      message(2, "two"),
      message(10, "three", "den"),
    );
    expect(bench.reported.map(({ type }) => type)).toEqual([
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

  test("does not wait for the history of a room that was left", () => {
    const bench = new Bench(["lobby", "den"]).online({ rooms: [welcomeRoom("lobby"), den] });
    bench.reconnect().receive(welcome({ rooms: [welcomeRoom("lobby"), { ...den, seq: 99 }] }));
    expect(bench.events("reconnected")).toEqual([]);
    expect(bench.act((s) => s.part("den")).events("reconnected")).toHaveLength(1);
  });

  test("finds a gap in a room's numbers", () => {
    const bench = new Bench().online().receive(message(4));
    expect(bench.reported[0]).toEqual({ type: "gap", room: "lobby", from: 1, to: 3 });
  });

  test("reports its private-chat partner, and sends nothing to the room instead", () => {
    const bench = new Bench().online();
    bench.receive({ type: "chat", state: "started", with: "Bob" });
    expect(bench.session.partner).toBe("Bob");
    bench.act((s) => s.sayToPartner("psst"));
    expect(bench.sent).toEqual([{ type: "tell", n: 1, to: ["Bob"], text: "psst" }]);
    bench.receive({ type: "renamed", from: "Bob", to: "Rob", chat: true });
    expect(bench.reported).toEqual([{ type: "renamed", room: undefined, from: "Bob", to: "Rob" }]);
    bench.act((s) => s.sayToPartner("psst"));
    expect(bench.sent).toMatchObject([{ type: "tell", to: ["Rob"] }]);
    bench.receive({ type: "chat", state: "left", with: "Rob" });
    expect(bench.session.sayToPartner("late")).toBe("no-partner");
  });

  test("follows its own new name", () => {
    const bench = new Bench().online();
    const ref = bench.session.request({ type: "rename", name: "Anna" });
    bench.receive(
      { type: "renamed", room: "lobby", from: "Ann", to: "Anna" },
      { type: "name", name: "Anna", ref },
    );
    expect(bench.session.name).toBe("Anna");
    expect(bench.events("response")).toMatchObject([{ ref, response: { name: "Anna" } }]);
  });
});

describe("requests", () => {
  test("are answered by number, in the session's own types", () => {
    const bench = new Bench().online();
    const ref = bench.session.request({ type: "history", room: "den", limit: 5 });
    bench.receive({
      type: "history",
      room: "den",
      messages: [{ type: "message", room: "den", seq: 1, time: 7, from: "Bob", text: "x" }],
      ref,
    });
    const messages = [{ seq: 1, timeMs: 7, from: "Bob", text: "x" }];
    expect(bench.reported).toEqual([
      {
        type: "response",
        ref: ref!,
        response: { type: "history", room: "den", messages, oldest: 1 },
      },
    ]);
    expect(bench.receive({ type: "name", name: "Eve", ref }).events("response")).toEqual([]);
  });

  test("a refusal carries the number of its request, and its subject", () => {
    const bench = new Bench().online();
    const ref = bench.session.request({ type: "rename", name: "Bob" });
    const error = { type: "error", code: "name-taken", message: "no", subject: "Bob" } as const;
    expect(bench.receive({ ...error, ref }).reported).toEqual([{ ...error, ref }]);
    expect(bench.receive({ ...error, ref }).reported).toEqual([{ ...error, ref: undefined }]);
  });

  test("are abandoned when the connection is lost", () => {
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
  test("pings a silent server, sooner when it owes an acknowledgement, and then drops it", () => {
    const bench = new Bench().online();
    expect(bench.wait(limits.pingAfterMs - 1).sent).toEqual([]);
    expect(bench.wait(1).sent).toEqual([{ type: "ping" }]);
    bench.receive({ type: "pong" }).say("a");
    expect(bench.wait(limits.pingWaitingAfterMs).sent).toEqual([{ type: "ping" }]);
    bench.wait(limits.pongTimeoutMs);
    expect(bench.actions).toEqual(["close"]);
    expect(bench.events("offline").length).toBe(1);
  });

  test("does not suspect a server that it does not read from", () => {
    const bench = new Bench().online();
    bench.act((s) => s.setPaused(true, bench.nowMs));
    expect(bench.session.nextTimeoutMs).toBeUndefined();
    bench.nowMs += 1_000_000;
    bench.act((s) => s.setPaused(false, bench.nowMs));
    expect(bench.session.nextTimeoutMs).toBe(bench.nowMs + limits.pingAfterMs);
  });

  test("pings immediately when the connection is doubtful, and soon drops it without an answer", () => {
    const bench = new Bench().online();
    bench.act((s) => s.checkAlive(bench.nowMs));
    expect(bench.sent).toEqual([{ type: "ping" }]);
    bench.receive({ type: "pong" });
    // Done; the usual timeouts apply again.
    expect(bench.wait(limits.pingAfterMs).sent).toEqual([{ type: "ping" }]);
    // Doubtful while an answer is outstanding: no second ping, and less time for the answer.
    bench.act((s) => s.checkAlive(bench.nowMs));
    expect(bench.sent).toEqual([]);
    expect(bench.wait(limits.doubtfulPongMs - 1).sent).toEqual([]);
    expect(bench.session.online).toBe(true);
    bench.wait(1);
    expect(bench.session.online).toBe(false);
  });

  test("answers a ping, and reconnects with increasing delays", () => {
    const bench = new Bench().online();
    expect(bench.receive({ type: "ping" }).sent.length).toBe(1);
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

  test("does not compete with the session that replaced it", () => {
    const bench = new Bench().online();
    bench.receive({ type: "bye", code: "replaced", reason: "elsewhere" });
    expect(bench.reported).toEqual([{ type: "ended", code: "replaced", message: "elsewhere" }]);
  });

  const replaced = { type: "bye" as const, code: "replaced" as const, reason: "elsewhere" };

  test("reconnects, once, if its own abandoned connection may have replaced it", () => {
    const bench = new Bench().online().reconnect().receive(welcome());
    expect(bench.receive(replaced).events("ended")).toEqual([]);
    expect(bench.lose().events("offline")).toMatchObject([{ reason: "elsewhere" }]);
    bench.wait(limits.retryMaxMs).act((s) => s.handleConnected(bench.nowMs));
    bench.receive(welcome());
    expect(bench.receive(replaced).events("ended")).toHaveLength(1);
  });

  test("does not reconnect because of a connection abandoned long ago", () => {
    const bench = new Bench().online().reconnect().receive(welcome());
    bench.nowMs += limits.givenUpMs + 1;
    expect(bench.receive(replaced).events("ended")).toHaveLength(1);
  });

  test.each(["kicked", "banned"] as const)("does not reconnect by itself when %s", (code) => {
    const ended = { type: "ended" as const, code, message: "console has removed you" };
    const bye = { type: "bye" as const, code, reason: ended.message };
    const online = new Bench().online();
    online.receive(bye);
    expect(online.reported).toEqual([ended]);
    const greeting = new Bench().connect();
    greeting.receive(bye);
    expect(greeting.reported).toEqual([ended]);
  });

  test("reports the server's reason for closing it", () => {
    const bench = new Bench().online().receive({ type: "bye", reason: "too slow" });
    expect(bench.lose().events("offline")).toMatchObject([{ reason: "too slow" }]);
  });
});

test("never throws, whatever the server sends", () => {
  const noise = fc.oneof(fc.string(), fc.json());
  // Numbers as the session uses them, so that answers match their requests.
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
