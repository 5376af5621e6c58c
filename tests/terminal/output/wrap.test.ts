// Rows of a terminal: broken between words, whole items, hanging indents, and never wider than the
// terminal.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { helpRows } from "../../../src/terminal/client/slash-commands.ts";
import { cpuMsOf } from "../../cpu-time.ts";
import { wrapItems, wrapText, wrapWords } from "../../../src/terminal/output/wrap.ts";

const area = (columns: number) => ({ columns, width: (text: string) => Bun.stringWidth(text) });

describe("rows", () => {
  test("break between words and hang", () => {
    expect(wrapWords("one two three", area(9), { first: "- ", other: "  " })).toEqual([
      "- one two",
      "  three",
    ]);
  });

  test("keep items whole, including their spaces, and cut items wider than a row", () => {
    expect(wrapItems(["a b", "c d", "0123456789"], area(8), { gap: "  " })).toEqual([
      "a b  c d",
      "01234567",
      "89",
    ]);
    expect(wrapItems(["日本語日本語"], area(7))).toEqual(["日本語", "日本語"]);
    expect(wrapItems([], area(7))).toEqual([]);
  });

  test("take no time that grows with the square of a text's last spaces", () => {
    const ms = cpuMsOf(() => {
      expect(wrapText(`a${" ".repeat(40_000)}`, area(80))).toEqual(["a"]);
      expect(wrapText(" ".repeat(40_000), area(80))).toEqual([""]);
    });
    // Two here; each took two seconds.
    expect(ms).toBeLessThan(500);
  });

  test("give the beginning a row of its own where no word fits after it", () => {
    const layout = { first: "12:00 Ann: ", other: "  " };
    expect(wrapWords("everybody", area(12), layout)).toEqual(["12:00 Ann:", "  everybody"]);
    expect(wrapWords("everybody", area(10), layout)).toEqual(["12:00 Ann:", "  everybod", "  y"]);
    // Where that would not help, the word is cut.
    const same = { first: "- ", other: "  " };
    expect(wrapWords("everybody", area(8), same)).toEqual(["- everyb", "  ody"]);
  });

  test("lose nothing, and are never wider than the terminal", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "日", "é"), minLength: 1 });
    fc.assert(
      fc.property(fc.array(word), fc.integer({ min: 4, max: 30 }), (words, columns) => {
        const rows = wrapItems(words, area(columns), { other: "  " });
        for (const row of rows) expect(Bun.stringWidth(row)).toBeLessThanOrEqual(columns);
        expect(rows.join("").replaceAll(" ", "")).toBe(words.join(""));
      }),
    );
  });
});

describe("/help", () => {
  test.each([80, 60, 45, 30, 12])("at %i columns fits and breaks no word", (columns) => {
    const rows = helpRows(area(columns));
    for (const row of rows) expect(row.length).toBeLessThanOrEqual(columns);
    const words = rows.join(" ").split(/\s+/);
    if (columns >= 30) {
      expect(words).toContain("completes,");
      expect(words).toContain("NAME[,NAME]");
      expect(rows.every((row) => row.startsWith("  "))).toBe(true);
    }
  });

  test("gives each command one row at 80 columns, with the descriptions aligned", () => {
    const rows = helpRows(area(80));
    expect(rows[0]).toBe("  /help [COMMAND]            show this list, or what a command does");
    expect(rows.find((row) => row.includes("/quit"))).toBe(
      "  /quit                      leave, as does Ctrl-D",
    );
  });
});
