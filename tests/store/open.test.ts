// The store as a server opens it: with the retention that its operator chose.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../src/store/open.ts";
import { run, texts, Writer } from "./batches.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-open-"));
afterAll(() => rmSync(folder, { recursive: true }));

for (const [where, path] of [
  ["in memory", undefined],
  ["in a file", join(folder, "chat.db")],
] as const) {
  test(`${where}, no more messages are kept than asked for`, () => {
    const { store, close } = openStore({ path, retention: { messages: 3 } }, () => {});
    const writer = new Writer(store);
    for (let turn = 0; turn < 5; turn++) {
      writer.commit({ rooms: [{ room: "lobby", runs: [run("lobby", texts(1))] }] });
    }
    while (store.sweep());
    expect(store.rooms.bounds("lobby")).toEqual({ first: 3, last: 5 });
    close();
  });
}
