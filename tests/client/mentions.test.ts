// Which texts mention a user by name.

import { expect, test } from "bun:test";
import { fold } from "../../src/chat/names/grammar.ts";
import { mentions } from "../../src/client/mentions.ts";
import { cpuMsOf } from "../cpu-time.ts";

test("a name that is a separate word is a mention", () => {
  for (const text of [
    "Ann",
    "ann: look",
    "hi ANN!",
    "@ann",
    "thanks, Ann.",
    "(Ann)",
    "Ann's",
    "- Ann-",
    "Bob,Ann,Cal",
    "ａｎｎ",
  ]) {
    expect([text, mentions(text, "Ann")]).toEqual([text, true]);
  }
});

test("a name is mentioned by whatever is the same name", () => {
  for (const [written, name] of [
    ["Strauss", "Strauß"],
    ["STRAUSS", "Strauß"],
    ["Strauß", "Strauss"],
    ["Νίκος", "ΝΊΚΟΣ"],
    ["νίκοσ", "Νίκος"],
  ] as const) {
    expect(fold(written)).toBe(fold(name));
    expect([written, mentions(`thanks, ${written}!`, name)]).toEqual([written, true]);
  }
  expect(mentions("Straussberg", "Strauß")).toBe(false);
});

test("a part of another word or name is not a mention", () => {
  for (const text of ["Annette", "banana", "Ann-Marie", "x.ann", "ann.txt", "Ann_2", "An n", ""]) {
    expect([text, mentions(text, "Ann")]).toEqual([text, false]);
  }
  expect(mentions("Annette and Ann", "Ann")).toBe(true);
});

test("short names count only after @, as they are words of many languages", () => {
  expect(mentions("I am so tired", "so")).toBe(false);
  expect(mentions("@so look", "so")).toBe(true);
});

test("any script, and characters with a meaning in patterns", () => {
  expect(mentions("привет, Анна", "анна")).toBe(true);
  expect(mentions("hello a.b-c", "a.b-c")).toBe(true);
  expect(mentions("hello axb-c", "a.b-c")).toBe(false);
  expect(mentions("whoever", "")).toBe(false);
});

test("is fast for any text", () => {
  const cpuMs = cpuMsOf(() => {
    for (const unit of [".", "é\u0301", "Ann-", "-"]) {
      expect(mentions(unit.repeat(16_000 / unit.length), "Ann")).toBe(false);
    }
  });
  expect(cpuMs).toBeLessThan(500);
});
