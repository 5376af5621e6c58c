// Which word a mistyped one is taken for, and when none is near enough.

import { expect, test } from "bun:test";
import { nearestWord } from "../src/nearest-word.ts";

test("the nearest word is only offered if it is near", () => {
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
});
