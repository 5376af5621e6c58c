// The store as opened by a server: with the operator's retention settings.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { history as limits } from "../../src/limits.ts";
import { openLocalStore } from "../../src/store/open.ts";
import { run, texts, Writer } from "./batches.ts";
import { testFolder } from "../test-folder.ts";

const folder = testFolder("open");

for (const [where, path] of [
  ["in memory", undefined],
  ["in a file", join(folder, "chat.db")],
] as const) {
  test(`${where}, no more messages are kept than configured`, () => {
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

/** The limits that the server applies to its networks. */
function pastOf(retention: { messages?: number }) {
  const { past, close } = openLocalStore({ path: undefined, retention }, () => {});
  close();
  return past;
}

test("a network's share of a room is a share of the kept messages", () => {
  expect(pastOf({}).room).toEqual({
    messages: limits.memoryMessages,
    bytes: limits.memoryRoomBytes,
  });
  expect(pastOf({ messages: 50_000 }).room.messages).toBe(50_000);
});

test("short retention slows nobody down", () => {
  expect(pastOf({ messages: 100 })).toEqual(pastOf({}));
});
