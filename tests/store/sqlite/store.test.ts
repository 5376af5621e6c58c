// The store in an SQLite file: the contract, and that data survives the process.

import { describe, expect, test, spyOn } from "bun:test";
import { Database } from "bun:sqlite";
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { accountMailbox } from "../../../src/chat/accounts/account-store.ts";
import { history } from "../../../src/limits.ts";
import { deletedText } from "../../../src/protocol/messages.ts";
import { maxRoomId } from "../../../src/store/sqlite/batch-key.ts";
import { openSqliteStore, type SqliteStore } from "../../../src/store/sqlite/store.ts";
import { answerRequest } from "../../../src/store/answer.ts";
import { localBackend } from "../asked-store.ts";
import { logged, mail, run, sweepAll, texts, update, Writer } from "../batches.ts";
import { storeContract, type WhileFailing } from "../store.contract.ts";
import { cpuMsOf } from "../../cpu-time.ts";
import { testFolder } from "../../test-folder.ts";
import { until } from "../../until.ts";

const folder = testFolder("sqlite");
let files = 0;
const freshPath = (): string => join(folder, `${++files}.db`);

/** A copy of a new file: whoever makes one waits several times for the disk. */
function newFile(): string {
  const made = join(folder, "new.db");
  if (!existsSync(made)) openSqliteStore(made).close();
  const path = freshPath();
  copyFileSync(made, path);
  return path;
}

let current: SqliteStore;
function open(options: Parameters<typeof openSqliteStore>[1] = {}, path = newFile()) {
  const store = openSqliteStore(path, options);
  current = store;
  return { store, writer: new Writer(store) };
}

/** Everything has been written by then; COMMIT itself fails. */
const whileFailing: WhileFailing = async (body) => {
  const { db } = current;
  db.run(`
    PRAGMA foreign_keys = ON;
    CREATE TEMP TABLE IF NOT EXISTS parents (id INTEGER PRIMARY KEY);
    CREATE TEMP TABLE IF NOT EXISTS orphans (
      id INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED
    );
    CREATE TEMP TRIGGER IF NOT EXISTS spoil AFTER INSERT ON mail
      WHEN (SELECT foreign_keys FROM pragma_foreign_keys)
      BEGIN INSERT INTO orphans VALUES (1); END;
  `);
  await body();
  db.run("PRAGMA foreign_keys = OFF; DELETE FROM orphans");
};

const said = (room: string, count: number) => ({ room, runs: [run(room, texts(count))] });

storeContract(
  "sqlite",
  (retention, clock) => localBackend(open({ retention, clock }).store),
  whileFailing,
);

describe("sqlite", () => {
  test("everything survives a restart, under the same epoch", () => {
    const path = freshPath();
    const { store: first, writer } = open({}, path);
    const runs = [run("lobby", texts(100))];
    const session = update("s1", { n: 4 });
    const letter = mail("s1", "psst");
    writer.commit({ rooms: [{ room: "lobby", runs }], mail: [letter], sessions: [session] });
    first.close();

    const { store, writer: again } = open({}, path);
    expect(store.epoch).toBe(first.epoch);
    expect(store.rooms.bounds("lobby")).toEqual({ first: 1, last: 100 });
    expect(store.rooms.after("lobby", 0, 1_000)).toEqual(logged(runs, 1));
    expect(store.sessions.load("s1")).toEqual({ ...session, mail: 1 });
    expect(store.mailboxes.after("s1", 0, 9)).toEqual([{ ...letter.message, mail: 1 }]);
    // Each process numbers its batches from 1.
    expect(again.commit({ mail: [letter] }).mail).toEqual([2]);
    expect(again.say("lobby")).toBe(101);
    store.close();
  });

  test("numbering continues after everything was deleted and the server restarted", () => {
    const path = freshPath();
    let nowMs = 1_000;
    const options = { retention: { maxAgeMs: 10, rooms: 1 }, clock: () => nowMs };
    const { store: first, writer } = open(options, path);
    writer.say("a", 700);
    writer.say("b", 5);
    nowMs = 1e9;
    sweepAll(first);
    first.close();
    const { store, writer: again } = open({}, path);
    // Room a is dropped completely: too many rooms. Any new room starts after its numbers.
    expect(store.rooms.bounds("a").last).toBe(700);
    expect(store.rooms.bounds("b").last).toBe(5);
    expect(store.rooms.bounds("c").last).toBe(700);
    expect(again.say("b")).toBe(6);
    expect(again.say("a")).toBe(701);
    expect(store.rooms.after("a", 0, 9)).toHaveLength(1);
    store.close();
  });

  test("the store's clock resumes where it was, however long the server was stopped", () => {
    const path = freshPath();
    const { store: first, writer } = open({ clock: () => 5_000 }, path);
    writer.say("lobby");
    first.close();
    const { store } = open({}, path);
    sweepAll(store);
    expect(store.rooms.after("lobby", 0, 9)).toHaveLength(1);
    store.close();
  });

  test("a closed file is complete in itself: no log, no lock", () => {
    const { store, writer } = open();
    writer.say("lobby", 10);
    store.close();
    const beside = readdirSync(folder).filter((name) => name.startsWith(`${files}.db`));
    expect(beside).toEqual([`${files}.db`]);
  });

  test("a batch that fails half way, or at its end, changes nothing, and the next one works", async () => {
    const { store, writer } = open();
    writer.commit({ rooms: [said("lobby", 3)], sessions: [update("s1", { n: 3 })] });
    const batch = {
      rooms: [said("lobby", 2), said("den", 2)],
      mail: [mail("s1", "psst"), mail("s2", "psst")],
      sessions: [update("s1", { n: 5 })],
    };
    const expectUnchanged = (): void => {
      expect(store.rooms.bounds("lobby").last).toBe(3);
      expect(store.rooms.bounds("den").last).toBe(0);
      expect(store.sessions.load("s1")).toMatchObject({ n: 3, mail: 0 });
      expect(store.sessions.load("s2")).toBeUndefined();
      expect(store.mailboxes.after("s1", 0, 9)).toEqual([]);
    };
    store.db.run(`CREATE TEMP TRIGGER spoil AFTER INSERT ON mail WHEN new.session = 's2'
      BEGIN SELECT RAISE(ABORT, 'spoilt'); END`);
    expect(() => writer.commit(batch)).toThrow("can't be written: spoilt");
    store.db.run("DROP TRIGGER spoil");
    expectUnchanged();
    await whileFailing(async () => {
      expect(() => writer.commit(batch)).toThrow("can't be written");
    });
    expectUnchanged();
    expect(writer.commit(batch)).toEqual({ rooms: [4, 1], mail: [1, 1] });
    store.close();
  });

  test("people can query it while the server runs, with the view `chat`", () => {
    const path = freshPath();
    const { store, writer } = open({}, path);
    const runs = [
      run("lobby", ["hi", `say "\\" '`], { timeMs: 1_763_700_000_123, n: 5 }),
      run("lobby", ["", "\u{1f600}"], { timeMs: 1_763_700_000_124, from: "Bob", alias: "B" }),
    ];
    writer.commit({ rooms: [{ room: "lobby", runs }] });
    writer.say("den");
    store.rooms.erase("lobby", 4);
    const db = new Database(path, { readonly: true });
    const rows = db.query("SELECT * FROM chat WHERE room = 'lobby' ORDER BY seq DESC").all();
    const ann = { room: "lobby", sender: "Ann", alias: null, time_ms: 1_763_700_000_123 };
    const bob = { room: "lobby", sender: "Bob", alias: "B", time_ms: 1_763_700_000_124 };
    const [time, later] = ["2025-11-21T04:40:00.123Z", "2025-11-21T04:40:00.124Z"];
    expect(rows).toEqual([
      { ...bob, seq: 4, time: later, text: deletedText, n: null, deleted: 1 },
      { ...bob, seq: 3, time: later, text: "", n: null, deleted: 0 },
      { ...ann, seq: 2, time, text: `say "\\" '`, n: 6, deleted: 0 },
      { ...ann, seq: 1, time, text: "hi", n: 5, deleted: 0 },
    ]);
    db.close();
    writer.say("lobby");
    store.close();
  });

  test("another program can read what was committed, make a complete copy, and write", () => {
    const path = freshPath();
    const copy = freshPath();
    const { store, writer } = open({}, path);
    const other = new Database(path);
    for (let i = 1; i <= 20; i++) {
      writer.say("lobby");
      expect(other.query("SELECT max(seq) AS last FROM chat").get()).toEqual({ last: i });
      other.run("UPDATE meta SET value = ? WHERE key = 'epoch'", [`epoch ${i}`]);
    }
    other.query("VACUUM INTO ?").run(copy);
    const registrations = store.db.prepare("DELETE FROM registrations");
    other.run("DELETE FROM registrations");
    store.transact(() => registrations.run());
    registrations.finalize();
    other.run("DELETE FROM mail");
    while (store.sweep()) continue;
    other.close();
    expect(writer.say("lobby")).toBe(21);
    store.close();
    const { store: copied } = open({}, copy);
    expect(copied.epoch).toBe("epoch 20");
    expect(copied.rooms.after("lobby", 0, 99)).toHaveLength(20);
    copied.close();
  });

  test("while another program is writing, a batch fails, and succeeds afterwards", () => {
    const path = freshPath();
    const { store, writer } = open({}, path);
    const other = new Database(path);
    writer.say("lobby");
    other.run("BEGIN IMMEDIATE");
    expect(() => writer.say("lobby")).toThrow("another program is writing to it");
    other.run("COMMIT");
    expect(writer.say("lobby")).toBe(2);
    other.close();
    store.close();
  });

  test("the write-ahead log stays short, whatever is written", () => {
    const path = freshPath();
    const { store, writer } = open({}, path);
    const logBytes = () => statSync(`${path}-wal`).size;
    for (let i = 0; i < 3_000; i++) writer.say("lobby", 1);
    const small = logBytes();
    for (let i = 0; i < 1_000; i++) writer.say("lobby", ["x".repeat(16_000)]);
    const large = logBytes();
    for (let i = 0; i < 3_000; i++) writer.commit({ mail: [mail("s1", "x".repeat(4_000))] });
    // 4 MiB nominally; deletions of old mail are not estimated.
    for (const bytes of [small, large]) expect(bytes).toBeLessThan(5 * 1024 * 1024);
    expect(logBytes()).toBeLessThan(12 * 1024 * 1024);
    // A sweep checkpoints the rest.
    sweepAll(store);
    const other = new Database(path);
    expect(other.query("PRAGMA wal_checkpoint(PASSIVE)").get()).toMatchObject({ busy: 0 });
    other.close();
    store.close();
  });

  test("half a log is flushed by another thread, then checkpointed", async () => {
    const path = freshPath();
    const { store, writer } = open({}, path);
    const emptyBytes = statSync(path).size;
    for (let i = 0; i < 300; i++) writer.say("lobby", [String(i)]);
    expect(statSync(path).size).toBe(emptyBytes);
    await until(() => statSync(path).size > emptyBytes, "a checkpoint");
    store.close();
  });

  test("closing the file while its log is being flushed", async () => {
    const path = freshPath();
    const { store, writer } = open({}, path);
    for (let i = 0; i < 300; i++) writer.say("lobby", [String(i)]);
    store.close();
    await Bun.sleep(0);
    const { store: again } = open({}, path);
    expect(again.rooms.bounds("lobby")).toEqual({ first: 1, last: 300 });
    again.close();
  });

  test("a page of 500 is read fast from a long room, of single messages and of long batches", () => {
    const { store, writer } = open();
    for (let i = 0; i < 100; i++) {
      const runs = Array.from({ length: 1_000 }, (_, k) => `single ${i * 1_000 + k}`);
      for (const text of runs) writer.say("singles", [text]);
    }
    for (let i = 0; i < 4; i++) writer.say("batches", 5_000);
    for (const room of ["singles", "batches"]) {
      const { last } = store.rooms.bounds(room);
      const timesMs = [0, 1_000, last / 2, last - 500].map((seq) =>
        cpuMsOf(() => expect(store.rooms.after(room, seq, 500)).toHaveLength(500)),
      );
      // Unpacking everything would take 50 ms.
      expect(Math.min(...timesMs)).toBeLessThan(10);
    }
    store.close();
  }, 180_000);

  test("room IDs wrap around, skipping those in use, and no room reads another's messages", () => {
    const { store, writer } = open();
    const addRoom = store.db.prepare("INSERT INTO rooms VALUES (?, ?, 1, 0)");
    for (const id of [maxRoomId, 1, 3]) addRoom.run(id, `r${id}`);
    addRoom.finalize();
    for (const room of ["a", `r${maxRoomId}`, "b", "r3", "c"]) {
      writer.say(room, [`first in ${room}`]);
      writer.say(room, [`second in ${room}`]);
    }
    const ids = store.db.query("SELECT name, id FROM rooms WHERE length(name) = 1 ORDER BY name");
    expect(ids.values()).toEqual([
      ["a", 2],
      ["b", 4],
      ["c", 5],
    ]);
    for (const room of ["a", `r${maxRoomId}`, "b", "r3", "c"]) {
      const said = store.rooms.after(room, 0, 99).map(({ text }) => text);
      expect(said).toEqual([`first in ${room}`, `second in ${room}`]);
    }
    expect(store.rooms.after("r1", 0, 9)).toEqual([]);
    store.close();
  });

  test("deletion happens in bounded slices", () => {
    const { store, writer } = open({ retention: { messages: 10 } });
    for (let i = 0; i < 5_000; i++) writer.say("lobby");
    const count = () =>
      store.db.query<{ n: number }, []>("SELECT count(*) AS n FROM batches").get()!.n;
    let before = count();
    while (store.sweep()) {
      expect(before - count()).toBeLessThanOrEqual(500);
      before = count();
    }
    expect(before).toBe(10);
    store.close();
  });

  test("a room with new messages during the search for the quietest is not one of them", () => {
    const { store, writer } = open({ retention: { rooms: 1 } });
    writer.say("quiet", 900);
    writer.say("quieter", 900, { timeMs: 1 });
    // One slice has examined all rooms.
    store.sweep();
    writer.say("quieter");
    sweepAll(store);
    expect(store.rooms.after("quiet", 0, 9)).toEqual([]);
    expect(store.rooms.bounds("quiet").last).toBe(900);
    expect(store.rooms.after("quieter", 0, 9)).toHaveLength(9);
    store.close();
  });

  test("names are reserved from the last moment of the previous process, whatever the clock says", () => {
    for (const startMs of [500, 9_000, 1_000_000]) {
      const path = freshPath();
      const first = open({}, path);
      const away = update("s1", { name: "ann", seenMs: 1_000 });
      const here = update("s2", { name: "bob", seenMs: 4_000 });
      first.writer.commit({ sessions: [away, here, update("s3", { name: "", n: 1 })] });
      first.store.close();
      const { store } = open({}, path);
      store.resumeSessions(startMs);
      expect(store.sessions.find("bob", 0)?.seenMs).toBe(startMs);
      expect(store.sessions.find("ann", -9_999)?.seenMs).toBe(startMs - 3_000);
      store.close();
    }
    const { store } = open();
    store.resumeSessions(5);
    store.close();
  });

  test("of very many sessions of one name, only those that got it last are looked at", () => {
    const { store, writer } = open();
    for (let seenMs = history.maxNamesakes; seenMs >= 0; seenMs--) {
      writer.commit({ sessions: [update(`s${seenMs}`, { seenMs })] });
    }
    expect(store.sessions.find("ann", 0)?.seenMs).toBe(history.maxNamesakes - 1);
    store.close();
  });

  test("a sweep looks for old sessions where the mailboxes of accounts are not", () => {
    let nowMs = 1_000;
    const { store, writer } = open({ retention: { sessionAgeMs: 1_000 }, clock: () => nowMs });
    writer.commit({ mail: [mail(accountMailbox("a"), "psst"), mail("early", "psst")] });
    nowMs = 5_000;
    const query = spyOn(store.db, "query");
    sweepAll(store);
    const searched = query.mock.calls.flatMap(([sql]) =>
      /SELECT id FROM sessions/.test(sql) ? [sql] : [],
    );
    query.mockRestore();
    const plans = searched.map((sql) => {
      const steps = store.db.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all();
      return steps.map(({ detail }) => /USING (COVERING )?INDEX (\w+)/.exec(detail)?.[2]).join();
    });
    expect(new Set(plans)).toEqual(new Set(["sessions_by_age", "sessions_gone"]));
    for (const index of new Set(plans)) {
      const indexed = `SELECT id FROM sessions INDEXED BY ${index} WHERE clock_ms < 9`;
      expect(() => store.db.query(`${indexed} AND name = ''`)).toThrow("no query solution");
    }
    expect(store.mailboxes.after(accountMailbox("a"), 0, 9)).toHaveLength(1);
    expect(store.sessions.load("early")).toBeUndefined();
    store.close();
  });

  test("synchronous is NORMAL unless FULL is requested", () => {
    for (const [synchronous, level] of [
      ["normal", 1],
      ["full", 2],
    ] as const) {
      const { store, writer } = open({ synchronous });
      expect(store.db.query("PRAGMA synchronous").get()).toEqual({ synchronous: level });
      expect(store.db.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
      writer.commit({ sessions: [update("s")] });
      store.close();
    }
  });
});

const secret = (i: number): string => `the text number ${i} that somebody wants gone`;

test("what is damaged in the file is refused, and ends nothing else", () => {
  const { store, writer } = open();
  writer.say("lobby", ["one"]);
  writer.commit({ mail: [mail("s1", "psst")] });
  store.db.run("UPDATE batches SET runs = '[{'");
  store.db.run("UPDATE mail SET recipients = '['");
  const room = { type: "read-room", room: "lobby", after: 0, limit: 9, id: 1 } as const;
  const letters = { type: "read-mail", session: "s1", after: 0, limit: 9, id: 2 } as const;
  const erase = { type: "erase-message", room: "lobby", seq: 1, id: 3 } as const;
  for (const request of [room, letters, erase]) {
    expect(answerRequest(store, request)).toMatchObject({
      outcome: "failed",
      error: { code: "storage", message: expect.stringContaining("is damaged in the data file") },
    });
  }
  expect(writer.say("lobby", ["two"])).toBe(2);
});

test("deleted data is not in the file any more, once it is closed", () => {
  const path = freshPath();
  const { store, writer } = open({}, path);
  const runs = [run("lobby", [...texts(50), secret(1), ...texts(50)])];
  writer.commit({ rooms: [{ room: "lobby", runs }] });
  writer.commit({ mail: [mail("s1", secret(2))], sessions: [update("s1")] });
  store.accounts.change({
    type: "register",
    account: "a1",
    name: "Ann",
    folded: "ann",
    key: undefined,
    password: undefined,
    atMs: 1,
  });
  writer.commit({ mail: [mail(accountMailbox("a1"), secret(3))] });
  store.close();
  const found = (): number[] => {
    const bytes = readFileSync(path);
    return [1, 2, 3].filter((i) => bytes.includes(secret(i)));
  };
  expect(found()).toEqual([1, 2, 3]);
  const { store: again } = open({}, path);
  expect(again.rooms.erase("lobby", 51)).toBe(true);
  again.accounts.change({ type: "delete", account: "a1", atMs: 2 });
  again.db.run("DELETE FROM mail");
  again.close();
  expect(found()).toEqual([]);
});
