// The lines above the prompt: wrapped with their times and speakers, on terminals of any width.

import { describe, expect, test } from "bun:test";
import { deletedText } from "../../../src/protocol/messages.ts";
import { createStyle } from "../../../src/terminal/output/style.ts";
import { Transcript } from "../../../src/terminal/client/transcript.ts";

const at = { timeMs: 0, from: "Wilhelmina_von_Hohenfriedberg" };
const mail = { ...at, type: "private", mail: 1, to: ["me"], chat: false, replayed: false } as const;

function transcript(columns: number, colors = false) {
  const rows: string[] = [];
  const output = {
    area: { columns, width: (text: string) => Bun.stringWidth(text) },
    print: (printed: readonly string[]) => void rows.push(...printed),
    ringBell: () => {},
  };
  const calendar = { now: () => 0, timeOfDay: () => "12:03", date: () => "today" };
  return { rows, transcript: new Transcript(output, createStyle(colors), calendar) };
}

describe("a speaker wider than the terminal", () => {
  test("is wrapped between words, and the text follows", () => {
    const { rows, transcript: narrow } = transcript(40);
    narrow.private({ ...mail, text: "psst, this is private" });
    const to = ["Ann", "Bob_who_has_a_long_name"];
    narrow.privateTo({ to, text: "psst", seal: undefined }, "me");
    expect(rows).toEqual([
      "12:03 Wilhelmina_von_Hohenfriedberg",
      "      (private, not sealed): psst, this",
      "      is private",
      "12:03 to Ann, Bob_who_has_a_long_name",
      "      (private, not sealed): psst",
    ]);
  });

  test("leaves the text a row of its own if no word of it fits beside", () => {
    const { rows, transcript: narrow } = transcript(40);
    narrow.said({ ...at, text: "hello everybody" });
    narrow.said({ ...at, text: "everybody" }, { room: "den" });
    expect(rows).toEqual([
      "12:03 Wilhelmina_von_Hohenfriedberg:",
      "      hello everybody",
      "12:03 [den]",
      "      Wilhelmina_von_Hohenfriedberg:",
      "      everybody",
    ]);
  });

  test.each([12, 20, 29, 30, 36, 37, 40])("fits into %i columns, in colour too", (columns) => {
    for (const colors of [false, true]) {
      const { rows, transcript: narrow } = transcript(columns, colors);
      for (const text of ["a", "a bb ccc dddd eeeee", "x".repeat(50)]) {
        narrow.said({ ...at, text });
        narrow.said({ ...at, text, kind: "emote" }, { isMention: true });
        narrow.said({ ...at, text }, { room: "quarterly-planning-and-roadmap-2", mine: true });
        narrow.private({ ...mail, text, seal: { state: "changed" } });
      }
      for (const row of rows) expect(Bun.stringWidth(row)).toBeLessThanOrEqual(columns);
      expect(Bun.stripANSI(rows.join("")).replaceAll(" ", "")).toContain("x".repeat(50));
    }
  });
});

test("a deleted text looks different from the same words of its author", () => {
  const { rows, transcript: shown } = transcript(24, true);
  for (const deleted of [undefined, true]) {
    shown.said({ timeMs: 0, from: "Bob", text: deletedText, deleted });
  }
  const [said, deleted] = [rows.slice(0, rows.length / 2), rows.slice(rows.length / 2)];
  expect(deleted.map(Bun.stripANSI)).toEqual(said.map(Bun.stripANSI));
  expect(deleted[0]).toContain("\u001b[2m(deleted");
  expect(said[0]).not.toContain("\u001b[2m(deleted");
});

test("what was sent from elsewhere is not said to be sealed if it is not, nor to be from elsewhere if that is not known", () => {
  const { rows, transcript: shown } = transcript(80);
  const copied = { type: "copied", mail: 1, timeMs: 0, to: ["Bob"], text: "psst" } as const;
  const sealed = { key: "k", boxes: [] };
  for (const replayed of [false, true]) {
    shown.copied({ ...copied, replayed }, "me");
    shown.copied({ ...copied, replayed, sealed }, "me");
  }
  expect(rows).toEqual([
    "12:03 to Bob (from another device, not sealed): psst",
    "12:03 to Bob (from another device): psst",
    "12:03 to Bob (sent earlier, not sealed): psst",
    "12:03 to Bob (from another device): psst",
  ]);
});
