// Which names are valid, and when two names are the same.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { addressName, fold, roomProblem } from "../../../src/chat/names/grammar.ts";
import {
  personNameProblem as nameProblem,
  reservedNames,
} from "../../../src/dialects/reserved-names.ts";
import { openingTypes } from "../../../src/cpp/codec.ts";
import { reservedWords as nativeWords } from "../../../src/dialects/native/native.ts";
import { dialects } from "../../../src/dialects/table.ts";
import { names as limits } from "../../../src/limits.ts";
import { cpuMsOf } from "../../cpu-time.ts";
import { anyCharacter } from "../../any-character.ts";

test("letters, digits, _ - . of any script form a name", () => {
  for (const name of ["Ann", "a", "-", "...", "Zoë", "Зоя", "小明", "ann_b-c.d", "9", "नमस्ते"]) {
    expect(nameProblem(name)).toBeUndefined();
  }
});

test("the reserved words are those with a meaning in some dialect", () => {
  const ofDialects = Object.values(dialects).flatMap((entry) =>
    entry.transport === "udp" ? [] : entry.dialect.reservedWords,
  );
  const words = [...nativeWords, ...openingTypes, ...ofDialects].map(fold);
  expect([...reservedNames].toSorted()).toEqual([...new Set(words)].toSorted());
});

test("reserved words are no names, in any case or width", () => {
  const words =
    "ALL show accept reject leave exit q __users__ get_list_file download_file CHANGENAME";
  for (const word of `${words} REGISTER BRIDGE CHAT QUIT UDP`.split(" ")) {
    for (const form of [word, word.toLowerCase(), word.toUpperCase(), wide(word)]) {
      expect({ form, problem: nameProblem(form) }).toMatchObject({
        problem: expect.stringContaining("reserved"),
      });
    }
  }
  // Only as a whole word, and `REGISTERs` is a name on the main port.
  for (const name of ["REGISTERs", "allan", "quitter"]) expect(nameProblem(name)).toBeUndefined();
});

test("anything else is refused: spaces, punctuation, controls, leading marks, invisible characters", () => {
  const unseen = [
    "\u3164",
    "Ann\u3164",
    "Ann\ufe0f",
    "Ann\u034f",
    "Ann\u{e0100}",
    "Ann\u200b",
    "A\u115fn",
  ];
  const signs = [
    "",
    " ",
    "a b",
    "a,b",
    "a:b",
    "~a",
    "{quit}",
    "a\n",
    "\u001b[2J",
    "\u0301a",
    "\ud800",
  ];
  for (const name of [...unseen, ...signs, "\u202eAnn", "a/b", '"', "\\"]) {
    expect({ name, problem: nameProblem(name) }).toMatchObject({ problem: expect.any(String) });
  }
  expect(roomProblem("den\u3164")).toBeDefined();
});

test("a letter may have as many marks as words of its script use, but not a stack of them", () => {
  const real = [
    "Nguye\u0302\u0303n",
    "Vie\u0323\u0302t",
    "\u03b1\u0313\u0300\u0345",
    "\u05e9\u05c1\u05bc\u05b8\u05dc\u05d5\u05b9\u05dd",
    "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f",
    "\u0e19\u0e49\u0e33\u0e1c\u0e36\u0e49\u0e07",
    "\u0915\u093c\u094d\u0930\u0947\u0902",
    "\u1019\u103c\u103e\u1031\u102c\u1000\u103a",
    "\u101c\u103b\u103e\u1031\u102c\u1037",
    "\u0f56\u0f66\u0f92\u0fb2\u0f74\u0f56\u0f66",
    "\u1780\u17d2\u179a\u17bb\u1784",
  ];
  expect(real.map(nameProblem)).toEqual(real.map(() => undefined));
  for (const name of [
    "a".padEnd(32, "\u0301"),
    "Ann\u0301\u0302\u0303\u0304",
    "\u1000\u103b\u103c\u103d\u103e\u102f\u1030\u1031",
  ]) {
    expect(nameProblem(name)).toContain("too many accents");
    expect(roomProblem(name)).toContain("too many accents");
  }
});

test("the longest name counts characters, not UTF-16 units, and is never cut", () => {
  expect(nameProblem("𝒜".repeat(limits.maxChars))).toBeUndefined();
  expect(nameProblem("a".repeat(limits.maxChars + 1))).toContain("longer than 32");
  expect(roomProblem("r".repeat(limits.maxRoomChars + 1))).toContain("longer than 32");
});

test("a name is the same in any case, width and composition; folding is idempotent", () => {
  expect(fold("ANN")).toBe(fold("ann"));
  expect(fold("ａｎｎ")).toBe("ann");
  expect(fold("Zoe\u0308")).toBe(fold("ZOË"));
  expect(fold("\u212aim")).toBe("kim");
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter, maxLength: 40 }), (name) => {
      expect(fold(fold(name))).toBe(fold(name));
    }),
    { numRuns: 2_000 },
  );
});

test("letters that differ only in case are the same, in words of any script", () => {
  const same = [
    ["straße", "STRASSE", "Strasse", "STRAẞE", "ﬅraße"],
    ["ſam", "SAM", "sam"],
    ["ﬁn", "FIN", "ﬁN"],
    ["Οδυσσεύς", "ΟΔΥΣΣΕΎΣ", "οδυσσεύσ"],
    ["İlker", "i\u0307lker", "I\u0307LKER"],
    ["ısı", "ISI"],
    ["ŉa", "ʼna", "ʼNA"],
    ["ᾳ", "ΑΙ", "αι"],
  ];
  for (const forms of same) {
    expect(forms.map(fold)).toEqual(forms.map(() => fold(forms[0]!)));
  }
  expect(fold("İlker")).not.toBe(fold("ilker"));
  expect(fold("Zoë")).not.toBe(fold("Zoe"));
  // The key of a prefix of a name is a prefix of the name's key.
  expect(fold("ΟΔΥΣΣΕΎΣ").startsWith(fold("ΟΔΥΣ"))).toBe(true);
});

test("the folded form of a room's name, which all clients are told, is a room's name", () => {
  for (let point = 0x21; point < 0x3_0000; point++) {
    const letter = String.fromCodePoint(point);
    for (const room of [letter, `a${letter}`, `${letter}\u0345`]) {
      const folded = fold(room);
      if (folded === room || roomProblem(room) !== undefined) continue;
      expect(roomProblem(folded)).toBeUndefined();
    }
  }
  expect(roomProblem("½")).toBe(
    "The room name '½' is invalid: use only letters, digits, '_', '-' or '.'",
  );
  expect(roomProblem("\ufdfa".repeat(limits.maxRoomChars))).toContain("is invalid");
  expect(roomProblem("ทำงาน")).toBeUndefined();
});

test("every letter has one key in both cases, of bounded length", () => {
  for (let code = 0; code < 0x11_0000; code++) {
    const letter = String.fromCodePoint(code);
    if (!/[\p{L}\p{M}\p{N}]/u.test(letter)) continue;
    const key = fold(letter);
    const forms = [letter.toLowerCase(), letter.toUpperCase(), key].map(fold);
    // One comparison per letter; an expectation for each would take a minute.
    if (key.length > 18 || forms.some((form) => form !== key)) {
      throw new Error(`${letter} (U+${code.toString(16)}): ${key}, ${forms.join(" ")}`);
    }
  }
});

test("what is too long for a name is not normalized, and a folded name stays the same", () => {
  // U+FDFA expands to the most characters.
  const longest = "\ufdfa".repeat(limits.maxChars);
  expect(nameProblem(longest)).toBeUndefined();
  expect(fold(fold(longest))).toBe(fold(longest));
  expect(fold(longest)).not.toBe(longest);
  const units = 2 * Math.max(limits.maxChars, limits.maxRoomChars);
  const marks = "\u0315\u0316".repeat(units / 2);
  expect(fold(marks)).not.toBe(marks);
  expect(fold(`${marks}\u0316`)).toBe(`${marks}\u0316`);
});

test("a hostile name costs no more than its length", () => {
  // Marks of descending classes: normalizing them takes the square of their number, 17 s here.
  const hostile = `a${"\u0301".repeat(30_000)}${"\u0316".repeat(30_000)}`;
  const cpuMs = cpuMsOf(() => {
    for (let i = 0; i < 100; i++) {
      expect(nameProblem(hostile)).toContain("longer than");
      expect(roomProblem(hostile)).toContain("longer than");
      fold(hostile);
    }
  });
  expect(cpuMs).toBeLessThan(2_000);
});

test("nobody can choose a name assigned by address", () => {
  for (const name of [addressName("127.0.0.1", 4000), addressName("::1", 4000)]) {
    expect(nameProblem(name)).toBeDefined();
  }
  expect(addressName("::1", 4000)).toBe("[::1]:4000");
});

function wide(text: string): string {
  return text.replace(/[!-~]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0));
}
