// The native dialect: the command for each line, refusals, when the connection closes, and that a
// client can decode everything rendered. The lines themselves are tested in tests/protocol.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Conversation } from "../../../src/chat/dialect.ts";
import type { Received, PersonalEvent, RoomEvent, Said } from "../../../src/chat/events.ts";
import { SaidRun } from "../../../src/chat/rooms/said-run.ts";
import { nativeDialect } from "../../../src/dialects/native/native.ts";
import { folder, history, message as limits, names as nameLimits } from "../../../src/limits.ts";
import { decodeServer } from "../../../src/protocol/decode-server.ts";
import { encodeClient } from "../../../src/protocol/encode.ts";
import type { ServerMessage } from "../../../src/protocol/messages.ts";
import { harmless } from "../../../src/text.ts";
import { anyClientMessage } from "../../protocol/messages.ts";
import { anyCharacter } from "../../any-character.ts";
import { sent } from "../events.ts";

const dialect = nativeDialect({ name: "parley test", udpPort: 55_000, messagesPerSecond: 100 });
const peer = { address: "127.0.0.1", port: 52_418 };
const secret = "0123456789abcdef";
const hello = '{"type":"hello","version":2,"name":"Ann"}';

function open(): Conversation {
  return dialect.open(peer);
}

/** The command in a greeted client's line. */
function read(line: string | object): Received | undefined {
  const conversation = open();
  conversation.receive(hello);
  return conversation.receive(typeof line === "string" ? line : JSON.stringify(line));
}

/** A hello with these fields. */
function login(fields: object): Received | undefined {
  return open().receive(JSON.stringify({ type: "hello", version: 2, ...fields }));
}

const requests: [object, Received][] = [
  [
    { type: "say", text: "hi" },
    { type: "say", room: "lobby", text: "hi" },
  ],
  [
    { type: "say", n: 8, room: "den", text: "hi" },
    { type: "say", room: "den", text: "hi", n: 8 },
  ],
  [
    { type: "tell", n: 9, to: ["Bob"], text: "x" },
    { type: "tell", to: ["Bob"], text: "x", n: 9 },
  ],
  [{ type: "who" }, { type: "names", room: "lobby", limit: nameLimits.pageNames }],
  [
    { type: "who", room: "den", after: "B", ref: 2 },
    { type: "names", room: "den", limit: nameLimits.pageNames, after: "B", ref: 2 },
  ],
  [
    { type: "rooms", ref: "r" },
    { type: "rooms", limit: nameLimits.pageNames, ref: "r" },
  ],
  [
    { type: "join", room: "den", ref: 1 },
    { type: "join", room: "den", ref: 1 },
  ],
  [
    { type: "join", room: "den", seq: 0, epoch: "e" },
    { type: "join", room: "den", since: { epoch: "e", seq: 0 } },
  ],
  // A number of an unknown log is useless.
  [
    { type: "join", room: "den", seq: 7 },
    { type: "join", room: "den" },
  ],
  [
    { type: "part", room: "den" },
    { type: "part", room: "den" },
  ],
  [
    { type: "rename", name: "A", ref: 4 },
    { type: "rename", name: "A", ref: 4 },
  ],
  [{ type: "history" }, { type: "history", room: "lobby", limit: history.pageMessages }],
  [
    { type: "history", room: "den", before: 40, limit: 9e9 },
    { type: "history", room: "den", before: 40, limit: history.pageMessages },
  ],
  [
    { type: "invite", to: "Bob" },
    { type: "invite", to: "Bob" },
  ],
  [{ type: "accept" }, { type: "accept" }],
  [{ type: "reject" }, { type: "reject" }],
  [{ type: "leave" }, { type: "leave" }],
  [
    { type: "files", after: "a", limit: 2 },
    { type: "files", limit: 2, after: "a" },
  ],
  [{ type: "files" }, { type: "files", limit: folder.pageFiles }],
  [
    { type: "fetch", name: "a", check: true, ref: 8 },
    { type: "transfer", request: { type: "fetch", name: "a", check: true, ref: 8 }, ref: 8 },
  ],
  [
    { type: "pull", transfer: 3, offset: 0, length: 9 },
    { type: "transfer", request: { type: "pull", transfer: 3, offset: 0, length: 9 } },
  ],
  [
    { type: "fetched", transfer: 3 },
    { type: "transfer", request: { type: "fetched", transfer: 3 } },
  ],
  [
    { type: "ping", ref: 6 },
    { type: "ping", ref: 6 },
  ],
  [{ type: "pong" }, { type: "alive" }],
  [{ type: "bye" }, { type: "quit" }],
];

describe("requests", () => {
  test.each(requests)("%j", (request, command) => {
    expect(read(request)).toEqual(command);
  });

  test("a hello becomes a login", () => {
    expect(login({ name: "Ann" })).toEqual({ type: "login", name: "Ann", secret: "", runs: false });
    expect(login({})).toEqual({ type: "login", name: "", visitor: true });
    const rooms = [{ room: "lobby", seq: 3 }, { room: "den" }];
    expect(login({ name: "Ann", secret, rooms, epoch: "e", mail: 0, runs: true })).toEqual({
      type: "login",
      name: "Ann",
      secret,
      rooms,
      runs: true,
      since: { epoch: "e", mail: 0 },
    });
    expect(login({ name: "Ann", rooms: [] })).toMatchObject({ rooms: [] });
  });

  test("blank lines are ignored", () => {
    for (const blank of ["", " ", "\t \r"]) {
      expect(read(blank)).toBeUndefined();
      expect(open().receive(blank)).toBeUndefined();
    }
  });
});

describe("refusals", () => {
  test("a hello of another version gets one clear error, and the connection ends", () => {
    for (const version of [1, 3, "2", null, undefined]) {
      const line = JSON.stringify({ type: "hello", version, name: "Ann", room: "lobby" });
      expect(open().receive(line)).toMatchObject({
        type: "invalid",
        code: "version",
        message: expect.stringContaining("version 2"),
        end: true,
      });
    }
  });

  test("the first line has to be a usable hello, or the connection ends", () => {
    const lines = [
      '{"type":"say","text":"x"}',
      "{}",
      "[]",
      "Ann",
      '{"type":"say","n":1,"room":"a"}',
    ];
    for (const line of [...lines, '{"type":"say","n":1,"room":"lobby","text":"x"}']) {
      expect(open().receive(line)).toMatchObject({ type: "invalid", code: "protocol", end: true });
    }
    for (const bad of ["short", "x".repeat(129), `${secret} `, `${secret}é`, 5, null, {}]) {
      expect(login({ name: "Ann", secret: bad })).toMatchObject({ type: "invalid", end: true });
    }
    for (const name of [5, null, [], {}, true]) {
      expect(login({ name })).toMatchObject({ type: "invalid", end: true });
    }
  });

  test("a greeted client gets the ref and the counter of its request, and stays connected", () => {
    const wrong = [{ type: "say" }, { type: "nonsense" }, { type: 5 }, {}, { type: "join" }];
    for (const request of wrong) {
      const refusal = read({ ...request, ref: 7, n: 3 });
      expect(refusal).toMatchObject({ type: "invalid", code: "protocol", ref: 7, n: 3 });
      expect(refusal).not.toHaveProperty("end");
    }
    expect(read("[".repeat(limits.maxLineBytes))).toMatchObject({ type: "invalid" });
  });

  test("a line that is too long ends the connection", () => {
    expect(open().overflow?.()).toMatchObject({
      type: "invalid",
      message: expect.stringContaining(String(limits.maxLineBytes)),
      end: true,
    });
  });

  test("any line of a client, greeted or not, gets an answer", () => {
    const line = fc.oneof(
      anyClientMessage.map((message) => encodeClient(message).trimEnd()),
      fc.json(),
      fc.string({ unit: anyCharacter }),
    );
    fc.assert(
      fc.property(line, fc.boolean(), (text, greeted) => {
        const conversation = open();
        if (greeted) conversation.receive(hello);
        expect(conversation.receive(text) === undefined).toBe(text.trim() === "");
      }),
      { numRuns: 5_000 },
    );
  });
});

const said: Said = {
  type: "said",
  room: "lobby",
  seq: 45,
  timeMs: 7,
  from: "Bob",
  alias: undefined,
  text: "hi",
  n: 4,
  author: 1,
};

const about = { room: "den", alias: undefined, author: 1 };

const roomEvents: [RoomEvent, ServerMessage][] = [
  [said, { type: "message", room: "lobby", seq: 45, time: 7, from: "Bob", text: "hi", n: 4 }],
  [
    { type: "joined", name: "Ann", ...about },
    { type: "joined", room: "den", name: "Ann" },
  ],
  [
    { type: "left", name: "Ann", reason: "parted", ...about },
    { type: "left", room: "den", name: "Ann", reason: "parted" },
  ],
  [
    { type: "renamed", room: "den", from: "Ann", to: "Eve", author: 1 },
    { type: "renamed", room: "den", from: "Ann", to: "Eve" },
  ],
];

const rooms = [{ room: "lobby", seq: 4, recovered: true }];
const privately = { type: "private", mail: 1, from: "Bob", to: ["Ann"], text: "x" } as const;

const personalEvents: [PersonalEvent, object][] = [
  [
    {
      type: "welcome",
      name: "Ann",
      alias: undefined,
      secret,
      epoch: "e",
      mail: 2,
      n: 3,
      recovered: true,
      rooms,
    },
    {
      type: "welcome",
      version: 2,
      server: "parley test",
      udpPort: 55_000,
      session: { name: "Ann", secret, epoch: "e", mail: 2, n: 3, recovered: true, rooms },
      limits: { rooms: nameLimits.maxRoomsPerSession, messagesPerSecond: 100 },
    },
  ],
  [
    { type: "refused", code: "name-taken", name: "Ann", message: "no", retryAfterMs: 5 },
    { type: "error", code: "name-taken", subject: "Ann", message: "no", retryAfterMs: 5 },
  ],
  [
    { ...privately, timeMs: 7, alias: undefined, chat: true },
    { ...privately, time: 7, chat: true },
  ],
  [
    { type: "replay", message: said },
    { type: "message", seq: 45 },
  ],
  [
    { type: "ack", n: 9, room: "den", seq: 8 },
    { type: "ack", n: 9, room: "den", seq: 8 },
  ],
  [
    { type: "ack", n: 9, room: undefined, seq: undefined },
    { type: "ack", n: 9 },
  ],
  [
    { type: "names", room: "den", names: ["Ann"], total: 5, next: "Ann", ref: 2 },
    { type: "names", room: "den", names: ["Ann"], total: 5, next: "Ann", ref: 2 },
  ],
  [
    {
      type: "rooms",
      rooms: [{ room: "den", members: 2, topic: "" }],
      next: undefined,
      ref: undefined,
    },
    { type: "rooms", rooms: [{ room: "den", members: 2 }] },
  ],
  [
    { type: "entered", room: "den", epoch: "e", seq: 3, recovered: true, ref: 1 },
    { type: "entered", room: "den", epoch: "e", seq: 3, recovered: true, ref: 1 },
  ],
  [
    { type: "parted", room: "den", ref: undefined },
    { type: "parted", room: "den" },
  ],
  [
    { type: "history", room: "den", messages: [said, { ...said, n: undefined }], ref: "r" },
    { type: "history", room: "den", messages: [{ seq: 45, n: 4 }, { seq: 45 }], ref: "r" },
  ],
  [
    { type: "files", files: [{ name: "a", sizeBytes: 1, modifiedMs: 2 }], next: "a", ref: 1 },
    { type: "files", files: [{ name: "a", size: 1, modified: 2 }], next: "a", ref: 1 },
  ],
  [
    { type: "transfer", message: { type: "tags", transfer: 1, from: 0, data: "" } },
    { type: "tags", transfer: 1, from: 0, data: "" },
  ],
  [
    { type: "chat", state: "asked", with: "Bob" },
    { type: "chat", state: "asked", with: "Bob" },
  ],
  [
    { type: "renamed", from: "A", to: "B", chat: true },
    { type: "renamed", from: "A", to: "B", chat: true },
  ],
  [
    { type: "error", code: "rate", message: 'no "more"', n: 3, retryAfterMs: 5 },
    { type: "error", code: "rate", message: 'no "more"', n: 3, retryAfterMs: 5 },
  ],
  [
    { type: "name", name: "Eve", ref: 1 },
    { type: "name", name: "Eve", ref: 1 },
  ],
  [{ type: "ping" }, { type: "ping" }],
  [
    { type: "pong", ref: undefined, time: 9 },
    { type: "pong", time: 9 },
  ],
  [
    { type: "bye", reason: "elsewhere", code: "replaced" },
    { type: "bye", reason: "elsewhere", code: "replaced" },
  ],
];

/** The single message in the rendered output. */
function decoded(rendered: string | readonly string[] | undefined): unknown {
  if (typeof rendered !== "string") throw new Error(`Not one line: ${String(rendered)}`);
  expect(rendered.indexOf("\n")).toBe(rendered.length - 1);
  return decodeServer(rendered);
}

describe("rendering", () => {
  test.each(roomEvents)("to a room: %j", (event, message) => {
    expect(decoded(dialect.renderRoom(event))).toEqual(message);
  });

  test.each(personalEvents)("to one member: %j", (event, message) => {
    expect(decoded(open().render(event))).toMatchObject(message);
  });

  test("a visitor's welcome contains no session", () => {
    const [event] = personalEvents[0]!;
    if (event.type !== "welcome") throw new Error("no welcome");
    expect(decoded(open().render({ ...event, name: "" }))).toMatchObject({ session: undefined });
  });

  test("events for other dialects are not rendered", () => {
    expect(open().render(sent(["Bob"], "x"))).toBeUndefined();
    expect(open().render({ type: "download", port: 1, sizeBytes: 1, name: "a" })).toBeUndefined();
  });

  test("runs, also with empty texts", () => {
    const text = fc
      .oneof(fc.constant(""), fc.string(), fc.string({ unit: anyCharacter }))
      .map((any) => harmless(any));
    const texts = fc.array(text, { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(
        texts,
        fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
        (all, n) => {
          const fields = { room: "den", seq: 45, timeMs: 7, from: "Ann", n, author: 1 };
          const run = new SaidRun(fields, all);
          expect(decoded(dialect.withRuns?.renderRun?.(run))).toEqual({
            type: "messages",
            room: "den",
            seq: 45,
            time: 7,
            from: "Ann",
            texts: all,
            n,
          });
        },
      ),
      { numRuns: 2_000, examples: [[["", "b"], 1]] },
    );
  });
});
