// A data file has a bound in bytes: who has written the most loses the oldest of it, nobody else loses anything.

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteHistory, type SqliteHistory } from "../../src/store/sqlite.ts";
import { emptyTurn, mail, record, says, tidyAll } from "./turns.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-bytes-"));
let store: SqliteHistory | undefined;
let files = 0;

afterEach(() => store?.close());
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const fileBytes = 4_000_000;

function open(): SqliteHistory {
  store = openSqliteHistory(join(folder, `${++files}.db`), { retention: { fileBytes } });
  return store;
}

function usedBytes({ db }: SqliteHistory): number {
  const pages = (name: string) =>
    db.query<Record<string, number>, []>(`PRAGMA ${name}`).get()![name]!;
  return (pages("page_count") - pages("freelist_count")) * pages("page_size");
}

test("a flood in one room takes nothing from the others, and its numbers go on", () => {
  const history = open();
  history.append(says("lobby", 1, 200));
  history.append({
    ...emptyTurn,
    sessions: [record("bob")],
    mail: [{ session: "bob", message: mail(1) }],
  });
  const text = "x".repeat(10_000);
  for (let seq = 1; seq <= 1_000; seq++) history.append(says("flood", seq, seq, { text }));
  expect(usedBytes(history)).toBeGreaterThan(fileBytes);
  tidyAll(history, 2_000);
  expect(usedBytes(history)).toBeLessThanOrEqual(fileBytes);
  expect(history.after("lobby", 0, 999)).toHaveLength(200);
  expect(history.mailAfter("bob", 0, 9)).toHaveLength(1);
  const first = history.firstSeq("flood");
  expect(first).toBeGreaterThan(500);
  expect(history.after("flood", 0, 1)[0]?.seq).toBe(first <= 1_000 ? first : undefined);
  expect(history.lastSeq("flood")).toBe(1_000);
  history.append(says("flood", 1_001, 1_001));
  expect(history.after("flood", 1_000, 9)).toHaveLength(1);
});

test("a flood of mail takes nothing from rooms and from other mailboxes", () => {
  const history = open();
  history.append(says("lobby", 1, 200));
  const sessions = ["bob", "m1", "m2"].map((id) => record(id, { name: id }));
  history.append({ ...emptyTurn, sessions, mail: [{ session: "bob", message: mail(1) }] });
  const text = "x".repeat(10_000);
  for (let i = 1; i <= 900; i++) {
    const message = mail(i, { text });
    history.append({ ...emptyTurn, mail: ["m1", "m2"].map((session) => ({ session, message })) });
  }
  expect(usedBytes(history)).toBeGreaterThan(4 * fileBytes);
  tidyAll(history, 2_000);
  expect(usedBytes(history)).toBeLessThanOrEqual(fileBytes);
  expect(history.after("lobby", 0, 999)).toHaveLength(200);
  expect(history.mailAfter("bob", 0, 9)).toHaveLength(1);
});
