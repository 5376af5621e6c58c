// Chunks of a streamed file stay in place until the output has written them.

import { expect, test } from "bun:test";
import { StreamBuffer } from "../../src/files/stream-buffer.ts";
import { fetching as limits, terminal, transfer as wire } from "../../src/limits.ts";

test("chunks come in order, once, and only as far as they are verified", () => {
  const buffer = new StreamBuffer(4);
  buffer.write(4, new Uint8Array([5, 6, 7, 8]));
  expect(buffer.take(0, 8)).toBeUndefined();
  buffer.write(0, new Uint8Array([1, 2, 3, 4]));
  expect(buffer.take(0, 3)).toBeUndefined();
  const into = new Uint8Array(6);
  expect([buffer.read(1, into), [...into]]).toEqual([6, [2, 3, 4, 5, 6, 7]]);
  expect(buffer.take(0, 8)).toEqual(new Uint8Array([1, 2, 3, 4]));
  expect(buffer.take(0, 8)).toBeUndefined();
  expect(buffer.read(0, into)).toBe(0);
});

test.each([wire.minChunkBytes, wire.maxChunkBytes])(
  "data that the output may still be reading is not freed, with chunks of %d bytes",
  (chunkBytes) => {
    const buffer = new StreamBuffer(chunkBytes);
    const taken: Uint8Array[] = [];
    const many = Math.ceil((4 * limits.unsentBytes) / chunkBytes) + 4;
    for (let i = 0; i < many; i++) {
      buffer.write(i * chunkBytes, new Uint8Array(chunkBytes));
      taken.push(buffer.take(i * chunkBytes, Number.MAX_SAFE_INTEGER)!);
      // The output has all but the newest data, and that much of it may still be queued.
      let waitingBytes: number = terminal.maxDataBytes;
      for (const chunk of taken.slice(0, -1).toReversed()) {
        if (waitingBytes <= 0) break;
        expect(chunk.length).toBe(chunkBytes);
        waitingBytes -= chunk.length;
      }
      expect(taken.at(-1)?.length).toBe(chunkBytes);
    }
    expect(taken[0]?.length).toBe(0);
    const keptBytes = taken.reduce((sum, chunk) => sum + chunk.length, 0);
    expect(keptBytes).toBeLessThanOrEqual(limits.unsentBytes + 3 * chunkBytes);
  },
);
