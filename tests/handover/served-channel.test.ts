// A recipient is served until it has been sent far more than was offered.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ParleyError } from "../../src/errors.ts";
import { encodePart } from "../../src/handover/frames.ts";
import { OfferedFolder } from "../../src/handover/offered-folder.ts";
import { ServedChannel } from "../../src/handover/served-channel.ts";
import { offers as limits } from "../../src/limits.ts";
import { FileService } from "../../src/server/files/file-service.ts";
import { noDatagrams } from "../no-datagrams.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("served");

test("a recipient that requests the same data again and again is given up", async () => {
  const path = join(base, "file");
  writeFileSync(path, new Uint8Array(10_000));
  const service = FileService.over(await OfferedFolder.of([path]), noDatagrams);
  const broken: ParleyError[] = [];
  let frames = 0;
  const channel = new ServedChannel({
    port: { pass: () => void frames++, waitingBytes: () => 0 },
    peer: undefined,
    service,
    pace: undefined,
    datagrams: undefined,
    to: "Bob",
    onReceipt() {},
    onBroken: (reason) => void broken.push(reason),
  });
  const check = (): void => {
    const line = JSON.stringify({ type: "fetch", name: "file", check: true });
    channel.receive(encodePart(new TextEncoder().encode(line), true));
  };
  service.totals.sentBytes = limits.resentTimes * 10_000 + limits.resentBytes;
  check();
  expect([frames, broken]).toEqual([1, []]);
  service.totals.sentBytes++;
  check();
  expect(broken).toMatchObject([{ code: "stalled", message: expect.stringContaining("Bob") }]);
  channel.close();
  service.close();
});

test("a recipient that asks and asks, but reads nothing, is given up", async () => {
  const paths = Array.from({ length: limits.listedPerLine }, (_, n) => join(base, `${n}`));
  for (const path of paths) writeFileSync(path, "");
  const service = FileService.over(await OfferedFolder.of(paths), noDatagrams);
  const broken: ParleyError[] = [];
  let waitingBytes = 0;
  const channel = new ServedChannel({
    port: { pass: ({ length }) => (waitingBytes += length), waitingBytes: () => waitingBytes },
    peer: undefined,
    service,
    pace: undefined,
    datagrams: undefined,
    to: "Bob",
    onReceipt() {},
    onBroken(reason) {
      broken.push(reason);
      channel.close();
    },
  });
  const ask = encodePart(new TextEncoder().encode('{"type":"files"}'), true);
  for (let n = 0; n < 10_000; n++) channel.receive(ask);
  expect(broken).toMatchObject([{ code: "stalled", message: expect.stringContaining("Bob") }]);
  expect(waitingBytes).toBeLessThan(limits.maxUnreadBytes + 64 * 1_024);
  service.close();
});
