// Which messages mention somebody.

import { describe, expect, test } from "bun:test";
import { mentions } from "../../src/terminal/mention.ts";

describe("a name is mentioned", () => {
  test.each([
    "Ann",
    "hi ann!",
    "ANN: look",
    "(Ann)",
    "see you, Ann.",
    "- Ann-",
    "@Ann",
    "Ann's hat",
    "Bob,Ann,Cal",
    "ａｎｎ",
  ])("in %j", (text) => expect(mentions(text, "Ann")).toBe(true));

  test.each(["", "Anna", "banana", "Ann-Marie", "mann", "An n", "ann_2"])("but not in %j", (text) =>
    expect(mentions(text, "Ann")).toBe(false),
  );

  test("with the punctuation that it has itself", () => {
    expect(mentions("hello r.o.b.", "r.o.b.")).toBe(true);
    expect(mentions("hello -x-", "-x-")).toBe(true);
  });

  test("by no empty name", () => expect(mentions("hello", "")).toBe(false));

  test("quickly, whatever a stranger writes", () => {
    const startMs = performance.now();
    expect(mentions(".".repeat(16_000), "Ann")).toBe(false);
    expect(mentions("é\u0301".repeat(8_000), "Ann")).toBe(false);
    expect(performance.now() - startMs).toBeLessThan(500);
  });
});
