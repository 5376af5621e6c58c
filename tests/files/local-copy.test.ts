// When a local file and the server's file count as equal.

import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { ControlClient } from "../../src/files/control-client.ts";
import { compareWithLocal, isSameTime, type LocalFile } from "../../src/files/local-copy.ts";
import { encodeServer } from "../../src/protocol/encode.ts";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";

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

test("a connection keeps nothing of the comparisons that were made over it", async () => {
  const path = join(testFolder("compared"), "file");
  writeFileSync(path, "");
  const sha256 = new Bun.CryptoHasher("sha256").update("").digest("hex");
  const shape = { modified: 0, chunkBytes: 65_536, udpPort: 1, maxSegmentBytes: 1_200 };
  const send = (text: string): void => {
    const { type, ref } = JSON.parse(text);
    if (type !== "fetch") return;
    const about = { transfer: ref, name: "file", size: 0, version: "v", ref };
    control.receive(encodeServer({ type: "offer", ...about, ...shape }).trimEnd());
    control.receive(encodeServer({ type: "digest", transfer: ref, sha256 }).trimEnd());
  };
  const link = { isSecured: false, exportedKey: () => undefined, send, waitingBytes: 0, end() {} };
  const control: ControlClient = ControlClient.over(link, "here");
  const compared: WeakRef<LocalFile>[] = [];
  const compare = async (): Promise<void> => {
    const local = { path, size: 0, mtimeMs: 0, byContent: true, digestTimeoutMs: 60_000 };
    compared.push(new WeakRef(local));
    expect((await compareWithLocal(control, "file", local)).isSame).toBe(true);
  };
  for (let i = 0; i < 10; i++) await compare();
  // The newest one may stay, and a conservative collector may miss a few.
  await until(() => {
    Bun.gc(true);
    return compared.filter((local) => local.deref() !== undefined).length < 5;
  });
  control.close();
});
