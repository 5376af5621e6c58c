// Accounts: the contract for both stores of accounts, and that a file preserves them, with
// mailboxes that outlive sessions.

import { afterAll, describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type AccountChange, accountMailbox } from "../../src/chat/accounts/account-store.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { openLocalStore } from "../../src/store/open.ts";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite/store.ts";
import { stateFileName } from "../../src/store/state-file.ts";
import { accountsContract, registration } from "./accounts.contract.ts";
import { localBackend } from "./asked-store.ts";
import { mail, sweepAll, update, Writer } from "./batches.ts";
import { testFolder } from "../test-folder.ts";

const folder = testFolder("accounts");
const opened: SqliteStore[] = [];
afterAll(() => {
  for (const store of opened) store.close();
});
let files = 0;
const freshPath = (): string => join(folder, `${++files}.db`);

accountsContract("memory", () => localBackend(openMemoryStore()));
accountsContract("sqlite", () => localBackend(openSqliteStore(freshPath())));

/** Few accounts, names, keys and passwords, so that they collide. */
const few = fc.nat(2).map(String);
const someKey = fc.nat(5).map((key) => `k${key}`);
const password = fc.option(few, { nil: undefined });
const someChange: fc.Arbitrary<AccountChange> = fc
  .tuple(
    few,
    fc.oneof(
      fc.record({
        type: fc.constant("register" as const),
        name: few,
        folded: few,
        key: fc.option(fc.record({ key: someKey, label: few }), { nil: undefined }),
        password,
      }),
      fc.record({ type: fc.constant("add-key" as const), key: someKey, label: few }),
      fc.record({ type: fc.constant("revoke-key" as const), key: someKey }),
      fc.record({ type: fc.constant("vouch" as const), key: someKey, vouch: few }),
      fc.record({ type: fc.constant("set-password" as const), password }),
      fc.record({ type: fc.constant("add-token" as const), token: few, password }),
      fc.record({ type: fc.constant("remove-token" as const), token: few }),
      fc.record({
        type: fc.constant("used" as const),
        key: fc.option(someKey, { nil: undefined }),
        mail: fc.nat(9),
      }),
      fc.record({ type: fc.constant("delete" as const) }),
    ),
  )
  .map(([account, change]) => ({ ...change, account, atMs: 0 }));

test("both stores answer any changes in the same way", () => {
  const { accounts: memory } = openMemoryStore();
  const store = openSqliteStore(freshPath());
  opened.push(store);
  const { accounts: file } = store;
  const isSame = fc.property(fc.array(someChange, { minLength: 20, maxLength: 40 }), (changes) => {
    const afresh = ["0", "1", "2"].map(
      (account) => ({ type: "delete", account, atMs: 0 }) as const,
    );
    for (const [atMs, change] of [...afresh, ...changes].entries()) {
      const timed = { ...change, atMs };
      expect(memory.change(timed)).toEqual(file.change(timed));
    }
    for (const token of ["0", "1", "2"]) {
      expect(memory.find({ token })).toEqual(file.find({ token }));
    }
  });
  fc.assert(isSame, { numRuns: 10 });
});

test("a file keeps them across a restart, readable only by its owner", () => {
  const path = freshPath();
  const first = openSqliteStore(path);
  first.accounts.change(registration("a1", "ann", "k1"));
  const before = first.accounts.find({ name: "ann" });
  first.close();
  const again = openSqliteStore(path);
  opened.push(again);
  expect(again.accounts.find({ key: "k1" })).toEqual(before);
  if (process.platform !== "win32") expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("if messages are in memory, accounts have a separate file, and mailboxes start empty", () => {
  const state = { folder: join(folder, "state"), isOptional: false };
  const open = () => openLocalStore({ path: undefined, state }, () => {});
  const first = open();
  expect(first.store.accounts.find({ name: "ann" })).toBeUndefined();
  expect(existsSync(state.folder)).toBe(false);
  first.store.accounts.change(registration("a1", "ann", "k1"));
  first.store.accounts.change({ account: "a1", type: "used", key: "k1", mail: 9, atMs: 1 });
  expect(first.store.accounts.find({ id: "a1" })?.keys).toMatchObject([{ mail: 9 }]);
  new Writer(first.store).say("lobby", 3);
  first.close();
  const file = join(state.folder, stateFileName);
  expect(readFileSync(file).includes("lobby")).toBe(false);
  if (process.platform !== "win32") expect(statSync(file).mode & 0o777).toBe(0o600);
  const again = open();
  expect(again.store.accounts.find({ name: "ann" })?.keys).toMatchObject([{ key: "k1", mail: 0 }]);
  expect(again.store.rooms.bounds("lobby").last).toBe(0);
  again.close();
});

describe.each([
  ["memory", (clock: () => number) => openMemoryStore({ clock, retention: { sessions: 2 } })],
  [
    "sqlite",
    (clock: () => number) => {
      const store = openSqliteStore(freshPath(), { clock, retention: { sessions: 2 } });
      opened.push(store);
      return store;
    },
  ],
] as const)("%s: the mailbox of an account", (_, open) => {
  const mailbox = accountMailbox("a1");

  test("outlives sessions, however many there are", () => {
    let nowMs = 1_000;
    const store = open(() => nowMs);
    const writer = new Writer(store);
    writer.commit({ mail: [mail(mailbox, "psst")] });
    for (let i = 0; i < 5; i++) writer.commit({ sessions: [update(`s${i}`, { n: 1 })] });
    nowMs += 3 * 24 * 3_600_000;
    sweepAll(store);
    expect(store.sessions.load("s4")).toBeUndefined();
    expect(store.mailboxes.after(mailbox, 0, 9)).toMatchObject([{ mail: 1, text: "psst" }]);
    // Mail expires, like messages in rooms.
    nowMs += 40 * 24 * 3_600_000;
    sweepAll(store);
    expect(store.mailboxes.after(mailbox, 0, 9)).toEqual([]);
    expect(writer.commit({ mail: [mail(mailbox, "late")] }).mail).toEqual([2]);
  });

  test("continues that of a session, and gets what its client may not have received", () => {
    const store = open(() => 1_000);
    const writer = new Writer(store);
    const sent = ["one", "two", "three"].map((text) => mail("own", text));
    writer.commit({ mail: [...sent, mail("other", "psst")] });
    const continues = { session: "own", received: 1 };
    const record = { ...update(mailbox, { name: "", n: 0 }), continues };
    expect(writer.commit({ sessions: [record], mail: [mail(mailbox, "four")] }).mail).toEqual([4]);
    expect(store.mailboxes.after(mailbox, 0, 9)).toMatchObject([
      { mail: 2, text: "two" },
      { mail: 3, text: "three" },
      { mail: 4, text: "four" },
    ]);
    expect(store.mailboxes.after("own", 0, 9)).toMatchObject([{ mail: 1, text: "one" }]);
    expect(store.mailboxes.after("other", 0, 9)).toMatchObject([{ mail: 1, text: "psst" }]);
    expect(store.sessions.load(mailbox)?.mail).toBe(4);
    const none = { session: "nobody's", received: 0 };
    writer.commit({ sessions: [{ ...record, continues: none }] });
    expect(store.sessions.load(mailbox)?.mail).toBe(4);
  });
});
