// The notation of sizes.

import { expect, test } from "bun:test";
import { sizeText } from "../src/size-text.ts";

test("sizes are written in powers of 1000", () => {
  const sizes = [0, 999, 1_000, 9_950, 12_345, 1_500_000, 2e9].map(sizeText);
  expect(sizes).toEqual(["0 B", "999 B", "1.00 kB", "9.95 kB", "12.3 kB", "1.50 MB", "2.00 GB"]);
});
