// Which texts address somebody by name.

import { expect, test } from "bun:test";
import { mentions } from "../../src/page/mentions.ts";

test("a name that stands as a word of its own is a mention", () => {
  for (const text of ["Ann", "ann: look", "hi ANN!", "@ann", "thanks, Ann.", "(Ann)", "Ann's"]) {
    expect([text, mentions(text, "Ann")]).toEqual([text, true]);
  }
});

test("a part of another word or name is none", () => {
  for (const text of ["Annette", "banana", "Ann-Marie", "x.ann", "ann.txt", "Ann_2", ""]) {
    expect([text, mentions(text, "Ann")]).toEqual([text, false]);
  }
  expect(mentions("Annette and Ann", "Ann")).toBe(true);
});

test("short names count only after @, as they are words of many languages", () => {
  expect(mentions("I am so tired", "so")).toBe(false);
  expect(mentions("@so look", "so")).toBe(true);
});

test("any script, and signs that mean something in a pattern", () => {
  expect(mentions("привет, Анна", "анна")).toBe(true);
  expect(mentions("hello a.b-c", "a.b-c")).toBe(true);
  expect(mentions("hello axb-c", "a.b-c")).toBe(false);
  expect(mentions("whoever", "")).toBe(false);
});
