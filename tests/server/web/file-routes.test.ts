// Files that change or fail while they are sent over HTTP: the response ends early, and the
// descriptor is closed in any case.

import { expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createMetrics } from "../../../src/chat/metrics/metrics.ts";
import { web as limits } from "../../../src/limits.ts";
import { silentLog } from "../../silent-log.ts";
import type { OpenFile } from "../../../src/server/files/open-file.ts";
import { SharedFolder } from "../../../src/server/files/shared-folder.ts";
import { FileRoutes } from "../../../src/server/web/file-routes.ts";
import { testFolder } from "../../test-folder.ts";

const path = testFolder("web-files");
const large = join(path, "large");
const sizeBytes = 3 * limits.wholeReadBytes;

/** A folder that knows which of its files are open, and whose disk can fail. */
class WatchedFolder extends SharedFolder {
  readonly opened = new Set<OpenFile>();
  isLost = false;

  override open(name: string): OpenFile {
    const file = super.open(name);
    const fails = <T>(call: () => T): T => {
      if (this.isLost) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
      return call();
    };
    const watched: OpenFile = {
      ...file,
      read: (target, position) => fails(() => file.read(target, position)),
      unchanged: () => fails(file.unchanged),
      close: () => {
        this.opened.delete(watched);
        file.close();
      },
    };
    this.opened.add(watched);
    return watched;
  }
}

/** A range for another version, so that the whole file is the answer. */
const request = () =>
  new Request("http://host/files/large", { headers: { Range: "bytes=1-", "If-Range": '"old"' } });

/** The received bytes, and how the response ended: "whole", or the error. */
type End = { bytes: number; reason: unknown };

async function read(body: ReadableStream<Uint8Array>, afterFirst: () => void): Promise<End> {
  const reader = body.getReader();
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { bytes, reason: "whole" };
      if (bytes === 0) afterFirst();
      bytes += value.length;
    }
  } catch (reason) {
    return { bytes, reason };
  }
}

// One piece is read ahead; Bun would print a reason.
const cut: End = { bytes: 2 * limits.pieceBytes, reason: undefined };

test.each<[string, (folder: WatchedFolder) => void, End]>([
  ["that stays", () => {}, { bytes: sizeBytes, reason: "whole" }],
  ["that is written to", () => appendFileSync(large, "more"), cut],
  ["that is cut short", () => truncateSync(large, limits.pieceBytes), cut],
  ["whose disk fails", (folder) => (folder.isLost = true), cut],
])("a file %s while it is sent is closed", async (_, change, expected) => {
  writeFileSync(large, new Uint8Array(sizeBytes));
  const folder = new WatchedFolder(path);
  const files = new FileRoutes(folder, createMetrics(), silentLog);
  const answer = await files.get("large", new URLSearchParams(), request(), "127.0.0.1");
  expect([answer.status, folder.opened.size]).toEqual([200, 1]);
  expect(await read(answer.body!, () => change(folder))).toEqual(expected);
  expect(folder.opened.size).toBe(0);
});

test("a list links to its next page, and the pages together contain all files", async () => {
  const many = mkdtempSync(join(path, "many-"));
  for (let i = 0; i < 1_100; i++) writeFileSync(join(many, `grüße & ${i}`), "");
  const files = new FileRoutes(new SharedFolder(many), createMetrics(), silentLog);
  const names: string[] = [];
  let pages = 0;
  for (let query: string | undefined = ""; query !== undefined; pages++) {
    const answer = await files.list(new URLSearchParams(query));
    const page = (await answer.json()) as { files: { name: string }[]; next?: string };
    names.push(...page.files.map(({ name }) => name));
    const link = answer.headers.get("link");
    expect(link === null).toBe(page.next === undefined);
    query = /^<\/files\?(.*)>; rel="next"$/.exec(link ?? "")?.[1];
  }
  expect(pages).toBe(2);
  expect(new Set(names).size).toBe(1_100);
});
