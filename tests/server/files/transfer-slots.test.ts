// Transfer slots with a fake clock, and a paused reader that lost its slot.

import { expect, setDefaultTimeout, test } from "bun:test";
import { clientAt } from "../../files/client-at.ts";
import { ownerAt } from "../../../src/share-owner.ts";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fetching, files as limits, transfer as wire } from "../../../src/limits.ts";
import type { FetchOutput } from "../../../src/files/fetch-events.ts";
import { DownloadClient } from "../../../src/files/download-client.ts";
import { FileService } from "../../../src/server/files/file-service.ts";
import { type SlotHolder, TransferSlots } from "../../../src/server/files/transfer-slots.ts";
import { startFileServer } from "../../files/file-server.ts";
import { testFolder } from "../../test-folder.ts";
import { until } from "../../until.ts";

setDefaultTimeout(180_000);

const base = testFolder("slots");
const folder = join(base, "FILES");
mkdirSync(folder);
writeFileSync(join(folder, "small"), "small");

class Holder implements SlotHolder {
  gone = false;
  constructor(
    readonly slots: TransferSlots<Holder>,
    public usedAtMs: number,
  ) {}
  giveWay(): void {
    this.gone = true;
    this.slots.remove(this);
  }
}

/** Adds one that was last used at `usedAtMs`; undefined if there was no slot. */
function add(slots: TransferSlots<Holder>, address: string, usedAtMs: number, nowMs = usedAtMs) {
  const holder = new Holder(slots, usedAtMs);
  try {
    slots.add(holder, ownerAt(address), nowMs);
    return holder;
  } catch (error) {
    expect(error).toMatchObject({ code: "full" });
    return undefined;
  }
}

test("an idle slot goes to the next transfer, the longest idle first", () => {
  const slots = new TransferSlots<Holder>();
  const all = Array.from({ length: limits.maxTransfers }, (_, i) => add(slots, "127.0.0.1", i));
  expect(slots.size).toBe(limits.maxTransfers);
  expect(add(slots, "192.0.2.1", limits.idleMs - 1)).toBeUndefined();
  all[0]!.usedAtMs = limits.idleMs;
  expect(add(slots, "192.0.2.1", limits.idleMs)).toBeUndefined();
  expect(add(slots, "192.0.2.1", limits.idleMs + 1)).toBeDefined();
  expect(all.filter((holder) => holder?.gone)).toEqual([all[1]]);
  expect(slots.size).toBe(limits.maxTransfers);
});

test("no slot is revoked while there is room", () => {
  const slots = new TransferSlots<Holder>();
  const first = add(slots, "127.0.0.1", 0);
  for (let i = 1; i < limits.maxTransfers; i++) add(slots, "127.0.0.1", 0, 100 * limits.idleMs);
  expect(first?.gone).toBe(false);
});

test("an address with all its slots gives up its own", () => {
  const slots = new TransferSlots<Holder>();
  const other = add(slots, "192.0.2.2", 0);
  const own = Array.from({ length: limits.maxTransfersPerAddress }, () =>
    add(slots, "192.0.2.1", 1),
  );
  expect(add(slots, "192.0.2.1", limits.idleMs)).toBeUndefined();
  expect(add(slots, "192.0.2.1", limits.idleMs + 1)).toBeDefined();
  expect([other, ...own].map((holder) => holder?.gone)).toEqual([
    false,
    true,
    ...own.slice(1).map(() => false),
  ]);
});

test("an IPv6 network has as many slots as one address", () => {
  const slots = new TransferSlots<Holder>();
  for (let i = 0; i < limits.maxTransfersPerAddress; i++) {
    expect(add(slots, `2001:db8:1:2::${i.toString(16)}`, 0)).toBeDefined();
  }
  expect(add(slots, "2001:db8:1:2:9::1", 0)).toBeUndefined();
  expect(add(slots, "2001:db8:1:3::1", 0)).toBeDefined();
});

/** Takes every slot of the service, over idle connections. */
function takeAll(service: FileService): void {
  const perSession = limits.maxTransfersPerSession;
  for (let left = limits.maxTransfers; left > 0; left -= perSession) {
    const session = service.session(clientAt("127.0.0.1"), { send: () => {} });
    for (let i = 0; i < perSession; i++) {
      const token = Buffer.from(crypto.getRandomValues(new Uint8Array(wire.tokenBytes)));
      session.handle({ type: "fetch", name: "small", token: token.toString("base64url") });
    }
  }
}

test("idle connections can't keep everyone from fetching", async () => {
  const server = await startFileServer(folder, { idleMs: 0 });
  takeAll(server.service);
  expect(server.service.transferCount).toBe(limits.maxTransfers);
  const client = new DownloadClient({ server: { host: "127.0.0.1", port: server.port } });
  const path = join(base, "small");
  await client.fetch("small", { kind: "file", path });
  expect(readFileSync(path, "utf8")).toBe("small");
  client.close();
  server.close();
});

test("a paused reader that lost its slot meanwhile still gets the rest", async () => {
  const bytes = new Uint8Array(3 * fetching.streamAheadBytes);
  for (let at = 0; at < bytes.length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  writeFileSync(join(folder, "file"), bytes);
  const server = await startFileServer(folder, { idleMs: 0 });
  const events: string[] = [];
  const client = new DownloadClient({
    server: { host: "127.0.0.1", port: server.port },
    onEvent: ({ event }) => events.push(event),
  });
  const hash = new Bun.CryptoHasher("sha256");
  const resume = Promise.withResolvers<void>();
  const output: FetchOutput = {
    data(part) {
      hash.update(part);
      return false;
    },
    relief: () => resume.promise,
    flush: () => Promise.resolve(),
    closed: false,
    failure: undefined,
  };
  const fetched = client.fetch("file", { kind: "stream", output });
  await until(() => server.service.totals.sentBytes >= fetching.streamAheadBytes);
  takeAll(server.service);
  expect(events).not.toContain("retry");
  resume.resolve();
  await fetched;
  expect(events).toContain("retry");
  expect(hash.digest("hex")).toBe(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
  client.close();
  server.close();
});
