// Which word is suggested for a mistyped one, and when none is close enough.

import { expect, test } from "bun:test";
import { nearestWord } from "../src/nearest-word.ts";

test("the nearest word is only suggested if it is close", () => {
  const commands = ["server", "client", "peer", "fetch-file", "classic"];
  for (const [word, expected] of [
    ["servr", "server"],
    ["SERVER", "server"],
    ["clinet", "client"],
    ["pear", "peer"],
    ["bear", undefined],
    ["fetch", "fetch-file"],
    ["cl", undefined],
    ["cli", "client"],
    ["p", undefined],
    ["x", undefined],
    ["frobnicate", undefined],
  ] as const) {
    expect({ word, near: nearestWord(word, commands) }).toEqual({ word, near: expected });
  }
  expect(nearestWord("x", [])).toBeUndefined();
  // In a short word, swapped letters are the only two that may differ.
  for (const [word, expected] of [
    ["/mgs", "/msg"],
    ["/gsm", undefined],
  ] as const) {
    expect(nearestWord(word, ["/msg", "/who", "/me"])).toBe(expected);
  }
});
