// Protocol detection: every prefix and split of each protocol, and 100 000 random clients. While
// bytes arrive without a pause, the verdict must not depend on how they are split.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  type Beginning,
  detectProtocol,
  type Detection,
} from "../../src/dialects/protocol-detection.ts";
import { sniff as limits, tls } from "../../src/limits.ts";

const latin = (text: string): Uint8Array => Buffer.from(text, "latin1");

function detect(text: string, more: Partial<Beginning> = {}): Detection {
  return detectProtocol({
    bytes: latin(text),
    silentMs: 0,
    sinceFirstByteMs: 0,
    ended: false,
    prompted: false,
    webPort: 8_000,
    offersTls: false,
    admitsPlain: true,
    ...more,
  });
}

function kind(text: string, more: Partial<Beginning> = {}): string {
  const answer = detect(text, more);
  return answer.kind === "text" ? (answer.framed ? "lines" : "reads") : answer.kind;
}

const native = ['{"', '{ "type"', '{\t "x', '{"type":"hello"}\n'];
const cpp = ["REGISTER\r\n", "REGISTER\n", "BRIDGE\r\nclientID: A", "CHAT\n", "QUIT\r\n\r\n"];
const irc = ["CAP LS 302\r\n", "NICK Ann\r\n", "USER ann 0 * :Ann\n", "PASS x", "NICK "];
const lines = [
  "Ann\n",
  "NICKY\n",
  "nick Ann\n",
  "CAPTAIN\r\n",
  "Ann\r\n",
  "\n",
  "{quit}\n",
  "{\n}\n",
  '{\n"type"',
  "REGISTERs\r\n",
  "REGISTER \r\n",
  "register\r\n",
  "QUITE\n",
  "GETTY\n",
  "SSHD-2\n",
  "CHAT:\n",
];
const foreign = [
  "GET / HTTP/1.1\r\n",
  "POST /a b HTTP/1.0\r\n",
  "PURGE * HTTP/2\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "CONNECT evil:25 HTTP/1.1\n",
  "SSH-2.0-OpenSSH_9.7\r\n",
  "\u0016\u0003\u0001\u0002",
];

describe("the first bytes decide", () => {
  test.each(native)("%j is native", (text) => expect(kind(text)).toBe("native"));
  test.each(irc)("%j is IRC", (text) => expect(kind(text)).toBe("irc"));
  test.each(cpp)("%j is CPP", (text) => expect(kind(text)).toBe("cpp"));
  test.each(lines)("%j is plain text in lines", (text) => expect(kind(text)).toBe("lines"));
  test.each(foreign)("%j is another protocol", (text) => expect(kind(text)).toBe("foreign"));

  test("a name without a line ending waits 50 ms, then one read is one message", () => {
    expect(kind("Ann")).toBe("wait");
    expect(kind("Ann", { sinceFirstByteMs: limits.unframedAfterMs - 1 })).toBe("wait");
    expect(kind("Ann", { sinceFirstByteMs: limits.unframedAfterMs })).toBe("reads");
    expect(kind("Ann", { ended: true })).toBe("reads");
  });

  test("a possible beginning of CPP, IRC or native waits longer, but not forever", () => {
    const ofIrc = ["N", "NICK", "CAP", "US", "PASS"];
    for (const text of ["R", "REGISTER", "REGISTER\r", "BRIDG", "Q", "{", "{  \t", ...ofIrc]) {
      expect(kind(text, { sinceFirstByteMs: limits.unframedAfterMs })).not.toBe("reads");
      expect(kind(text, { sinceFirstByteMs: 1_000 })).not.toBe("wait");
    }
  });
});

describe("a silent client", () => {
  test("is asked for a name after a second, once", () => {
    expect(kind("", { silentMs: limits.promptAfterMs - 1 })).toBe("wait");
    expect(kind("", { silentMs: limits.promptAfterMs })).toBe("prompt");
    expect(detect("", { silentMs: 9_999, prompted: true })).toEqual({
      kind: "wait",
      untilMs: undefined,
    });
  });

  test("is not asked after FIN", () => {
    expect(kind("", { ended: true })).toBe("lines");
  });
});

describe("a browser", () => {
  test("is told the address of the page", () => {
    expect(detect("GET / HTTP/1.1\r\n")).toMatchObject({
      answer: expect.stringMatching(/^HTTP\/1\.1 400 .*the page is on port 8000\n$/s),
    });
    expect(detect("GET / HTTP/1.1\r\n", { webPort: undefined })).toMatchObject({
      answer: expect.stringContaining("this server has no page"),
    });
  });

  test("is always recognised, however long its request line or slow its segments", () => {
    const line = `POST /${"a".repeat(2 * limits.maxBytes)} HTTP/1.1\r\nHost: x\r\n\r\nMallory\nhi\n`;
    for (const end of [5, 6, 100, limits.maxBytes - 1, limits.maxBytes, line.length]) {
      for (const sinceFirstByteMs of [0, limits.unframedAfterMs, 10_000]) {
        expect(kind(line.slice(0, end), { sinceFirstByteMs })).toBe("foreign");
      }
    }
  });

  test("gets a body as long as its Content-Length", () => {
    const answer = detect("GET / HTTP/1.1\r\n");
    const text = answer.kind === "foreign" ? answer.answer : "";
    const [head = "", body = ""] = text.split("\r\n\r\n");
    expect(Number(/Content-Length: (\d+)/.exec(head)?.[1])).toBe(Buffer.byteLength(body));
  });
});

test("every truncation waits, or gets the verdict of the whole", () => {
  for (const text of [...native, ...cpp, ...irc, ...lines, ...foreign]) {
    const whole = kind(text);
    for (let end = 1; end <= text.length; end++) {
      expect(["wait", whole]).toContain(kind(text.slice(0, end)));
    }
  }
});

test("random clients: no throw, a verdict that stands, nothing kept beyond the bounds", () => {
  const words = ["REGISTER", "CHAT", "{", '"', " ", "\r", "\n", "GET ", "SSH-", " HTTP/1.1", "Ann"];
  const signs = ["\u0016", "\u0003", "é", "\u0000", "\u00ff", "Q", "U"];
  const pieces = fc.constantFrom(...words, ...signs);
  const bytes = fc.oneof(
    fc.string({ unit: pieces, maxLength: 8 }),
    fc.string({ unit: "binary-ascii", maxLength: 30 }),
  );
  const timing = fc.record({
    ended: fc.boolean(),
    prompted: fc.boolean(),
    sinceFirstByteMs: fc.constantFrom(0, 49, 50, 299, 300, 5_000),
  });
  fc.assert(
    fc.property(bytes, bytes, timing, (text, next, more) => {
      const first = kind(text, more);
      if (text === "" || first === "prompt") return;
      if (more.ended || more.sinceFirstByteMs >= 300) expect(first).not.toBe("wait");
      const now = kind(text);
      // More bytes must not change an earlier verdict.
      if (now !== "wait") expect(kind(text + next)).toBe(now);
    }),
    { numRuns: 10_000 },
  );
  for (const unit of ["a", "{", " ", "REGISTER", "\u00ff"]) {
    expect(kind(unit.repeat(limits.maxBytes))).not.toBe("wait");
  }
  expect(kind(`{${" ".repeat(limits.maxBytes)}`)).not.toBe("wait");
});

describe("TLS", () => {
  const offer = { offersTls: true };
  const required = { offersTls: true, admitsPlain: false };
  const hello = "\u0016\u0003\u0001\u0002\u0000";

  test("is recognized by its first two bytes; a single one waits for the second", () => {
    expect(kind(hello, offer)).toBe("tls");
    expect(kind(hello, required)).toBe("tls");
    expect(kind(hello.slice(0, 2), required)).toBe("tls");
    for (const more of [offer, required]) {
      expect(kind("\u0016", { ...more, sinceFirstByteMs: tls.handshakeMs - 1 })).toBe("wait");
    }
    const late = { sinceFirstByteMs: tls.handshakeMs };
    expect(kind("\u0016", { ...offer, ...late })).toBe("reads");
    expect(kind("\u0016", { ...required, ...late })).toBe("foreign");
    expect(kind("\u0016", { ...required, ended: true })).toBe("foreign");
  });

  test("is refused inside TLS, and on a server without a key", () => {
    expect(detect(hello)).toEqual({
      kind: "foreign",
      answer: "This port does not speak TLS: connect without it\n",
    });
  });

  test("if required, everyone else is told so in one line, in the form of their protocol", () => {
    for (const text of ["Ann\n", "A", "REGISTER\r\n", "\u0016\u0004", "\u0017\u0003"]) {
      const answer = detect(text, required);
      expect(answer).toMatchObject({ kind: "foreign" });
      expect("answer" in answer && answer.answer).toMatch(/^This server requires TLS [^\n]*\n$/);
    }
    const toNative = detect('{"type":"hello"', required);
    expect(toNative).toMatchObject({ kind: "foreign" });
    const toIrc = detect("CAP LS 302\r\n", required);
    expect("answer" in toIrc && toIrc.answer).toMatch(/^ERROR :This server requires TLS .*\r\n$/);
    const line = "answer" in toNative ? toNative.answer : "";
    expect(JSON.parse(line)).toMatchObject({ type: "error", code: "tls-required" });
    // Parley speaks TLS, unless it was told not to.
    expect(line).toContain("connect without --plain");
    expect(detect("GET / HTTP/1.1\r\n", required)).toMatchObject({
      kind: "foreign",
      answer: expect.stringContaining("HTTP/1.1 400"),
    });
  });

  test("if required, a silent client learns nothing of the chat either", () => {
    expect(detect("", { ...required, ended: true })).toMatchObject({ kind: "foreign" });
    expect(detect("", { ...required, silentMs: 60_000, prompted: true }).kind).toBe("wait");
  });

  test("input without TLS never gets into the chat", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.nat(100_000),
        fc.boolean(),
        (bytes, ms, ended) => {
          const answer = detect("", { ...required, bytes, sinceFirstByteMs: ms, ended });
          expect(["wait", "tls", "foreign", "prompt"]).toContain(answer.kind);
        },
      ),
      { numRuns: 20_000 },
    );
  });
});
