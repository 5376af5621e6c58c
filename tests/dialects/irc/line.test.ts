// Reading and writing lines of IRC: the examples of the specifications, every truncation, limits to
// the byte, and noise.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  clientTagsOf,
  escapeTag,
  type IrcLine,
  paramsText,
  parseLine,
  tooLongLine,
} from "../../../src/dialects/irc/line.ts";

function parse(text: string): IrcLine {
  const line = parseLine(text);
  if (line === undefined || line === tooLongLine) throw new Error(`not a line: ${text}`);
  return line;
}

const examples: [string, string, string[]][] = [
  ["CAP LS * :multi-prefix sasl", "CAP", ["LS", "*", "multi-prefix sasl"]],
  ["CAP REQ :sasl message-tags foo", "CAP", ["REQ", "sasl message-tags foo"]],
  [":dan!d@localhost PRIVMSG #chan :Hey!", "PRIVMSG", ["#chan", "Hey!"]],
  ["privmsg #chan Hey!", "PRIVMSG", ["#chan", "Hey!"]],
  ["PRIVMSG  #chan   :: ) ", "PRIVMSG", ["#chan", ": ) "]],
  ["AWAY :", "AWAY", [""]],
  ["USER guest 0 * :Ronnie Reagan", "USER", ["guest", "0", "*", "Ronnie Reagan"]],
  ["  LIST", "LIST", []],
];

test.each(examples)("%s", (text, command, params) => {
  expect(parse(text)).toEqual({ tags: new Map(), command, params });
});

test("empty lines", () => {
  for (const text of ["", " ", "@a=b", "@a=b ", ":source", ":source "]) {
    expect(parseLine(text)).toBeUndefined();
  }
});

test("tags and their escapes", () => {
  const { tags } = parse(String.raw`@a=b\\and\nk;c=72\s45;d=gh\:764;e;+f/g=;h=\x\ PING 1`);
  expect([...tags]).toEqual([
    ["a", "b\\and\nk"],
    ["c", "72 45"],
    ["d", "gh;764"],
    ["e", ""],
    ["+f/g", ""],
    ["h", "x"],
  ]);
});

test("a tag's value survives escaping", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (value) => {
      fc.pre(!value.includes("\0"));
      const { tags } = parse(`@x=${escapeTag(value)} PING 1`);
      expect(tags.get("x")).toBe(value);
    }),
  );
});

test("the last of repeated tags counts", () => {
  expect(parse("@a=1;a=2 PING 1").tags.get("a")).toBe("2");
});

test("only client-only tags with proper names are passed on", () => {
  const { tags } = parse("@+a=1;b=2;+draft/reply=x;+bad_name=3;+=4;time=5;+c TAGMSG #x");
  expect(clientTagsOf(tags)).toBe("+a=1;+draft/reply=x;+c");
  expect(clientTagsOf(parse("@b=2 TAGMSG #x").tags)).toBeUndefined();
});

test("values of client-only tags lose control characters and escape sequences", () => {
  const { tags } = parse("@+a=x\x1b[31my\x9b\u202e\x7f;+b=1\\n2\\s3;+c=\x1b] TAGMSG #x");
  expect(clientTagsOf(tags)).toBe("+a=xy;+b=1\\s2\\s3;+c");
});

const line = (bytes: number): string => `PRIVMSG #x :${"a".repeat(bytes - 12 - 2)}`;

const tagged = (bytes: number): string =>
  `@+a=${"x".repeat(bytes - 5)} PRIVMSG #x :${"a".repeat(498)}`;

test("512 bytes with the line end are valid, 513 are not", () => {
  expect(parse(line(512)).params[1]).toHaveLength(498);
  expect(parseLine(line(513))).toBe(tooLongLine);
  const accents = `PRIVMSG #x :${"é".repeat(249)}`;
  expect(parse(accents).params[1]).toHaveLength(249);
  expect(parseLine(`${accents}a`)).toBe(tooLongLine);
});

test("tags may have 4 096 bytes with `@` and the space, in addition to the line", () => {
  expect(parse(tagged(4_096)).tags.get("+a")).toHaveLength(4_091);
  expect(parseLine(tagged(4_097))).toBe(tooLongLine);
});

test("every truncation of a line is a line, or nothing", () => {
  const text = "@time=1;+x=a\\sb :nick!user@host PRIVMSG #chan,Ann :grüße 🎈";
  for (let end = 0; end <= text.length; end++) {
    const line = parseLine(text.slice(0, end));
    if (line === undefined || line === tooLongLine) continue;
    expect(text.toUpperCase()).toContain(line.command);
  }
});

test("100 000 lines of noise are read without adding content", () => {
  const unit = fc.constantFrom(..."@:; =\\+#!,\r\0\u0001é🎈ab".split(""), " :", "PRIVMSG ");
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
      const line = parseLine(text);
      if (line === undefined || line === tooLongLine) return;
      expect(line.command).not.toContain(" ");
      for (const param of line.params) expect(text).toContain(param);
    }),
    { numRuns: 100_000 },
  );
}, 180_000);

test("parameters survive a round trip", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "#", "é", "-"), minLength: 1, maxLength: 4 });
  const last = fc.string({ unit: fc.constantFrom("a", " ", ":", "é"), maxLength: 6 });
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), last, fc.boolean(), (words, text, isText) => {
      const params = [...words, text];
      expect(parse(`X ${paramsText(params, isText)}`).params).toEqual(params);
    }),
  );
});
