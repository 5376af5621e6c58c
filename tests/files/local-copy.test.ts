// When a local file and the server's file count as equal.

import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import type { ControlClient } from "../../src/files/control-client.ts";
import { compareWithLocal, isSameTime } from "../../src/files/local-copy.ts";

test("to the millisecond, unless the local file system stores only seconds", () => {
  expect(isSameTime(1_700_000_000_123, 1_700_000_000_123)).toBe(true);
  expect(isSameTime(1_700_000_000_123.9, 1_700_000_000_123)).toBe(true);
  expect(isSameTime(1_700_000_000_123, 1_700_000_000_124)).toBe(false);
  // FAT stores only even seconds.
  expect(isSameTime(1_700_000_000_000, 1_700_000_001_999)).toBe(true);
  expect(isSameTime(1_700_000_000_000, 1_700_000_002_000)).toBe(false);
  expect(isSameTime(1_700_000_000_000, 1_699_999_998_000)).toBe(false);
});

test("a local file that can be opened but not read is an error of the disk", async () => {
  const sent: object[] = [];
  const offer = { transfer: 1, size: 5, version: "v", modified: 0, chunkBytes: 65_536 };
  const control = {
    fetch: async () => ({ ...offer, udpPort: 1, maxSegmentBytes: 1_200 }),
    lost: new Promise(() => {}),
    send: (message: object) => void sent.push(message),
  } as unknown as ControlClient;
  const local = { path: tmpdir(), size: 5, mtimeMs: 0, byContent: true, digestTimeoutMs: 1_000 };
  const comparing = compareWithLocal(control, "file", local);
  await expect(comparing).rejects.toMatchObject({ code: "storage" });
  expect(sent).toEqual([{ type: "fetched", transfer: 1 }]);
});
