// Protocol detection: every prefix and split of each protocol, and 100 000 random clients. As long
// as bytes arrive without a pause, the verdict must not depend on how they are split.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  type Beginning,
  detectProtocol,
  type Verdict,
} from "../../src/dialects/protocol-detection.ts";
import { sniff as limits } from "../../src/limits.ts";

const latin = (text: string): Uint8Array => Buffer.from(text, "latin1");

function verdict(text: string, more: Partial<Beginning> = {}): Verdict {
  return detectProtocol({
    bytes: latin(text),
    silentMs: 0,
    sinceFirstByteMs: 0,
    ended: false,
    prompted: false,
    webPort: 8_000,
    ...more,
  });
}

function kind(text: string, more: Partial<Beginning> = {}): string {
  const answer = verdict(text, more);
  return answer.kind === "text" ? (answer.framed ? "lines" : "reads") : answer.kind;
}

const native = ['{"', '{ "type"', '{\t "x', '{"type":"hello"}\n'];
const cpp = ["REGISTER\r\n", "REGISTER\n", "BRIDGE\r\nclientID: A", "CHAT\n", "QUIT\r\n\r\n"];
const lines = [
  "Ann\n",
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
  test.each(cpp)("%j is CPP", (text) => expect(kind(text)).toBe("cpp"));
  test.each(lines)("%j is plain text in lines", (text) => expect(kind(text)).toBe("lines"));
  test.each(foreign)("%j is another protocol", (text) => expect(kind(text)).toBe("foreign"));

  test("a name without a line ending waits 50 ms, then one read is one message", () => {
    expect(kind("Ann")).toBe("wait");
    expect(kind("Ann", { sinceFirstByteMs: limits.unframedAfterMs - 1 })).toBe("wait");
    expect(kind("Ann", { sinceFirstByteMs: limits.unframedAfterMs })).toBe("reads");
    expect(kind("Ann", { ended: true })).toBe("reads");
  });

  test("a possible beginning of CPP or native waits longer, but not forever", () => {
    for (const text of ["R", "REGISTER", "REGISTER\r", "BRIDG", "Q", "{", "{  \t"]) {
      expect(kind(text, { sinceFirstByteMs: limits.unframedAfterMs })).not.toBe("reads");
      expect(kind(text, { sinceFirstByteMs: 1_000 })).not.toBe("wait");
    }
  });
});

describe("a silent client", () => {
  test("is asked for a name after a second, once", () => {
    expect(kind("", { silentMs: limits.promptAfterMs - 1 })).toBe("wait");
    expect(kind("", { silentMs: limits.promptAfterMs })).toBe("prompt");
    expect(verdict("", { silentMs: 9_999, prompted: true })).toEqual({
      kind: "wait",
      untilMs: undefined,
    });
  });

  test("is not asked after FIN", () => {
    expect(kind("", { ended: true })).toBe("lines");
  });
});

describe("a browser", () => {
  test("is told where the page is", () => {
    expect(verdict("GET / HTTP/1.1\r\n")).toMatchObject({
      answer: expect.stringMatching(/^HTTP\/1\.1 400 .*page: it is on port 8000\n$/s),
    });
    expect(verdict("GET / HTTP/1.1\r\n", { webPort: undefined })).toMatchObject({
      answer: expect.stringContaining("this server has none"),
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
    const answer = verdict("GET / HTTP/1.1\r\n");
    const text = answer.kind === "foreign" ? answer.answer : "";
    const [head = "", body = ""] = text.split("\r\n\r\n");
    expect(Number(/Content-Length: (\d+)/.exec(head)?.[1])).toBe(Buffer.byteLength(body));
  });
});

test("every truncation waits, or gets the verdict of the whole", () => {
  for (const text of [...native, ...cpp, ...lines, ...foreign]) {
    const whole = kind(text);
    for (let end = 1; end <= text.length; end++) {
      expect(["wait", whole]).toContain(kind(text.slice(0, end)));
    }
  }
});

test("100 000 random clients: no throw, a verdict that stands, nothing kept beyond the bounds", () => {
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
      // More bytes must not change a verdict that was given.
      if (now !== "wait") expect(kind(text + next)).toBe(now);
    }),
    { numRuns: 100_000 },
  );
  for (const unit of ["a", "{", " ", "REGISTER", "\u00ff"]) {
    expect(kind(unit.repeat(limits.maxBytes))).not.toBe("wait");
  }
  expect(kind(`{${" ".repeat(limits.maxBytes)}`)).not.toBe("wait");
});
