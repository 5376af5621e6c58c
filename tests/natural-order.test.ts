// The order in which names are shown.

import { expect, test } from "bun:test";
import { naturally } from "../src/natural-order.ts";

test("numbers in names count as numbers, letter case comes second, and no two names are equal", () => {
  for (const ordered of [
    ["person-1", "person-2", "person-10"],
    ["ann", "Ann", "Bob", "bobby"],
    ["img 2.png", "img 10.png", "img 11.png"],
    ["a", "\u200da"],
  ]) {
    expect(ordered.toReversed().sort(naturally)).toEqual(ordered);
  }
  expect(naturally("Ann", "Ann")).toBe(0);
});
