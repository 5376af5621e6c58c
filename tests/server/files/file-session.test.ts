// The file requests of one control connection, without the connection: answers, refusals, limits.

import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { files as limits, transfer as wire } from "../../../src/limits.ts";
import { decodeClient } from "../../../src/protocol/decode-client.ts";
import type { FetchRequest } from "../../../src/protocol/messages.ts";
import { FileService } from "../../../src/server/files/file-service.ts";

/** A message as tests inspect it. */
type Line = Record<string, unknown>;

const base = mkdtempSync(join(tmpdir(), "parley-session-"));
const chunks = 40;
let service: FileService;

beforeAll(async () => {
  mkdirSync(join(base, "FILES"));
  writeFileSync(join(base, "FILES", "a"), new Uint8Array(chunks * wire.minChunkBytes).fill(7));
  writeFileSync(join(base, "FILES", "b"), "b");
  service = await FileService.open({ folder: join(base, "FILES"), host: "127.0.0.1", port: 0 });
});

afterAll(() => {
  service.close();
  rmSync(base, { recursive: true, force: true });
});

function connect(address = "127.0.0.1") {
  const lines: Line[] = [];
  const state = { waitingBytes: 0 };
  const session = service.session(address, {
    send: (message) => lines.push({ ...message }),
    waitingBytes: () => state.waitingBytes,
  });
  return { session, lines, state };
}

const newToken = () =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(wire.tokenBytes))).toString("base64url");

const fetchOf = (name: string): FetchRequest => ({ type: "fetch", name, token: newToken() });

async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${String(condition)}`);
    await Bun.sleep(1);
  }
}

test("hashes of large files keep a small one waiting for no longer than their turns", async () => {
  const names = Array.from({ length: limits.maxTransfersPerSession }, (_, i) => `huge ${i}`);
  for (const name of names) {
    writeFileSync(join(base, "FILES", name), "");
    truncateSync(join(base, "FILES", name), 2 ** 38);
  }
  const stranger = connect();
  for (const name of names) stranger.session.handle({ type: "fetch", name, check: true });
  const { session, lines } = connect();
  session.handle({ type: "fetch", name: "a", check: true });
  await until(() => lines.some(({ sha256 }) => sha256 !== undefined));
  stranger.session.close();
  session.close();
  for (const name of names) rmSync(join(base, "FILES", name));
});

test("an offer repeats the ref, and a check is followed by all digests in order", async () => {
  const { session, lines } = connect();
  session.handle({ type: "fetch", name: "a", check: true, ref: "r" });
  expect(lines[0]).toMatchObject({
    type: "offer",
    ref: "r",
    transfer: 1,
    name: "a",
    udpPort: service.udpPort,
  });
  await until(() => lines.at(-1)?.["type"] === "digest");
  let next = 0;
  for (const { type, from, data } of lines.slice(1, -1)) {
    expect(type).toBe("digests");
    expect(from).toBe(next);
    next += Buffer.from(String(data), "base64").length / wire.digestBytes;
  }
  expect(next).toBe(chunks);
  const whole = new Bun.CryptoHasher("sha256").update(
    new Uint8Array(chunks * wire.minChunkBytes).fill(7),
  );
  expect(lines.at(-1)?.["sha256"]).toBe(whole.digest("hex"));
  session.close();
  expect(service.transferCount).toBe(0);
});

test("`fetched` ends a transfer; a second one of that number changes nothing", () => {
  const { session, lines } = connect();
  session.handle(fetchOf("b"));
  expect(lines[0]?.["type"]).toBe("offer");
  expect(service.transferCount).toBe(1);
  for (const transfer of [99, 1, 1]) session.handle({ type: "fetched", transfer });
  expect(service.transferCount).toBe(0);
  session.close();
});

test("a token in use is refused, and is free again afterwards", () => {
  const { session, lines } = connect();
  const line = fetchOf("b");
  session.handle(line);
  session.handle(line);
  expect(lines.map(({ type, code }) => code ?? type)).toEqual(["offer", "full"]);
  session.handle({ type: "fetched", transfer: 1 });
  session.handle(line);
  expect(lines[2]?.["type"]).toBe("offer");
  session.close();
  expect(service.transferCount).toBe(0);
});

test("transfers are limited per connection and per address", () => {
  const { session, lines } = connect();
  for (let i = 0; i <= limits.maxTransfersPerSession; i++) session.handle(fetchOf("b"));
  expect(lines.filter(({ type }) => type === "offer").length).toBe(limits.maxTransfersPerSession);
  expect(lines.at(-1)?.["code"]).toBe("full");
  session.close();
  const many = Array.from({ length: 10 }, () => connect("192.0.2.1"));
  for (const one of many) {
    for (let i = 0; i < limits.maxTransfersPerSession; i++) one.session.handle(fetchOf("b"));
  }
  expect(service.transferCount).toBe(limits.maxTransfersPerAddress);
  for (const one of many) one.session.close();
  expect(service.transferCount).toBe(0);
});

test("digests wait while the connection is slow", async () => {
  const { session, lines, state } = connect();
  state.waitingBytes = limits.maxControlBytes + 1;
  session.handle({ type: "fetch", name: "a", check: true });
  await Bun.sleep(limits.digestsAfterMs * 6);
  expect(lines.map(({ type }) => type)).toEqual(["offer"]);
  state.waitingBytes = 0;
  await until(() => lines.at(-1)?.["type"] === "digest");
  session.close();
});

test("a changed file is reported once, with the number of the transfer", async () => {
  writeFileSync(join(base, "FILES", "c"), new Uint8Array(3 * limits.hashLeadBytes));
  const { session, lines } = connect();
  session.handle(fetchOf("c"));
  writeFileSync(join(base, "FILES", "c"), "other");
  await until(() => lines.some(({ type }) => type === "error"));
  service.wake();
  await Bun.sleep(20);
  expect(lines.filter(({ type }) => type === "error")).toEqual([
    { type: "error", code: "changed", transfer: 1, message: expect.any(String) },
  ]);
  session.close();
  rmSync(join(base, "FILES", "c"));
});

test("a file that the disk can no longer read ends its own transfer, and no other", async () => {
  const file = service.folder.open("b");
  const lost = {
    ...file,
    unchanged() {
      throw Object.assign(new Error("ESTALE: stale file handle, fstat"), { code: "ESTALE" });
    },
  };
  const broken = connect();
  const opening = spyOn(service.folder, "open").mockImplementation(() => lost);
  broken.session.handle(fetchOf("b"));
  opening.mockRestore();
  const { session, lines } = connect();
  session.handle({ type: "fetch", name: "a", check: true });
  await until(() => lines.at(-1)?.["type"] === "digest");
  expect(broken.lines.filter(({ type }) => type === "error")).toEqual([
    { type: "error", code: "storage", transfer: 1, message: expect.any(String) },
  ]);
  broken.session.close();
  session.close();
  expect(service.transferCount).toBe(0);
});

test("a closed connection gets no more answers", () => {
  const { session, lines } = connect();
  session.close();
  session.handle(fetchOf("b"));
  expect(lines).toEqual([]);
});

test("anything that passes the decoder is answered or refused, and never throws", () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(
      "a",
      "b",
      "../a",
      "/etc/passwd",
      "a\0",
      newToken(),
      newToken(),
      "AAAA",
      1,
      -1,
      2 ** 60,
      true,
    ),
  );
  const line = fc.record(
    {
      type: fc.constantFrom("fetch", "fetched", "offer"),
      name: value,
      token: value,
      check: value,
      held: value,
      request: fc.oneof(value, fc.base64String({ maxLength: 200 })),
      address: value,
      port: value,
      transfer: value,
    },
    { requiredKeys: ["type"] },
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), (all) => {
      const { session, lines } = connect();
      for (const one of all) {
        const message = decodeClient(JSON.stringify(one));
        if (message.type === "fetch" || message.type === "fetched") session.handle(message);
      }
      for (const { type } of lines)
        expect(["offer", "error", "digests", "digest"]).toContain(String(type));
      session.close();
    }),
    { numRuns: 200 },
  );
  expect(service.transferCount).toBe(0);
});
