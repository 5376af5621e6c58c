// Normalization of what strangers write: the same as Unicode's for every real text, and linear in
// time for any.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { matches, searchWords } from "../src/chat/history/search-words.ts";
import { mentions } from "../src/client/mentions.ts";
import { composed, isStreamSafe } from "../src/composed.ts";
import { spellings } from "../src/server/files/file-names.ts";
import { foldedItem } from "../src/server/files/sharing/item-name.ts";
import { cpuMsOf } from "./cpu-time.ts";

/** Marks of different classes, which have to be sorted, and signs that decompose into a mark. */
const marks = ["\u0334", "\u0316", "\u0345", "\u0301", "\u3099", "\uff9e", "\uff9f", "\u0344"];

test("texts without long runs of marks are normalized as Unicode says", () => {
  const unit = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom(...marks, "e", "ﬁ", "Å"));
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 30 }), (parts) => {
      const text = parts.join("");
      if (isStreamSafe(text)) expect(composed(text)).toBe(text.normalize("NFKC"));
    }),
  );
  expect(composed("e\u0301".repeat(5_000))).toBe("é".repeat(5_000));
  expect(isStreamSafe(`a${"\u0301".repeat(30)}`)).toBe(true);
  expect(isStreamSafe(`a${"\u0301".repeat(31)}`)).toBe(false);
});

/** Texts of 16 384 characters whose marks would have to be sorted. */
function hostile(): string[] {
  const length = 16_384;
  return marks.flatMap((one) =>
    marks.map((other) => `a${one.repeat(length / 2)}${other.repeat(length / 2)}`),
  );
}

test("a text of marks takes no longer than another one", () => {
  const texts = [...hostile(), `a${marks.join("").repeat(2_048)}`];
  // Sorting the marks of a single one takes half a second.
  const cpuMs = cpuMsOf(() => {
    for (const text of texts) composed(text);
  });
  expect(cpuMs).toBeLessThan(texts.length * 30);
});

test("searching, looking for mentions, and opening files use it", () => {
  const texts = hostile().slice(0, 20);
  const cpuMs = cpuMsOf(() => {
    for (const text of texts) {
      expect(matches(`${text} needle`, searchWords("needle"))).toBe(true);
      expect(mentions(`${text} @Ann`, "Ann")).toBe(true);
      expect([...spellings(text)]).toEqual([Buffer.from(text)]);
      foldedItem(text);
    }
  });
  expect(cpuMs).toBeLessThan(texts.length * 120);
});
