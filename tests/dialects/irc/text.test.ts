// Messages from and to IRC: formatting, CTCP, lines of 512 bytes.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { nameOf, roomOf } from "../../../src/dialects/irc/names.ts";
import { messageLines, readCtcp, withoutFormatting } from "../../../src/dialects/irc/text.ts";

test("formatting codes are removed, with the numbers of colours", () => {
  expect(withoutFormatting("\u0002bold\u0002 \u00034,12red\u0003 \u0004ff0000x\u0004")).toBe(
    "bold red x",
  );
  expect(withoutFormatting("\u000312345")).toBe("345");
  expect(withoutFormatting("1 plain, 2")).toBe("1 plain, 2");
});

test("an ACTION is an emote, with its closing mark or without", () => {
  expect(readCtcp("\u0001ACTION waves\u0001")).toEqual({ text: "waves", kind: "emote" });
  expect(readCtcp("\u0001action waves")).toEqual({ text: "waves", kind: "emote" });
  expect(readCtcp("\u0001ACTION\u0001")).toEqual({ text: "", kind: "emote" });
  expect(readCtcp("hello")).toEqual({ text: "hello", kind: undefined });
  for (const other of [
    "\u0001VERSION\u0001",
    "\u0001DCC SEND x 1 2 3\u0001",
    "\u0001",
    "\u0001\u0001",
  ]) {
    expect(readCtcp(other)).toBeUndefined();
  }
});

test("lines have at most 512 bytes, and nothing is lost", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "é", "漢", "🎈", " "), maxLength: 900 });
  const kind = fc.constantFrom("emote" as const, "notice" as const, undefined);
  fc.assert(
    fc.property(text, kind, (said, how) => {
      const source = "Ann!~ann@abcdefghij.parley";
      const command = how === "notice" ? "NOTICE" : "PRIVMSG";
      const parts = messageLines(Buffer.byteLength(`:${source} #lobby `), how, said);
      const lines = parts.map((part) => `:${source} ${command} #lobby :${part}\r\n`);
      for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(512);
      const texts = parts.map((part) => part.replace(/^\u0001ACTION (.*)\u0001$/s, "$1"));
      expect(texts.join("")).toBe(said);
    }),
  );
});

test("each line of a message becomes an IRC line", () => {
  expect(messageLines(40, undefined, "one\n\ntwo")).toEqual(["one", "two"]);
  expect(messageLines(40, "emote", "a\nb")).toEqual([
    "\u0001ACTION a\u0001",
    "\u0001ACTION b\u0001",
  ]);
});

test("nicks that are not valid names", () => {
  expect(nameOf("bob[m]")).toBe("bob_m_");
  expect(nameOf("a\\b^c{d}|`")).toBe("a_b_c_d___");
  expect(nameOf("Ännchen-1")).toBe("Ännchen-1");
  expect(roomOf("#lobby")).toBe("lobby");
  expect(roomOf("lobby")).toBeUndefined();
});
