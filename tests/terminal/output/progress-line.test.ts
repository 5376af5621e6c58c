// The progress line at every width: the percentage comes first, then the time left; never wider
// than the terminal.

import { expect, test } from "bun:test";
import { type Progress, progressLine } from "../../../src/terminal/output/progress-line.ts";

const area = (columns: number) => ({ columns, width: (text: string) => Bun.stringWidth(text) });
const progress: Progress = {
  name: "a rather long name of a file.bin",
  haveBytes: 45_000_000,
  allBytes: 100_000_000,
  bytesPerSecond: 1_200_000,
  secondsLeft: 45,
};

test.each([
  [
    120,
    "a rather long name of a fil… ■■■■■■■■■■■              45%  45.0 MB of 100 MB  1.20 MB/s  45 s left",
  ],
  [80, "a rather long n… ■■■■■      45%  45.0 MB of 100 MB  1.20 MB/s  45 s left"],
  [40, "a rather long n… ■■■■     45%  45 s left"],
  [25, "a rather … 45%  45 s left"],
  [24, "45%  45 s left"],
  [10, "45%"],
])("at %i columns", (columns, line) => {
  expect(progressLine(progress, area(columns + 1))).toBe(line);
});

test("fits for any name and width", () => {
  for (let columns = 8; columns < 130; columns++) {
    for (const name of ["日本語".repeat(20), "\u001b[2Jx\u001b]0;title\u0007", "{bar}"]) {
      const line = progressLine({ ...progress, name }, area(columns));
      expect(Bun.stringWidth(line)).toBeLessThan(columns);
      expect(line).toContain("45%");
      expect(line).not.toMatch(/[\u0000-\u001f]/);
    }
  }
});

test("an empty file is complete", () => {
  expect(progressLine({ ...progress, haveBytes: 0, allBytes: 0 }, area(200))).toContain("100%");
});
