// Names that mix scripts can look like others and are refused, except for scripts that belong
// together.

import { expect, test } from "bun:test";
import { roomProblem } from "../../../src/chat/names/grammar.ts";
import { personNameProblem as nameProblem } from "../../../src/dialects/reserved-names.ts";

test.each([
  ["Greek capital alpha in Latin", "\u0391nn"],
  ["Cyrillic capital a in Latin", "\u0410nn"],
  ["Cyrillic o in Latin", "b\u043Eb"],
  ["Latin in Cyrillic", "\u0410\u043D\u043D\u0430a"],
  ["Greek omicron in Cyrillic", "\u0431\u03BF\u0431"],
])("%s is refused", (_, name) => {
  expect(nameProblem(name)).toContain("mixes several scripts");
  expect(roomProblem(name)).toContain("mixes several scripts");
});

test.each([
  "Ann",
  "Ünal_2",
  "Анна",
  "Άννα",
  "אנה",
  "آنا",
  "अन्ना",
  "安娜",
  "アンナ",
  "あんなAnn",
  "안나",
  "ᎠᎾ",
  "x-1.y",
])("%s is possible", (name) => {
  expect(nameProblem(name)).toBeUndefined();
});
