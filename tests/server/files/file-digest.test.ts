// Digests for HTTP: once per version, a few at a time, and only while somebody waits.

import { expect, test } from "bun:test";
import { ownerAt } from "../../../src/share-owner.ts";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { web } from "../../../src/limits.ts";
import { FileDigests } from "../../../src/server/files/file-digest.ts";
import { SharedFolder } from "../../../src/server/files/shared-folder.ts";
import { testFolder } from "../../test-folder.ts";
import { turns } from "../../turns.ts";

const path = testFolder("digests");

writeFileSync(join(path, "small.txt"), "hello");
const owner = ownerAt("192.0.2.1");
const helloSha256 = new Bun.CryptoHasher("sha256").update("hello").digest("hex");
// Sparse: takes no space, but minutes to hash.
for (let i = 1; i <= web.maxHashesPerAddress + 1; i++) {
  const name = `huge ${i}`;
  writeFileSync(join(path, name), "");
  truncateSync(join(path, name), 2 ** 40);
}

test("a digest is computed once and then cached", async () => {
  const digests = new FileDigests(new SharedFolder(path));
  const [first, second] = await Promise.all([
    digests.of("small.txt", owner),
    digests.of("small.txt", owner),
  ]);
  expect([first, first.sha256, first.sizeBytes]).toEqual([second, helloSha256, 5]);
  expect(digests.known(first.version)).toBe(helloSha256);
});

test("once nobody waits, the work ends and its slot is free", async () => {
  const digests = new FileDigests(new SharedFolder(path));
  const clients = Array.from({ length: 3 }, () => new AbortController());
  const running = clients.map(({ signal }, i) => digests.of(`huge ${i + 1}`, owner, signal));
  const outcomes = Promise.allSettled(running);
  const small = digests.of("small.txt", owner);
  // Aborted while waiting for a slot, and while holding one.
  for (const client of clients.toReversed()) client.abort();
  expect((await outcomes).map(({ status }) => status)).toEqual(clients.map(() => "rejected"));
  expect((await small).sha256).toBe(helloSha256);
});

test("large files keep a small one waiting for no longer than their turns", async () => {
  const digests = new FileDigests(new SharedFolder(path));
  const client = new AbortController();
  const most = web.maxHashesPerAddress;
  const large = Array.from({ length: most }, (_, i) =>
    digests.of(`huge ${i + 1}`, owner, client.signal),
  );
  const outcomes = Promise.allSettled(large);
  // One address does not take all slots.
  await expect(digests.of(`huge ${most + 1}`, owner)).rejects.toThrow("Too many files");
  expect((await digests.of("small.txt", ownerAt("192.0.2.2"))).sha256).toBe(helloSha256);
  client.abort();
  expect((await outcomes).every(({ status }) => status === "rejected")).toBe(true);
  // Its slots are free again.
  const next = new AbortController();
  const again = digests.of("huge 1", owner, next.signal).catch((error: unknown) => error);
  next.abort();
  expect(String(await again)).toContain("Nobody is waiting");
});

test("one of two waiting clients may leave", async () => {
  const digests = new FileDigests(new SharedFolder(path));
  const [leaver, stayer] = [new AbortController(), new AbortController()];
  const first = digests.of("huge 1", owner, leaver.signal);
  const second = digests.of("huge 1", owner, stayer.signal);
  const outcomes = Promise.allSettled([first, second]);
  let isOver = false;
  void second.catch(() => (isOver = true));
  leaver.abort();
  // It does not wait for what the other one wants.
  await expect(first).rejects.toThrow("Nobody is waiting");
  await turns(10);
  expect(isOver).toBe(false);
  stayer.abort();
  expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
