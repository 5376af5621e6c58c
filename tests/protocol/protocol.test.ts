// Round trips of every message of the native protocol, and decoding of truncated, edited and random
// lines: a typed message or a typed problem, never an exception, never slow.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { message as messageLimits, names, protocol as limits } from "../../src/limits.ts";
import { decodeClient } from "../../src/protocol/decode-client.ts";
import { decodeServer } from "../../src/protocol/decode-server.ts";
import { encodeClient, encodeRun, encodeServer } from "../../src/protocol/encode.ts";
import { isBounded } from "../../src/protocol/json-bounds.ts";
import type { ClientMessage, ServerMessage } from "../../src/protocol/messages.ts";
import type { Undecodable } from "../../src/protocol/undecodable.ts";
import { cpuMsOf } from "../cpu-time.ts";
import { anyClientMessage, anyServerMessage, clientTypes, serverTypes } from "./messages.ts";
import { anyCharacter } from "../any-character.ts";

type Decoded = ClientMessage | ServerMessage | Undecodable;
const ways = [
  { name: "client", decode: (line: string): Decoded => decodeClient(line), types: clientTypes },
  { name: "server", decode: (line: string): Decoded => decodeServer(line), types: serverTypes },
];
const anyLine = fc.oneof(anyClientMessage.map(encodeClient), anyServerMessage.map(encodeServer));

describe("round trip", () => {
  test("of every client message", () => {
    fc.assert(
      fc.property(anyClientMessage, (message) => {
        const line = encodeClient(message);
        expect(line.indexOf("\n")).toBe(line.length - 1);
        expect(decodeClient(line)).toEqual(message);
        expect(decodeClient(line.trimEnd())).toEqual(message);
      }),
      { numRuns: 5_000 },
    );
  });

  test("of every server message", () => {
    fc.assert(
      fc.property(anyServerMessage, (message) => {
        const line = encodeServer(message);
        expect(line.indexOf("\n")).toBe(line.length - 1);
        expect(decodeServer(line)).toEqual(message);
      }),
      { numRuns: 5_000 },
    );
  });

  test("survives unknown fields, another order of fields and spaces", () => {
    fc.assert(
      fc.property(anyClientMessage, fc.boolean(), (message, reversed) => {
        const fields = Object.entries(JSON.parse(encodeClient(message)) as object);
        fields.push(["unknown", { deep: [[1]] }]);
        if (reversed) fields.reverse();
        const spaced = JSON.stringify(Object.fromEntries(fields), null, 1).replaceAll("\n", "");
        expect(decodeClient(` \t${spaced} \r`)).toEqual(message);
      }),
    );
  });

  test("of a run whose texts are already JSON", () => {
    const run = { room: "den", seq: 45, time: 7, from: "Ann", textsJson: '"a","q\\""', n: 3 };
    const { textsJson, ...rest } = run;
    expect(JSON.parse(`[${textsJson}]`)).toEqual(["a", 'q"']);
    expect(decodeServer(encodeRun(run))).toEqual({ type: "messages", ...rest, texts: ["a", 'q"'] });
  });

  test("of messages whose room, sender and time change in turn", () => {
    const messages: ServerMessage[] = [];
    for (const [room, from, time] of [
      ["a", "Ann", 1],
      ["b", "Ann", 1],
      ["b", "Bob", 1],
      ["b", "Bob", 2],
      ["b", "Bob", 2],
    ] as const) {
      messages.push({ type: "message", room, seq: messages.length, time, from, text: "x" });
    }
    expect(messages.map((message) => decodeServer(encodeServer(message)))).toEqual(messages);
  });
});

describe("fields that a client may omit", () => {
  const cases: [object, object][] = [
    [
      { type: "say", text: "hi" },
      { type: "say", room: "lobby", text: "hi" },
    ],
    [
      { type: "say", n: 8, text: "hi" },
      { type: "say", room: "lobby", text: "hi", n: 8 },
    ],
    [{ type: "who" }, { type: "who", room: "lobby" }],
    [
      { type: "history", limit: 5 },
      { type: "history", room: "lobby", limit: 5 },
    ],
    [{ type: "hello", version: 2 }, { type: "hello" }],
  ];
  test.each(cases)("%j", (line, message) => {
    expect(decodeClient(JSON.stringify(line))).toEqual(message as ClientMessage);
  });
});

describe("invalid client lines", () => {
  const invalid: [object, string][] = [
    [{ type: "say" }, "`text` must be a string"],
    [{ type: "say", text: ["x"] }, "`text` must be a string"],
    [{ type: "say", text: "x", room: 5 }, "`room` must be a string"],
    [{ type: "say", text: "x", n: 0 }, "`n` must be a whole number of at least 1"],
    [{ type: "tell", text: "x" }, "`to` must be a list of strings"],
    [{ type: "tell", text: "x", to: "Bob" }, "`to` must be a list of strings"],
    [{ type: "tell", text: "x", to: ["Bob", 5] }, "`to` must be a list of strings"],
    [{ type: "tell", text: "x", to: [] }, "`to` must name somebody"],
    [{ type: "join" }, "`room` must be a string"],
    [{ type: "join", room: "den", seq: -1 }, "`seq` must be a whole number of at least 0"],
    [{ type: "part", room: null }, "`room` must be a string"],
    [{ type: "rename", name: {} }, "`name` must be a string"],
    [{ type: "history", limit: 0 }, "`limit` must be a whole number of at least 1"],
    [{ type: "invite", to: ["Bob"] }, "`to` must be a string"],
    [{ type: "fetch", name: "a" }, "`token` must be 16 bytes in base64url"],
    [{ type: "fetch", name: "a", token: "AAAA" }, "`token` must be 16 bytes in base64url"],
    [{ type: "fetch", check: true }, "`name` must be a string"],
    [{ type: "fetched", transfer: "1" }, "`transfer` must be a whole number of at least 1"],
    [{ type: "hello", version: 2, secret: "short" }, "`secret` must be 16 to 128 visible"],
    [{ type: "hello", version: 2, rooms: ["den"] }, "`rooms` must be a list of objects"],
    [{ type: "hello", version: 2, rooms: [{}] }, "in `rooms`, `room` must be a string"],
    [
      { type: "hello", version: 2, epoch: "x".repeat(65) },
      "`epoch` must have at most 64 characters",
    ],
  ];
  test.each(invalid)("%j: %s", (fields, problem) => {
    expect(decodeClient(JSON.stringify({ ...fields, ref: 7 }))).toMatchObject({
      type: "undecodable",
      reason: "invalid",
      ref: 7,
      message: expect.stringContaining(problem),
    });
  });

  test("the room limit per session", () => {
    const rooms = Array.from({ length: names.maxRoomsPerSession + 1 }, (_, i) => ({
      room: `r${i}`,
    }));
    const hello = encodeClient({ type: "hello", rooms });
    expect(decodeClient(hello)).toMatchObject({ reason: "invalid" });
    expect(decodeClient(encodeClient({ type: "hello", rooms: rooms.slice(1) })).type).toBe("hello");
  });

  test("a hello of another version is told apart from an invalid one", () => {
    for (const version of [0, 1, 3, "2", null, undefined, 2.5, [], {}]) {
      const line = JSON.stringify({ type: "hello", version, name: 5 });
      expect(decodeClient(line)).toMatchObject({ reason: "version", messageType: "hello" });
    }
  });

  test("unknown types, including inherited names, are reported as unknown", () => {
    for (const type of ["nonsense", "__proto__", "constructor", "toString", "welcome", 5, null]) {
      expect(decodeClient(JSON.stringify({ type, n: 4, ref: "r" }))).toMatchObject({
        reason: "unknown",
        n: 4,
        ref: "r",
      });
    }
    expect(decodeServer('{"type":"hello"}')).toMatchObject({ reason: "unknown" });
  });

  test("a ref that can't be echoed is refused", () => {
    for (const ref of [1.5, 2 ** 53, "x".repeat(65), null, {}, true]) {
      expect(decodeClient(JSON.stringify({ type: "ping", ref }))).toMatchObject({
        reason: "invalid",
        ref: undefined,
      });
    }
  });

  test("the counter of an invalid message is reported, so that its sender's count continues", () => {
    expect(decodeClient('{"type":"say","n":4,"text":5}')).toMatchObject({ n: 4 });
    expect(decodeClient('{"type":"tell","n":5,"text":"x"}')).toMatchObject({ n: 5 });
  });
});

test("the quick reader of `say` and the whole parser agree", () => {
  const units = ["a", " ", '"', "\\", "\n", "\u0000", "é", "🎈", "}", ",", "\u2028", "\\u0041"];
  const piece = fc.string({ unit: fc.constantFrom(...units), maxLength: 12 });
  const n = fc.oneof(
    fc.nat(20).map(String),
    fc.constantFrom("01", "1e2", "-1", "1.0", "", " 1", "1".repeat(17), "9007199254740992"),
  );
  const tails = fc.constantFrom("", " ", ',"x":1', ',"text":"b"');
  fc.assert(
    fc.property(n, piece, piece, fc.boolean(), tails, (n, room, text, raw, tail) => {
      const inside = (value: string) => (raw ? value : JSON.stringify(value).slice(1, -1));
      const fields = `"n":${n},"room":"${inside(room)}","text":"${inside(text)}"${tail}`;
      // A leading space bypasses the fast path.
      expect(decodeClient(`{"type":"say",${fields}}`)).toEqual(
        decodeClient(` {"type":"say",${fields}}`),
      );
    }),
    { numRuns: 20_000, examples: [["1", "", "", true, ""]] },
  );
  for (const line of ['{"type":"say","n":1,"room":"', '{"type":"say","n":1,"room":"a","text":"}']) {
    expect(decodeClient(line)).toMatchObject({ reason: "malformed" });
  }
});

describe.each(ways)("hostile lines to the decoder of a $name's lines", ({ decode, types }) => {
  test("every truncation of a message is a problem", () => {
    fc.assert(
      fc.property(anyLine, (line) => {
        const whole = line.trimEnd();
        for (let end = 0; end < whole.length; end++) {
          expect(decode(whole.slice(0, end))).toMatchObject({ reason: "malformed" });
        }
      }),
      { numRuns: 300 },
    );
  });

  test("edited messages, fields of any kind and noise never throw, and answers stay short", () => {
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.constantFrom(null, "", -1, 0.5, 1e300, [], {}, ["a"], [{}], "\u001b[2J", "\ud800"),
      fc.string({ maxLength: 200 }),
    );
    const keys = fc.constantFrom(
      ..."text n to ref name room rooms seq epoch limit __proto__ session limits version messages files texts code state token".split(
        " ",
      ),
    );
    const typed = fc
      .tuple(fc.constantFrom(...types, "?"), fc.dictionary(keys, value, { maxKeys: 6 }))
      .map(([type, fields]) => JSON.stringify({ type, ...fields }));
    const edited = fc
      .tuple(anyLine, fc.nat(), fc.nat(4), fc.string({ unit: anyCharacter, maxLength: 3 }))
      .map(([line, at, length, text]) => {
        const from = at % line.length;
        return line.slice(0, from) + text + line.slice(from + length);
      });
    const units = [...'{}[]",:\\ \u0000', "type", "say", "1", "é"];
    const noise = fc.string({ unit: fc.constantFrom(...units), maxLength: 30 });
    fc.assert(
      fc.property(fc.oneof(typed, edited, noise, fc.string({ unit: anyCharacter })), (line) => {
        const decoded = decode(line);
        if (decoded.type === "undecodable") expect(decoded.message.length).toBeLessThan(200);
        else expect(JSON.stringify(decoded).length).toBeLessThan(100 + 6 * line.length);
      }),
      { numRuns: 10_000 },
    );
  });

  test("lines of the maximum depth, width and length cost little", () => {
    const half = messageLimits.maxLineBytes / 2;
    const lines = [
      "[".repeat(2 * half),
      `{"type":${"[".repeat(2 * half - 20)}`,
      `${'{"a":'.repeat(half / 3)}1${"}".repeat(half / 3)}`,
      `{"type":"say","text":${"[".repeat(half - 50)}${"]".repeat(half - 50)}}`,
      `{"type":"say","x":[${"[],".repeat(half / 2)}[]],"text":"x"}`,
      `{"type":"say","n":${"9".repeat(half)},"text":"x"}`,
      `{"type":"say","text":"${'\\"'.repeat(half - 20)}"}`,
      `{"type":"say","text":"${"\\".repeat(2 * half - 30)}"}`,
      `{"type":"history","limit":1e${"9".repeat(half)}}`,
      `{"type":"tell","text":"x","to":[${'"a",'.repeat(half / 3)}"b"]}`,
      `{${'"a":1,'.repeat(half / 4)}"type":"ping"}`,
      `{"type":"${"x".repeat(2 * half - 20)}"}`,
      `${" ".repeat(2 * half - 2)}{}`,
    ];
    // As long as three lines.
    const nested = `${"[".repeat(3 * half)}${"]".repeat(3 * half)}`;
    const parsingMs = cpuMsOfTen(() => JSON.parse(nested));
    for (const line of lines) expect(cpuMsOfTen(() => decode(line))).toBeLessThan(parsingMs);
  });
});

/** A single run may take less than the clock of processor time can tell. */
function cpuMsOfTen(work: () => void): number {
  return cpuMsOf(() => {
    for (let i = 0; i < 10; i++) work();
  });
}

/** `type` with a list that makes the message this deep. */
function deep(type: string, depth: number): string {
  return `{"type":"${type}","x":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
}

/** `type` with a list that gives the message this many values. */
function large(type: string, values: number): string {
  return `{"type":"${type}","x":[${"0,".repeat(values - 3)}0]}`;
}

describe("bounds of JSON", () => {
  test("nesting and values are counted outside strings only", () => {
    expect(isBounded('{"a":[{"b":[1]}]}', 4, 10)).toBe(true);
    expect(isBounded('{"a":[{"b":[[1]]}]}', 4, 10)).toBe(false);
    expect(isBounded('["[[[[[[","{,,,,\\",,,,","\\\\",1]', 1, 4)).toBe(true);
    expect(isBounded("[1,2,3,4]", 1, 4)).toBe(true);
    expect(isBounded("[1,2,3,4,5]", 1, 4)).toBe(false);
    expect(isBounded('["a', 1, 4)).toBe(true);
  });

  test("hold for both decoders: deeper or larger JSON is not a message", () => {
    const { maxDepth, maxClientValues, maxServerValues } = limits;
    expect(decodeClient(deep("ping", maxDepth))).toEqual({ type: "ping" });
    expect(decodeClient(deep("ping", maxDepth + 1))).not.toMatchObject({ type: "ping" });
    expect(decodeClient(large("ping", maxClientValues))).toEqual({ type: "ping" });
    expect(decodeClient(large("ping", maxClientValues + 1))).not.toMatchObject({ type: "ping" });
    expect(decodeServer(deep("pong", maxDepth))).toEqual({ type: "pong" });
    expect(decodeServer(deep("pong", maxDepth + 1))).not.toMatchObject({ type: "pong" });
    expect(decodeServer(large("pong", maxServerValues))).toEqual({ type: "pong" });
    expect(decodeServer(large("pong", maxServerValues + 1))).not.toMatchObject({ type: "pong" });
  });

  test("agree with what the parser finds", () => {
    const depth = (value: unknown): number =>
      typeof value === "object" && value !== null
        ? 1 + Math.max(0, ...Object.values(value).map(depth))
        : 0;
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(6), (value, maxDepth) => {
        const json = JSON.stringify(value);
        expect(isBounded(json, maxDepth, 1e6)).toBe(depth(value) <= maxDepth);
      }),
      { numRuns: 2_000 },
    );
  });

  test("leave room for the longest lines sent", () => {
    const to = Array.from({ length: messageLimits.maxRecipients }, (_, i) => `name-${i}`);
    expect(decodeClient(encodeClient({ type: "tell", to, text: "x" })).type).toBe("tell");
    const texts = Array.from({ length: limits.maxServerValues / 2 }, () => "x");
    const run: ServerMessage = { type: "messages", room: "r", seq: 1, time: 1, from: "A", texts };
    expect(decodeServer(encodeServer(run)).type).toBe("messages");
  });
});
