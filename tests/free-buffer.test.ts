// Memory is freed immediately, and only if it contains nothing else.

import { expect, test } from "bun:test";
import { createCipheriv } from "node:crypto";
import { freeBuffer } from "../src/free-buffer.ts";

test("a cipher's result is freed, and a view of other memory is not", () => {
  const cipher = createCipheriv("aes-256-gcm", new Uint8Array(32), new Uint8Array(12));
  const own = cipher.update(new Uint8Array(65_536));
  freeBuffer(own);
  expect(own.length).toBe(0);
  const shared = new Uint8Array(1_000);
  for (const view of [shared.subarray(0, 500), shared.subarray(500)]) freeBuffer(view);
  expect([shared.length, shared.buffer.byteLength]).toEqual([1_000, 1_000]);
});
