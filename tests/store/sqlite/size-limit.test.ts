// A data file has a limit in bytes: the heaviest writers lose their oldest messages, and nobody
// else loses anything.

import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { accountsAt } from "../../../src/share-owner.ts";
import { openSqliteStore, type SqliteStore } from "../../../src/store/sqlite/store.ts";
import { mail, sweepAll, update, Writer } from "../batches.ts";
import { testFolder } from "../../test-folder.ts";

const folder = testFolder("bytes");
let opened: SqliteStore | undefined;
let files = 0;

afterEach(() => opened?.close());

const fileBytes = 4_000_000;
const long = ["x".repeat(10_000)];

function open(): { store: SqliteStore; writer: Writer } {
  const path = join(folder, `${++files}.db`);
  const store = openSqliteStore(path, { retention: { fileBytes }, clock: () => 1_000 });
  opened = store;
  return { store, writer: new Writer(store) };
}

function usedBytes({ db }: SqliteStore): number {
  const pages = (name: string) =>
    db.query<Record<string, number>, []>(`PRAGMA ${name}`).get()![name]!;
  return (pages("page_count") - pages("freelist_count")) * pages("page_size");
}

test("a flood in one room takes nothing from the others, and its numbering continues", () => {
  const { store, writer } = open();
  writer.say("lobby", 200);
  writer.commit({ sessions: [update("bob")], mail: [mail("bob", "psst")] });
  for (let i = 0; i < 1_000; i++) writer.say("flood", long);
  expect(usedBytes(store)).toBeGreaterThan(fileBytes);
  sweepAll(store);
  expect(usedBytes(store)).toBeLessThanOrEqual(fileBytes);
  expect(store.rooms.after("lobby", 0, 999)).toHaveLength(200);
  expect(store.mailboxes.after("bob", 0, 9)).toHaveLength(1);
  const { first, last } = store.rooms.bounds("flood");
  expect(first).toBeGreaterThan(500);
  expect(store.rooms.after("flood", 0, 1)[0]?.seq).toBe(first <= 1_000 ? first : undefined);
  expect(last).toBe(1_000);
  expect(writer.say("flood")).toBe(1_001);
  expect(store.rooms.after("flood", 1_000, 9)).toHaveLength(1);
});

test("a flood of mail takes nothing from rooms, other mailboxes and other networks", () => {
  const { store, writer } = open();
  writer.say("lobby", 200);
  writer.commit({ mail: ["bob", "m1"].map((session) => mail(session, "psst")) });
  for (let i = 1; i <= 900; i++) {
    const fields = { from: `Mallory${i}`, network: "198.51.100.7" };
    const letters = ["m1", "m2"].map((session) => mail(session, long[0]!, fields));
    writer.commit({ mail: letters });
  }
  expect(usedBytes(store)).toBeGreaterThan(4 * fileBytes);
  sweepAll(store);
  expect(usedBytes(store)).toBeLessThanOrEqual(fileBytes);
  expect(store.rooms.after("lobby", 0, 999)).toHaveLength(200);
  expect(store.mailboxes.after("bob", 0, 9)).toHaveLength(1);
  expect(store.mailboxes.after("m1", 0, 1)[0]).toMatchObject({ mail: 1, from: "Ann" });
});

test("one user's flood takes nothing from others with registered names at the same network", () => {
  const { store, writer } = open();
  const office = accountsAt("192.0.2.1");
  const from = (name: string, text: string) => mail("m1", text, { from: name, network: office });
  writer.commit({ mail: [from("Ann", "psst")] });
  for (let i = 1; i <= 900; i++) writer.commit({ mail: [from("Mallory", long[0]!)] });
  writer.commit({ mail: [from("Ben", "psst")] });
  sweepAll(store);
  expect(usedBytes(store)).toBeLessThanOrEqual(fileBytes);
  const kept = store.mailboxes.after("m1", 0, 1_000).map((message) => message.from);
  expect(kept[0]).toBe("Ann");
  expect(kept.at(-1)).toBe("Ben");
  expect(kept.length).toBeLessThan(900);
});

test("a flood from all of an IPv6 /48 takes nothing from others", () => {
  const { store, writer } = open();
  const friend = { from: "Ann", network: "2001:db8:7:1::/64" };
  for (const text of ["first", "second"]) writer.commit({ mail: [mail("m1", text, friend)] });
  for (let i = 1; i <= 900; i++) {
    const fields = { from: "Mallory", network: `2001:db8:2:${i.toString(16)}::/64` };
    writer.commit({ mail: [mail("m1", long[0]!, fields)] });
  }
  writer.commit({ mail: [mail("m1", long[0]!, friend)] });
  sweepAll(store);
  expect(usedBytes(store)).toBeLessThanOrEqual(fileBytes);
  const kept = store.mailboxes.after("m1", 0, 1_000).map(({ mail: number }) => number);
  expect(kept.slice(0, 2)).toEqual([1, 2]);
  expect(kept.at(-1)).toBe(903);
  expect(kept.length).toBeLessThan(900);
});
