// Data files of earlier versions are migrated atomically when opened: files written by parley 0.1.0
// and by the program of version 2, a large one, and one whose migration was killed.

import { describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { copyFileSync, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { deletedText } from "../../src/protocol/messages.ts";
import { openRegistrations } from "../../src/store/registrations.ts";
import { applicationId, migrate, schemaVersion, versionOf } from "../../src/store/sqlite/schema.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { mail, sweepAll, Writer } from "./batches.ts";
import { testFolder } from "../test-folder.ts";

const folder = testFolder("migration");
let files = 0;
const freshPath = (): string => join(folder, `${++files}.db`);

/** The fixture's tables as seen by SQL. */
type Contents = {
  chat: {
    room: string;
    seq: number;
    text: string;
    alias: string | null;
    n: number | null;
    deleted?: number;
  }[];
  sessions: { id: string; name: string; n: number; mail: number; seen_ms: number }[];
  mail: {
    session: string;
    mail: number;
    time_ms: number;
    sender: string;
    alias: string | null;
    recipients: string;
    chat: number;
    text: string;
  }[];
};

function contents(path: string): Contents {
  using db = new Database(path, { readonly: true });
  return {
    chat: db.query<Contents["chat"][0], []>("SELECT * FROM chat ORDER BY room, seq").all(),
    sessions: db
      .query<Contents["sessions"][0], []>(
        "SELECT id, name, n, mail, seen_ms FROM sessions ORDER BY id",
      )
      .all(),
    mail: db
      .query<Contents["mail"][0], []>(
        `SELECT session, mail, time_ms, sender, alias, recipients, chat, text FROM mail
         ORDER BY session, mail`,
      )
      .all(),
  };
}

describe("a file of version 1", () => {
  const path = freshPath();
  copyFileSync(join(import.meta.dir, "fixtures/version-1.db"), path);
  const before = contents(path);

  test("has the content of the fixture", () => {
    expect(before.chat).toHaveLength(140);
    expect(before.chat.map(({ text }) => text)).toEqual(
      expect.arrayContaining(['"quoted" and \\ back\\slash\\', "emoji 😀 and 日本語", "100%"]),
    );
    expect(before.chat.filter(({ alias }) => alias === "Eve")).toHaveLength(2);
    expect(before.mail).toHaveLength(8);
    expect(before.sessions).toHaveLength(5);
  });

  test("is complete after it was opened: messages, numbers, mail, sessions, registrations, epoch", () => {
    const store = openSqliteStore(path);
    expect(store.db.query("PRAGMA user_version").get()).toEqual({ user_version: schemaVersion });
    expect(store.epoch).toBe("4cb7278e2f56df582a5fb5ef64d4fd7c");
    expect(store.rooms.bounds("lobby")).toEqual({ first: 1, last: 136 });
    expect(store.rooms.bounds("den")).toEqual({ first: 1, last: 4 });
    const said = ["den", "lobby"].flatMap((room) => store.rooms.after(room, 0, 1_000));
    expect(said.map(({ room, seq, text, alias, n }) => [room, seq, text, alias, n])).toEqual(
      before.chat.map(({ room, seq, text, alias, n }) => [
        room,
        seq,
        text,
        alias ?? undefined,
        n ?? undefined,
      ]),
    );
    for (const { id, name, n, mail: count, seen_ms: seenMs } of before.sessions) {
      const record = { id, name, n, mail: count, network: "", seenMs };
      expect(store.sessions.load(id)).toEqual(record);
      const own = before.mail.filter(({ session }) => session === id);
      expect(store.mailboxes.after(id, 0, 99)).toEqual(
        own.map((row) => ({
          type: "private",
          mail: row.mail,
          timeMs: row.time_ms,
          from: row.sender,
          alias: row.alias ?? undefined,
          to: JSON.parse(row.recipients),
          chat: row.chat === 1,
          text: row.text,
        })),
      );
    }
    const dot = store.sessions.find("dot", 0);
    expect(dot).toMatchObject({ n: 2, mail: 4 });
    const { registry, close } = openRegistrations(store, (error) => {
      throw error;
    });
    expect(registry.entries().map(({ id, port }) => [id, port])).toEqual([
      ["Alice", 5_555],
      ["Brad", 5_556],
    ]);
    close();

    // Nothing is old enough to be deleted, and numbering continues.
    sweepAll(store);
    const writer = new Writer(store);
    expect(writer.say("lobby")).toBe(137);
    expect(store.rooms.erase("lobby", 137)).toBe(true);
    expect(store.rooms.bounds("lobby", 137).erased).toEqual([137]);
    expect(writer.commit({ mail: [mail(dot!.id, "psst")] }).mail).toEqual([5]);
    store.close();
  });

  test("reads the same in the view for people, which also says what was deleted", () => {
    const after = contents(path);
    const old = after.chat.filter(({ room, seq }) => room === "den" || seq <= 136);
    expect(old).toEqual(before.chat.map((row) => ({ ...row, deleted: 0 })));
    expect(after.chat.at(-1)).toMatchObject({ seq: 137, text: deletedText, deleted: 1 });
    expect(after.mail.filter(({ time_ms }) => time_ms > 1_000)).toEqual(before.mail);
  });
});

test("a file of version 2 is complete after it was opened, and new mail has its network", () => {
  const path = freshPath();
  copyFileSync(join(import.meta.dir, "fixtures/version-2.db"), path);
  const before = contents(path);
  expect(before.chat).toHaveLength(307);
  expect(before.mail).toHaveLength(6);
  const store = openSqliteStore(path);
  expect(store.db.query("PRAGMA user_version").get()).toEqual({ user_version: schemaVersion });
  expect(store.epoch).toBe("pKfdPn-KqVC5dmL3cuvODw");
  expect(store.rooms.bounds("lobby")).toEqual({ first: 1, last: 277 });
  const dot = store.sessions.find("dot", 0)!;
  expect(dot).toMatchObject({ n: 1, mail: 4, network: "127.0.0.1" });
  const texts = store.mailboxes.after(dot.id, 0, 99).map(({ text }) => text);
  expect(texts).toEqual(["mail one", 'mail "two" \\', "drei 😀", "to both"]);
  sweepAll(store);
  new Writer(store).commit({ mail: [mail(dot.id, "psst", { network: "192.0.2.9" })] });
  const networks = store.db
    .query<{ network: string }, [string]>(
      "SELECT network FROM mail WHERE session = ? ORDER BY mail",
    )
    .all(dot.id);
  expect(networks.map(({ network }) => network)).toEqual(["", "", "", "", "192.0.2.9"]);
  store.close();
  const after = contents(path);
  expect(after.chat).toEqual(before.chat.map((row) => ({ ...row, deleted: 0 })));
  expect(after.mail.filter(({ text }) => text !== "psst")).toEqual(
    before.mail.filter(({ text }) => text !== "psst"),
  );
});

/** A file of version 1 with `count` messages in each of two rooms. */
function largeFile(count: number): string {
  const path = freshPath();
  using db = new Database(path);
  db.run(`PRAGMA application_id = ${applicationId}`);
  migrate(db, 0, 1);
  db.run("INSERT INTO meta VALUES ('epoch', '0123456789abcdef')");
  db.run("INSERT INTO rooms VALUES (1, 'lobby', 1, 0), (2, 'den', 101, 100)");
  db.run(
    `WITH RECURSIVE count(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM count WHERE i < ${count})
     INSERT INTO messages SELECT room, seq + i, 1700000000000 + i / 3, 'user ' || (i / 5 % 7), NULL,
       'message ' || (seq + i) || ', which goes on for some more words', CASE WHEN i / 5 % 2 THEN i END
     FROM count, (SELECT 1 AS room, 0 AS seq UNION ALL SELECT 2, 100)`,
  );
  return path;
}

function expectLarge(path: string, count: number): void {
  const store = openSqliteStore(path);
  expect(store.rooms.bounds("lobby")).toEqual({ first: 1, last: count });
  expect(store.rooms.bounds("den")).toEqual({ first: 101, last: count + 100 });
  for (const room of ["lobby", "den"]) {
    const { first, last } = store.rooms.bounds(room);
    const all = store.rooms.after(room, 0, Infinity);
    expect(all).toHaveLength(last - first + 1);
    const wrong = all.filter(
      ({ seq, text, n }, i) =>
        seq !== first + i ||
        text !== `message ${seq}, which goes on for some more words` ||
        n !== (Math.trunc((i + 1) / 5) % 2 === 1 ? i + 1 : undefined),
    );
    expect(wrong).toEqual([]);
  }
  store.close();
}

test("a large file is migrated page by page, and does not grow", () => {
  const path = largeFile(25_000);
  const { size } = statSync(path);
  expectLarge(path, 25_000);
  expect(statSync(path).size).toBeLessThan(1.2 * size);
});

test("a killed migration has no effect: the file is unchanged, and migrated next time", async () => {
  const path = largeFile(100_000);
  const script = `
    import { openSqliteStore } from ${JSON.stringify(join(import.meta.dir, "../../src/store/sqlite/store.ts"))};
    openSqliteStore(${JSON.stringify(path)}).close();
    console.log("migrated");
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const wal = `${path}-wal`;
  while (!existsSync(wal) || statSync(wal).size < 500_000) {
    expect(child.exitCode).toBeNull();
    await Bun.sleep(1);
  }
  child.kill("SIGKILL");
  await child.exited;
  expect(await new Response(child.stdout).text()).toBe("");
  {
    using db = new Database(path);
    expect(db.query("PRAGMA user_version").get()).toEqual({ user_version: 1 });
    expect(db.query("SELECT count(*) AS n FROM messages").get()).toEqual({ n: 200_000 });
    expect(db.query("PRAGMA quick_check").get()).toEqual({ quick_check: "ok" });
  }
  expectLarge(path, 100_000);
}, 180_000);

test("a migration that the disk has no room for has no effect, however far it gets", () => {
  const path = largeFile(50);
  {
    using db = new Database(path);
    db.run(`WITH RECURSIVE count(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM count WHERE i < 500)
      INSERT INTO mail SELECT 'session', i, 1, 'Ann', NULL, '[]', 0, 'letter ' || i FROM count`);
  }
  const reached = new Set<number>();
  for (let pages = 10; !reached.has(schemaVersion); pages++) {
    const copy = freshPath();
    copyFileSync(path, copy);
    using db = new Database(copy);
    db.run(`PRAGMA max_page_count = ${pages}`);
    try {
      migrate(db, 1);
    } catch (error) {
      expect(String(error)).toContain("full");
    }
    reached.add(versionOf(db));
  }
  expect([...reached]).toEqual([1, schemaVersion]);
});

test("a clock that was ahead does not make messages old", () => {
  const path = largeFile(10);
  {
    using db = new Database(path);
    const aheadMs = Date.now() + 4_000 * 24 * 3_600_000;
    db.run(`UPDATE messages SET time_ms = ${aheadMs} WHERE seq = 110`);
  }
  const store = openSqliteStore(path);
  sweepAll(store);
  // The others are as old as by the correct clock.
  expect(store.rooms.before("den", Infinity, 1)).toHaveLength(1);
  store.close();
});

test("users of a file of version 5 keep their names and devices, which have no vouches", () => {
  const path = freshPath();
  const db = new Database(path);
  db.run(`PRAGMA application_id = ${applicationId}`);
  migrate(db, 0, 5);
  db.run("INSERT OR IGNORE INTO meta (key, value) VALUES ('epoch', 'e-5'), ('floor', '0')");
  db.run("INSERT INTO accounts VALUES ('a1', 'Ann', 'ann', NULL, 0, 1)");
  db.run("INSERT INTO account_keys VALUES ('a1', 'k1', 'desk', 1, 2, NULL, 3)");
  db.close();
  const store = openSqliteStore(path);
  expect(store.db.query("PRAGMA user_version").get()).toEqual({ user_version: schemaVersion });
  expect(store.accounts.find({ name: "ann" })?.keys).toEqual([
    {
      key: "k1",
      label: "desk",
      addedMs: 1,
      usedMs: 2,
      revokedMs: undefined,
      mail: 3,
      vouch: undefined,
    },
  ]);
  const vouch = { account: "a1", type: "vouch", key: "k1", vouch: "k0:sig", atMs: 4 } as const;
  expect(store.accounts.change(vouch).done).toBe(true);
  expect(store.accounts.find({ key: "k1" })?.keys[0]?.vouch).toBe("k0:sig");
  store.close();
});
