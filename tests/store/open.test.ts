// The store as opened by a server: with the operator's retention settings.

import { Database } from "bun:sqlite";
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

test("a server that can't delete what is too old says why, once until it can again", async () => {
  const path = join(folder, "busy.db");
  const logged: string[] = [];
  const { store, close } = openLocalStore({ path, retention: { messages: 3 } }, (line) =>
    logged.push(line),
  );
  const writer = new Writer(store);
  const other = new Database(path);
  for (let times = 1; times <= 2; times++) {
    for (let batch = 0; batch < 2; batch++) {
      writer.commit({ rooms: [{ room: "lobby", runs: [run("lobby", texts(9))] }] });
    }
    other.run("BEGIN IMMEDIATE");
    expect([store.sweep(), store.sweep()]).toEqual([false, false]);
    other.run("ROLLBACK");
    expect(logged).toHaveLength(times);
    while (store.sweep());
  }
  expect(logged[1]).toContain("was not deleted");
  expect(logged[1]).toContain("another program is writing to it");
  other.close();
  await close();
});

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
