// The history in an SQLite file: the contract, and that it outlives its process.

import { afterAll, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteHistory } from "../../src/store/sqlite.ts";
import { historyContract } from "./history.contract.ts";
import { emptyTurn, mail, record, says, tidyAll } from "./turns.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-sqlite-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freshPath = (): string => join(folder, `${++files}.db`);

historyContract("sqlite", (retention = {}) => openSqliteHistory(freshPath(), { retention }));

describe("sqlite", () => {
  test("everything is there after a restart, under the same epoch", () => {
    const path = freshPath();
    const first = openSqliteHistory(path);
    const session = record("s1", { n: 4, mail: 1 });
    const letter = { session: "s1", message: mail(1) };
    first.append({ ...says("lobby", 1, 100), mail: [letter], sessions: [session] });
    first.close();

    const second = openSqliteHistory(path);
    expect(second.epoch).toBe(first.epoch);
    expect(second.lastSeq("lobby")).toBe(100);
    expect(second.after("lobby", 0, 1_000)).toEqual([...says("lobby", 1, 100).said]);
    expect(second.session("s1")).toEqual(session);
    expect(second.mailAfter("s1", 0, 9)).toEqual([letter.message]);
    second.append(says("lobby", 101, 101));
    second.close();
  });

  test("numbers go on after everything was forgotten and the server restarted", () => {
    const path = freshPath();
    const first = openSqliteHistory(path, { retention: { maxAgeMs: 10, rooms: 1 } });
    first.append(says("a", 1, 700));
    first.append(says("b", 1, 5));
    tidyAll(first, 1e9);
    first.close();
    const second = openSqliteHistory(path);
    // Room a is forgotten altogether: too many rooms. Whatever is new begins after its numbers.
    expect(second.lastSeq("a")).toBe(700);
    expect(second.lastSeq("b")).toBe(5);
    expect(second.lastSeq("c")).toBe(700);
    second.append(says("b", 6, 6));
    second.append(says("a", 701, 701));
    expect(second.after("a", 0, 9)).toHaveLength(1);
    second.close();
  });

  test("a closed file stands alone: no log, no lock", () => {
    const path = freshPath();
    const store = openSqliteHistory(path);
    store.append(says("lobby", 1, 10));
    store.close();
    const beside = readdirSync(folder).filter((name) => name.startsWith(`${files}.db`));
    expect(beside).toEqual([`${files}.db`]);
  });

  test("a turn that fails half way changes nothing, and the next one works", () => {
    const store = openSqliteHistory(freshPath());
    store.append({ ...says("lobby", 1, 3), sessions: [record("s1", { n: 3 })] });
    const broken = {
      said: [...says("lobby", 4, 5).said, ...says("den", 1, 2).said],
      mail: [1, 1].map((number) => ({ session: "s1", message: mail(number) })),
      sessions: [record("s1", { n: 5 })],
    };
    expect(() => store.append(broken)).toThrow("can't be written");
    expect(store.lastSeq("lobby")).toBe(3);
    expect(store.lastSeq("den")).toBe(0);
    expect(store.session("s1")?.n).toBe(3);
    expect(store.mailAfter("s1", 0, 9)).toEqual([]);
    store.append(says("lobby", 4, 5));
    store.append(says("den", 1, 2));
    expect(store.after("lobby", 0, 9)).toHaveLength(5);
    store.close();
  });

  test("people can query it while the server runs: the view `chat`", () => {
    const path = freshPath();
    const store = openSqliteHistory(path);
    store.append(says("lobby", 1, 3, { timeMs: 1_763_700_000_123, text: "hi" }));
    const db = new Database(path, { readonly: true });
    const rows = db
      .query("SELECT room, seq, time, sender, text FROM chat WHERE room = 'lobby'")
      .all();
    expect(rows).toHaveLength(3);
    expect(rows[0]).toEqual({
      room: "lobby",
      seq: 1,
      time: "2025-11-21T04:40:00.123Z",
      sender: "Ann",
      text: "hi",
    });
    db.close();
    store.append(says("lobby", 4, 4));
    store.close();
  });

  test("forgetting goes in bounded slices", () => {
    const store = openSqliteHistory(freshPath(), { retention: { messages: 10 } });
    for (let seq = 1; seq <= 5_000; seq += 500) store.append(says("lobby", seq, seq + 499));
    const count = () =>
      store.db.query<{ n: number }, []>("SELECT count(*) AS n FROM messages").get()!.n;
    let before = count();
    while (store.tidy(0)) {
      expect(before - count()).toBeLessThanOrEqual(500);
      before = count();
    }
    expect(before).toBe(10);
    store.close();
  });

  test("a room in which somebody speaks while the quietest are sought is none of them", () => {
    const store = openSqliteHistory(freshPath(), { retention: { rooms: 1 } });
    store.append(says("quiet", 1, 900));
    store.append(says("quieter", 1, 900, { timeMs: 1 }));
    // One slice has looked at all rooms.
    store.tidy(2_000);
    store.append(says("quieter", 901, 901, { timeMs: 2_000 }));
    tidyAll(store, 2_000);
    expect(store.after("quiet", 0, 9)).toEqual([]);
    expect(store.lastSeq("quiet")).toBe(900);
    expect(store.after("quieter", 0, 9)).toHaveLength(9);
    store.close();
  });

  test("synchronous is NORMAL unless FULL is asked for", () => {
    for (const [synchronous, level] of [
      ["normal", 1],
      ["full", 2],
    ] as const) {
      const store = openSqliteHistory(freshPath(), { synchronous });
      expect(store.db.query("PRAGMA synchronous").get()).toEqual({ synchronous: level });
      expect(store.db.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
      store.append({ ...emptyTurn, sessions: [record("s")] });
      store.close();
    }
  });
});
