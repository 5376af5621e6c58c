// The requests of somebody who fetches files, decoded without the rest of the protocol: exactly
// those of a client, whatever the line is.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { decodeClient } from "../../src/protocol/decode-client.ts";
import { encodeClient, encodeServer } from "../../src/protocol/encode.ts";
import { decodeRecipient } from "../../src/protocol/recipient-request.ts";
import { anyClientMessage, anyServerMessage } from "./messages.ts";

const types = new Set<string>(["files", "tree", "fetch", "pull", "fetched", "ping", "pong"]);

function expectSame(line: string): void {
  const message = decodeClient(line);
  expect(decodeRecipient(line)).toEqual(
    (types.has(message.type) ? message : undefined) as ReturnType<typeof decodeRecipient>,
  );
}

test("of every message, and of lines with a part cut out", () => {
  const anyLine = fc.oneof(anyClientMessage.map(encodeClient), anyServerMessage.map(encodeServer));
  fc.assert(
    fc.property(anyLine, fc.nat(), fc.nat(8), (line, at, cut) => {
      expectSame(line);
      const start = at % line.length;
      expectSame(line.slice(0, start) + line.slice(start + cut));
    }),
    { numRuns: 2_000 },
  );
});

test("of lines that are no request", () => {
  for (const line of [
    "",
    "[]",
    "{}",
    '{"type":1}',
    '{"type":"__proto__"}',
    '{"type":"toString"}',
  ]) {
    expect(decodeRecipient(line)).toBeUndefined();
  }
});
