// The page's SHA-256 against Bun's.

import { expect, test } from "bun:test";
import { array, assert, property, uint8Array } from "fast-check";
import { Sha256 } from "../../src/page/sha256.ts";

test("the hash is SHA-256, however the bytes are split", () => {
  assert(
    property(array(uint8Array({ maxLength: 300 }), { maxLength: 12 }), (pieces) => {
      const ours = new Sha256();
      const theirs = new Bun.CryptoHasher("sha256");
      for (const piece of pieces) {
        ours.update(piece);
        theirs.update(piece);
      }
      expect(ours.hex()).toBe(theirs.digest("hex"));
    }),
  );
});

test("every length around a block's end is padded correctly", () => {
  for (let length = 0; length <= 130; length++) {
    const bytes = new Uint8Array(length).fill(length);
    const ours = new Sha256();
    ours.update(bytes);
    expect(ours.hex()).toBe(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
  }
});
