// The file requests of one control connection, without the connection: answers, refusals, limits.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { clientAt } from "../../files/client-at.ts";
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { files as limits, transfer as wire } from "../../../src/limits.ts";
import { chunkOpener, exporterLabel, transferKey } from "../../../src/io/chunk-cipher.ts";
import { decodeClient } from "../../../src/protocol/decode-client.ts";
import type { FetchRequest, TransferRequest } from "../../../src/protocol/messages.ts";
import { FileService } from "../../../src/server/files/file-service.ts";
import { SharedFolder } from "../../../src/server/files/shared-folder.ts";
import { testFolder } from "../../test-folder.ts";
import { until } from "../../until.ts";

/** A message as tests inspect it. */
type Line = Record<string, unknown>;

const base = testFolder("session");
const chunks = 40;
const content = Buffer.alloc(chunks * wire.minChunkBytes, 7);
let service: FileService;

beforeAll(async () => {
  mkdirSync(join(base, "FILES"));
  writeFileSync(join(base, "FILES", "a"), content);
  writeFileSync(join(base, "FILES", "b"), "b");
  service = await FileService.open({
    folder: new SharedFolder(join(base, "FILES")),
    host: "127.0.0.1",
    port: 0,
  });
});

afterAll(() => service.close());

function connect(address = "127.0.0.1") {
  const lines: Line[] = [];
  const state = { waitingBytes: 0 };
  const session = service.session(clientAt(address), {
    send: (message) => lines.push({ ...message }),
    waitingBytes: () => state.waitingBytes,
  });
  return { session, lines, state };
}

const isTransferRequest = (message: { type: string }): message is TransferRequest =>
  message.type === "fetch" || message.type === "pull" || message.type === "fetched";

const decoded = (line: Line) => Buffer.from(String(line["data"]), "base64");

const newToken = () =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(wire.tokenBytes))).toString("base64url");

const fetchOf = (name: string): FetchRequest => ({ type: "fetch", name, token: newToken() });

test("hashes of large files keep a small one waiting for no longer than their turns", async () => {
  const names = Array.from({ length: limits.maxTransfersPerSession }, (_, i) => `huge ${i}`);
  for (const name of names) {
    writeFileSync(join(base, "FILES", name), "");
    truncateSync(join(base, "FILES", name), 2 ** 38);
  }
  const stranger = connect();
  for (const name of names) {
    stranger.session.handle({ type: "fetch", name, check: true, sha256: true });
  }
  const { session, lines } = connect();
  session.handle({ type: "fetch", name: "a", check: true, sha256: true });
  await until(() => lines.some(({ sha256 }) => sha256 !== undefined));
  stranger.session.close();
  session.close();
  for (const name of names) rmSync(join(base, "FILES", name));
});

test("a check returns the offer with the ref, and the digest only on request", async () => {
  const { session, lines } = connect();
  session.handle({ type: "fetch", name: "a", check: true, ref: "r" });
  session.handle({ type: "fetch", name: "a", check: true, sha256: true });
  expect(lines[0]).toMatchObject({
    type: "offer",
    ref: "r",
    transfer: 1,
    name: "a",
    udpPort: service.udpPort,
  });
  expect(service.transferCount).toBe(0);
  await until(() => lines.at(-1)?.["type"] === "digest");
  const whole = new Bun.CryptoHasher("sha256").update(content).digest("hex");
  expect(lines.slice(1)).toMatchObject([
    { type: "offer", transfer: 2 },
    { type: "digest", transfer: 2, sha256: whole },
  ]);
  session.close();
});

test("pulled data arrives over the connection, and decrypts with the tags", async () => {
  const { session, lines } = connect();
  const token = newToken();
  session.handle({ type: "fetch", name: "a", token });
  for (let at = 0; at < content.length; at += wire.maxPullBytes) {
    session.handle({ type: "pull", transfer: 1, offset: at, length: wire.maxPullBytes });
  }
  // Another transfer, and bytes that do not exist.
  session.handle({ type: "pull", transfer: 2, offset: 0, length: 1 });
  session.handle({ type: "pull", transfer: 1, offset: content.length, length: 1 });
  const received = (type: string) => lines.filter((line) => line["type"] === type);
  const tagBytes = () => received("tags").reduce((sum, line) => sum + decoded(line).length, 0);
  await until(() => tagBytes() === chunks * wire.tagBytes);
  const sealed = Buffer.alloc(content.length);
  for (const line of received("data")) decoded(line).copy(sealed, Number(line["offset"]));
  const key = transferKey({
    exported: undefined,
    transfer: 1,
    token: Buffer.from(token, "base64url"),
  });
  const open = chunkOpener(key);
  const tags = new Map(
    received("tags").flatMap((line) => {
      const all = decoded(line);
      return Array.from(
        { length: all.length / wire.tagBytes },
        (_, i) =>
          [
            Number(line["from"]) + i,
            all.subarray(i * wire.tagBytes, (i + 1) * wire.tagBytes),
          ] as const,
      );
    }),
  );
  for (const [index, tag] of tags) {
    const at = index * wire.minChunkBytes;
    const text = open(index, sealed.subarray(at, at + wire.minChunkBytes), tag);
    expect(Buffer.from(text ?? [])).toEqual(content.subarray(at, at + wire.minChunkBytes));
  }
  session.close();
});

test("inside TLS the key comes from the session", async () => {
  const exported = new Uint8Array(32).fill(5);
  const labels: string[] = [];
  const lines: Line[] = [];
  const session = service.session(clientAt("127.0.0.1"), {
    send: (message) => lines.push({ ...message }),
    exportKey(label) {
      labels.push(label);
      return exported;
    },
  });
  const token = newToken();
  session.handle({ type: "fetch", name: "b", token });
  session.handle({ type: "pull", transfer: 1, offset: 0, length: 1 });
  await until(() => lines.some(({ type }) => type === "tags"));
  const dataOf = (type: string) =>
    Buffer.from(String(lines.find((line) => line["type"] === type)?.["data"]), "base64");
  const secrets = { exported, transfer: 1, token: Buffer.from(token, "base64url") };
  const text = chunkOpener(transferKey(secrets))(0, dataOf("data"), dataOf("tags"));
  expect(Buffer.from(text ?? []).toString()).toBe("b");
  expect(labels).toEqual([exporterLabel]);
  session.close();
});

test("the memory of all transfers together is bounded, and freed", () => {
  const large = join(base, "FILES", "large");
  writeFileSync(large, "");
  truncateSync(large, wire.maxFileBytes);
  const sessions = Array.from({ length: 3 }, () => connect());
  for (const { session } of sessions) {
    for (let i = 0; i < limits.maxTransfersPerSession; i++) session.handle(fetchOf("large"));
  }
  const lines = sessions.flatMap(({ lines }) => lines);
  const offers = lines.filter(({ type }) => type === "offer").length;
  expect(offers).toBeGreaterThan(16);
  expect(offers).toBeLessThan(lines.length);
  expect(lines.at(-1)).toMatchObject({ type: "error", code: "full" });
  for (const { session } of sessions) session.close();
  const { session, lines: after } = connect();
  session.handle(fetchOf("large"));
  expect(after).toMatchObject([{ type: "offer", chunkBytes: wire.maxChunkBytes }]);
  truncateSync(large, wire.maxFileBytes + 1);
  session.handle(fetchOf("large"));
  expect(after.at(-1)).toMatchObject({ type: "error", code: "full" });
  session.close();
  rmSync(large);
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
      type: fc.constantFrom("fetch", "fetched", "pull", "offer"),
      name: value,
      token: value,
      check: value,
      sha256: value,
      held: value,
      offset: value,
      length: value,
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
        if (isTransferRequest(message)) session.handle(message);
      }
      for (const { type } of lines)
        expect(["offer", "error", "tags", "data", "digest"]).toContain(String(type));
      session.close();
    }),
    { numRuns: 200 },
  );
  expect(service.transferCount).toBe(0);
});
