// Data that arrives before the offer is passed on once, within bounds; data that did not fit is
// requested again.

import { expect, test } from "bun:test";
import { fetching as limits } from "../../src/limits.ts";
import type { TransferMessage } from "../../src/protocol/messages.ts";
import { PreOfferBuffer } from "../../src/files/pre-offer-buffer.ts";

const tags: TransferMessage = { type: "tags", transfer: 1, from: 0, data: "" };

function release(early: PreOfferBuffer, size: number) {
  const seen: unknown[] = [];
  early.release(size, {
    data: (offset, bytes) => seen.push(["data", offset, [...bytes]]),
    message: (message) => seen.push(["message", message]),
    dropped: (offset, length) => seen.push(["again", offset, length]),
  });
  return seen;
}

test("data first, trimmed to the file, then messages, and everything once", () => {
  const early = new PreOfferBuffer();
  const buffer = new Uint8Array([9, 1, 2, 3, 9]);
  early.addMessage(tags);
  early.addData(10, buffer, 1, 3);
  early.addData(20, buffer, 1, 3);
  buffer.fill(0);
  const wanted = [
    ["data", 10, [1, 2]],
    ["message", tags],
  ];
  expect(release(early, 12)).toEqual(wanted);
  expect(release(early, 12)).toEqual([]);
});

test("data beyond the bound is requested again", () => {
  const early = new PreOfferBuffer();
  early.addData(0, new Uint8Array(limits.maxEarlyBytes), 0, limits.maxEarlyBytes);
  early.addData(limits.maxEarlyBytes, new Uint8Array(5), 0, 5);
  for (let i = 0; i < limits.maxEarlyLines + 5; i++) early.addMessage(tags);
  const seen = release(early, Number.MAX_SAFE_INTEGER);
  expect(seen.at(-1)).toEqual(["again", limits.maxEarlyBytes, 5]);
  expect(seen.length).toBe(1 + limits.maxEarlyLines + 1);
});
