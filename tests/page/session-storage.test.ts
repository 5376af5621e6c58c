// The data that a tab keeps across a reload: read back as written, and validated.

import { expect, test } from "bun:test";
import { anything, assert, property, string } from "fast-check";
import { decodeStored, type StoredSession } from "../../src/page/session-storage.ts";

const stored: StoredSession = {
  name: "Ann",
  secret: "0123456789abcdef",
  token: "a-token",
  rooms: [
    {
      name: "lobby",
      unread: 0,
      mentions: 0,
      text: "half a sen",
      recipients: ["Bob"],
      writtenTo: "Bob",
    },
    { name: "den", unread: 7, mentions: 2, text: "", recipients: [], writtenTo: undefined },
  ],
  shown: "den",
  since: { epoch: "e1", mail: 3, rooms: [{ room: "lobby", seq: 41 }, { room: "den" }] },
  messages: [
    {
      kind: "message",
      room: undefined,
      from: "Bob",
      text: "psst",
      timeMs: 1_760_000_000_000,
      mine: false,
      isSealed: true,
      to: ["Ann"],
      seq: undefined,
      id: undefined,
      delivery: "sent",
      problem: undefined,
      mentionsMe: false,
    },
  ],
};

test("every part of a session is read back", () => {
  const read = decodeStored(JSON.stringify(stored));
  expect(JSON.stringify(read)).toBe(JSON.stringify(stored));
});

test("a session that was never online has no position", () => {
  const read = decodeStored(JSON.stringify({ ...stored, since: undefined, shown: undefined }));
  expect(read?.since).toBeUndefined();
  expect(read?.shown).toBeUndefined();
});

test("invalid data is ignored, and nothing throws", () => {
  for (const [key, value] of Object.entries(stored)) {
    const broken = { ...stored, [key]: typeof value === "string" ? 1 : "x" };
    expect([key, decodeStored(JSON.stringify(broken))]).toEqual([key, undefined]);
  }
  assert(
    property(anything(), string(), (value, text) => {
      expect(decodeStored(JSON.stringify(value) ?? "")).toBeUndefined();
      expect(decodeStored(text)).toBeUndefined();
    }),
  );
});
