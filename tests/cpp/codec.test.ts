// CPP messages byte for byte as captured, and input that is not CPP.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  type Contact,
  type CppMessage,
  encodeBareChat,
  encodeBridge,
  encodeBridgeAck,
  encodeChat,
  encodeQuit,
  encodeRegack,
  encodeRegister,
  parseHost,
  parseId,
  parsePort,
} from "../../src/cpp/codec.ts";
import { CppParser, type ParseResult } from "../../src/cpp/parser.ts";
import { harmless } from "../../src/text.ts";
import { registry as limits } from "../../src/limits.ts";
import { cpuMsOf } from "../cpu-time.ts";
import { anyCharacter } from "../any-character.ts";

const alice: Contact = { id: "Alice", ip: "127.0.0.1", port: 5555 };
const bob: Contact = { id: "Bob", ip: "127.0.0.1", port: 7777 };
const bytes = (text: string) => new TextEncoder().encode(text);

/** Parses `wire` split at the given offsets; returns all messages and how parsing ended. */
function parse(wire: Uint8Array, cuts: readonly number[] = []): ParseResult[] {
  const parser = new CppParser();
  const results: ParseResult[] = [];
  const edges = [...cuts, wire.length];
  let from = 0;
  for (const to of edges) {
    parser.handleData(wire.subarray(from, to));
    from = to;
    for (let result = parser.pollMessage(); ; result = parser.pollMessage()) {
      if (result.type === "need-more") break;
      results.push(result);
      if (result.type === "malformed") return results;
    }
  }
  return results;
}

function one(wire: string): CppMessage | string {
  const [result] = parse(bytes(wire));
  if (result?.type === "message") return result.message;
  return result?.type === "malformed" ? "malformed" : "need-more";
}

const samples: readonly (readonly [wire: string, message: CppMessage])[] = [
  [encodeRegister(alice), { type: "REGISTER", ...alice }],
  [encodeRegack(alice), { type: "REGACK", ...alice, status: "registered" }],
  [encodeBridge("Bob"), { type: "BRIDGE", id: "Bob" }],
  [encodeBridge("Bob", "Alice"), { type: "BRIDGE", id: "Bob", peer: "Alice" }],
  [encodeBridgeAck(), { type: "BRIDGEACK" }],
  [encodeBridgeAck(alice), { type: "BRIDGEACK", contact: alice }],
  [
    encodeChat(bob, "Grüße — 你好 👋"),
    { type: "CHAT", style: "message", text: "Grüße — 你好 👋", duplex: false, ...bob },
  ],
  [encodeBareChat(bob), { type: "CHAT", style: "bare", ...bob }],
  [encodeQuit(), { type: "QUIT" }],
];

describe("exact bytes", () => {
  test.each([
    ["REGISTER", 56, encodeRegister(alice)],
    ["REGACK", 74, encodeRegack(alice)],
    ["BRIDGE", 27, encodeBridge("Alice")],
    ["BRIDGEACK empty", 62, encodeBridgeAck()],
    ["BRIDGEACK with Alice", 77, encodeBridgeAck(alice)],
    ["CHAT /quit", 60, encodeChat(bob, "/quit")],
  ])("%s takes %d bytes", (_name, size, wire) => {
    expect(bytes(wire).length).toBe(size);
  });

  test("character by character", () => {
    expect(encodeRegister(alice)).toBe(
      "REGISTER\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 5555\r\n\r\n",
    );
    expect(encodeRegack(alice)).toBe(
      "REGACK\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 5555\r\nStatus: registered\r\n\r\n",
    );
    expect(encodeBridge("Bob")).toBe("BRIDGE\r\nclientID: Bob\r\n\r\n");
    expect(encodeBridgeAck()).toBe(
      "BRIDGEACK\r\nclientID:  \r\nIP:  \r\nPort:  \r\nStatus: registered\r\n\r\n",
    );
    expect(encodeChat(bob, "/quit")).toBe(
      "CHAT\r\nmessage: /quit\r\nid: Bob\r\nip: 127.0.0.1\r\nport: 7777\r\n\r\n",
    );
    expect(encodeQuit()).toBe("QUIT\r\n\r\n");
  });
});

describe("parsing", () => {
  test("every message whole, at every split, byte by byte, and truncated anywhere", () => {
    for (const [wire, message] of samples) {
      const all = bytes(wire);
      const whole: ParseResult[] = [{ type: "message", message }];
      expect(parse(all)).toEqual(whole);
      expect(parse(all, [...all.keys()])).toEqual(whole);
      for (let cut = 0; cut < all.length; cut++) {
        expect(parse(all, [cut])).toEqual(whole);
        expect(parse(all.subarray(0, cut))).toEqual([]);
      }
    }
  });

  test("headers in any case and order, either line ending, unknown ones ignored", () => {
    const message = { type: "REGISTER", ...alice } as const;
    const variants = [
      "REGISTER\nport: 5555\nip: 127.0.0.1\nclientid: Alice\n\n",
      "REGISTER\r\nPORT:5555\r\nX-New: 1\r\nCLIENTID:   Alice  \r\niP: 127.0.0.1\r\n\r\n",
      "\r\n\n\r\nREGISTER\r\nclientID : Alice\nIP:\t127.0.0.1\r\nPort: 05555\n\r\n",
    ];
    for (const wire of variants) expect(one(wire)).toEqual(message);
  });

  test("several messages in one segment, with the extra line endings that some programs add", () => {
    const wire = `${encodeChat(bob, "one")}\n${encodeChat(bob, "two")}QUIT\r\n\r\n\r\n`;
    const kinds = parse(bytes(wire)).map((result) =>
      result.type === "message" ? result.message.type : result.type,
    );
    expect(kinds).toEqual(["CHAT", "CHAT", "QUIT"]);
  });

  test("the text of a CHAT keeps spaces and colons and loses control sequences", () => {
    const text = "  a: b  ";
    expect(one(encodeChat(bob, text))).toMatchObject({ text });
    expect(
      one("CHAT\r\nmessage: \x1b[31mred\x07\x1b]0;title\x07!\r\nid: B\r\nip: h\r\nport: 1\r\n\r\n"),
    ).toMatchObject({ text: "red!" });
  });

  test.each([
    ["another type", "REGISTERs\r\nclientID: A\r\nIP: 1.2.3.4\r\nPort: 1\r\n\r\n"],
    ["a lower-case type", "register\r\n\r\n"],
    ["a type with a blank", "BRIDGE \r\n\r\n"],
    ["no headers", "REGISTER\r\n\r\n"],
    ["a missing header", "REGISTER\r\nclientID: A\r\nPort: 1\r\n\r\n"],
    ["a duplicate header", "BRIDGE\r\nclientID: A\r\nclientid: B\r\n\r\n"],
    ["a header without a colon", "BRIDGE\r\nclientID A\r\n\r\n"],
    ["an ID with other characters", "BRIDGE\r\nclientID: A b\r\n\r\n"],
    ["an empty ID", "BRIDGE\r\nclientID: \r\n\r\n"],
    ["an ID that is too long", `BRIDGE\r\nclientID: ${"a".repeat(33)}\r\n\r\n`],
    ["an invalid peer", "BRIDGE\r\nclientID: A\r\npeer: *\r\n\r\n"],
    ["port 0", "REGISTER\r\nclientID: A\r\nIP: 1.2.3.4\r\nPort: 0\r\n\r\n"],
    ["port 65536", "REGISTER\r\nclientID: A\r\nIP: 1.2.3.4\r\nPort: 65536\r\n\r\n"],
    ["port 1e3", "REGISTER\r\nclientID: A\r\nIP: 1.2.3.4\r\nPort: 1e3\r\n\r\n"],
    ["an invalid address", "REGISTER\r\nclientID: A\r\nIP: 1.2.3.400\r\nPort: 1\r\n\r\n"],
    ["an HTTP request", "GET / HTTP/1.1\r\n\r\n"],
    ["an incomplete answer", "BRIDGEACK\r\nclientID:  \r\nIP: 1.2.3.4\r\nPort:  \r\n\r\n"],
  ])("refuses %s", (_what, wire) => {
    expect(one(wire)).toBe("malformed");
  });

  test("an impossible type is refused immediately, before its line ending", () => {
    expect(one("REGISTERs")).toBe("malformed");
    expect(one("hello")).toBe("malformed");
    expect(one("REGIST")).toBe("need-more");
  });
});

describe("bounds", () => {
  test("an endless message stops at the limit, however it is segmented", () => {
    const endless = ["CHAT\r\nmessage: ", "CHAT\r\nx: y\r\n", "\r\n"];
    for (const start of endless) {
      const parser = new CppParser();
      parser.handleData(bytes(start));
      let pushed = start.length;
      while (parser.pollMessage().type === "need-more") {
        parser.handleData(
          bytes(start === endless[0] ? "x" : "a:\r\n".slice(start === "\r\n" ? 2 : 0)),
        );
        pushed += 1;
        expect(pushed).toBeLessThan(limits.maxMessageBytes + 2);
      }
      expect(parser.pollMessage()).toMatchObject({ type: "malformed" });
      expect(parser.takeRest().length).toBe(0);
    }
  });

  test("100 MB without a line ending are refused at the first segment and not kept", () => {
    const parser = new CppParser();
    parser.handleData(bytes("CHAT\r\n"));
    const segment = new Uint8Array(64 * 1024).fill(97);
    for (let sent = 0; sent < 100_000_000; sent += segment.length) {
      parser.handleData(segment);
      expect(parser.pollMessage().type).toBe("malformed");
    }
    expect(parser.takeRest().length).toBe(0);
  });

  test("the longest message is accepted, one byte more is not", () => {
    const room = limits.maxMessageBytes - bytes(encodeChat(bob, "")).length;
    expect(one(encodeChat(bob, "x".repeat(room)))).toMatchObject({ type: "CHAT" });
    expect(one(encodeChat(bob, "x".repeat(room + 1)))).toBe("malformed");
  });
});

describe("properties", () => {
  const contact = fc.record({
    id: fc.stringMatching(/^[A-Za-z0-9]{1,32}$/),
    ip: fc.oneof(fc.ipV4(), fc.ipV6()),
    port: fc.integer({ min: 1, max: 65_535 }),
  });

  test("round trip of any text, split anywhere", () => {
    fc.assert(
      fc.property(
        contact,
        fc.string({ unit: anyCharacter, maxLength: 200 }),
        fc.nat(),
        (from, text, cut) => {
          const wire = bytes(encodeChat(from, text));
          expect(parse(wire, [cut % wire.length])).toEqual([
            {
              type: "message",
              message: {
                type: "CHAT",
                style: "message",
                text: harmless(text),
                duplex: false,
                ...from,
              },
            },
          ]);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("no value can inject a header or a message", () => {
    const value = fc.string({
      unit: fc.constantFrom("\r", "\n", "a", ":", " ", "\u2028"),
      maxLength: 40,
    });
    fc.assert(
      fc.property(value, value, (text, id) => {
        const wire = encodeChat({ ...bob, id }, text);
        expect(wire.split("\r\n")).toHaveLength(7);
        expect(wire.split(/[\r\n\u2028]+/)).toHaveLength(6);
      }),
      { numRuns: 2_000 },
    );
  });

  test("an ID contains no invisible letters", () => {
    for (const unseen of ["\u3164", "\u1160", "\uffa0", "\u115f"]) {
      for (const id of [unseen, `Bob${unseen}`, `B${unseen}ob`])
        expect(parseId(id)).toBeUndefined();
    }
    expect(parseId("\ud55c\uae00")).toBe("\ud55c\uae00");
  });
  test("an ID may use three marks per letter; longer input is not normalized at all", () => {
    const letter = "\u03b1\u0313\u0300\u0345";
    expect(parseId(letter.repeat(32))).toBe("\u1f82".repeat(32));
    expect(parseId(`${letter.repeat(32)}a`)).toBeUndefined();
    const hostile = `a${"\u0315\u0316".repeat(20_000)}`;
    const cpuMs = cpuMsOf(() => {
      for (let i = 0; i < 3; i++) expect(parseId(hostile)).toBeUndefined();
    });
    expect(cpuMs).toBeLessThan(2_000);
  });
  test("ports, IDs and hosts match their grammar or are refused", () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter, maxLength: 12 }), (text) => {
        const port = parsePort(text);
        if (port !== undefined) expect(String(port)).toBe(text.trim().replace(/^0+/, ""));
        const id = parseId(text);
        if (id !== undefined) expect(id).toMatch(/^[\p{L}\p{N}]+$/u);
        const host = parseHost(text);
        if (host !== undefined) expect(host).toMatch(/^[A-Za-z0-9.:%-]+$/);
      }),
      { numRuns: 5_000 },
    );
  });

  // Parts of real messages find more than random bytes; both are used.
  const piece = fc.oneof(
    fc.constantFrom(
      "REGISTER",
      "BRIDGE",
      "BRIDGEACK",
      "CHAT",
      "QUIT",
      "REGACK",
      "\r\n",
      "\n",
      "\r",
      "\r\n\r\n",
    ),
    fc.constantFrom(
      "clientID: A",
      "IP: 127.0.0.1",
      "Port: 1",
      "message: ",
      "id: B",
      ": ",
      "peer:",
      "duplex: yes",
    ),
    fc.string({ unit: anyCharacter, maxLength: 8 }),
  );
  const hostile = fc.oneof(
    fc.array(piece, { maxLength: 16 }).map((parts) => bytes(parts.join(""))),
    fc.uint8Array({ maxLength: 64 }),
  );

  test("hostile inputs: no throw, and the same result however they are split", () => {
    fc.assert(
      fc.property(hostile, fc.nat(), (wire, seed) => {
        const first = seed % (wire.length + 1);
        const whole = parse(wire);
        expect(Bun.deepEquals(parse(wire, [first]), whole)).toBe(true);
        if (seed % 16 === 0) expect(parse(wire, [...wire.keys()])).toEqual(whole);
      }),
      { numRuns: 10_000 },
    );
  });
});
