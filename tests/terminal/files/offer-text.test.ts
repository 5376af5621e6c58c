// How offers of files read.

import { expect, test } from "bun:test";
import { incomingText } from "../../../src/terminal/files/offer-text.ts";

function offerOf(files: number, ...names: readonly string[]): string {
  const facts = { id: 1, from: "Bob", size: 5_000, sealed: true, verified: true };
  return incomingText({ event: "offer-received", ...facts, files, names });
}

test("an offer ends its names with … only if there are more than are named", () => {
  expect(offerOf(41, "big.bin", "photos/")).toBe(
    "Bob offers 41 files, 5.00 kB: 'big.bin', 'photos/' (sealed)",
  );
  const eight = ["a", "b", "c", "d", "e", "f", "g", "h"];
  expect(offerOf(8, ...eight)).toContain("'h' (sealed)");
  expect(offerOf(9, ...eight)).toContain("'h', … (sealed)");
});
