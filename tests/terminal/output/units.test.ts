// Durations in readable form.

import { expect, test } from "bun:test";
import { durationText, elapsedText } from "../../../src/terminal/output/units.ts";

test.each([
  [0, "1 ms"],
  [0.0094, "9 ms"],
  [0.0994, "99 ms"],
  [0.0995, "0.1 s"],
  [9.94, "9.9 s"],
  [9.95, "10 s"],
  [59.4, "59 s"],
  [185, "3 min 05 s"],
  [7_620, "2 h 07 min"],
])("%d seconds took %s", (seconds, text) => {
  expect(elapsedText(seconds)).toBe(text);
});

test("a remaining time of nothing is 0.0 s", () => {
  expect(durationText(0)).toBe("0.0 s");
});
