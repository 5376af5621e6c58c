// The store as a server opens it: with the retention that its operator chose.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { history as limits } from "../../src/limits.ts";
import { openLocalStore } from "../../src/store/open.ts";
import { run, texts, Writer } from "./batches.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-open-"));
afterAll(() => rmSync(folder, { recursive: true }));

for (const [where, path] of [
  ["in memory", undefined],
  ["in a file", join(folder, "chat.db")],
] as const) {
  test(`${where}, no more messages are kept than asked for`, () => {
    const { store, close } = openLocalStore({ path, retention: { messages: 3 } }, () => {});
    const writer = new Writer(store);
    for (let turn = 0; turn < 5; turn++) {
      writer.commit({ rooms: [{ room: "lobby", runs: [run("lobby", texts(1))] }] });
    }
    while (store.sweep());
    expect(store.rooms.bounds("lobby")).toEqual({ first: 3, last: 5 });
    close();
  });
}

/** What the server holds its networks to. */
function pastOf(retention: { messages?: number }) {
  const { past, close } = openLocalStore({ path: undefined, retention }, () => {});
  close();
  return past;
}

test("a network's part of a room is a part of what is kept", () => {
  expect(pastOf({}).room).toEqual({
    messages: limits.memoryMessages,
    bytes: limits.memoryRoomBytes,
  });
  expect(pastOf({ messages: 50_000 }).room.messages).toBe(50_000);
});

test("nobody is slowed down because an operator keeps little", () => {
  expect(pastOf({ messages: 100 })).toEqual(pastOf({}));
});
