// A registration gives a session the mailbox of its account. Letters that other servers are sending
// to its own at that moment are in the account's, whichever is committed first.

import { beforeEach, describe, expect, test } from "bun:test";
import type { AccountChange } from "../../../src/chat/accounts/account-store.ts";
import type { Batch, StoreOperation, StoreReply } from "../../../src/chat/turn/store.ts";
import { PostgresAccounts } from "../../../src/store/postgres/accounts.ts";
import type { Database } from "../../../src/store/postgres/database.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { until } from "../../until.ts";
import { mail, update } from "../batches.ts";
import { hasPostgres, withoutPostgres } from "./cluster.ts";
import { emptied } from "./emptied.ts";
import { withDatabase } from "./with-database.ts";

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: mailboxes in PostgreSQL`);

const own = "hash of a secret";
const theirs = "@a1";

function registration(received = 0, session = own): AccountChange {
  const name = { name: "Ann", folded: "ann", key: undefined, password: "secret" };
  const mailbox = { session, received };
  return { type: "register", account: "a1", ...name, mailbox, atMs: 1 };
}

describe.skipIf(!hasPostgres)("a mailbox that an account takes over", () => {
  let database: Database;
  let here: PostgresStore;
  let there: PostgresStore;
  let requests = 0;

  withDatabase((opened) => (database = opened));

  beforeEach(async () => {
    await database.script(emptied);
    here = await PostgresStore.open(database);
    there = await PostgresStore.open(database);
  });

  function ask(store: PostgresStore, operation: StoreOperation): Promise<StoreReply> {
    return new Promise((resolve) => store.answer({ ...operation, id: ++requests }, resolve));
  }

  async function commit(store: PostgresStore, work: Partial<Batch>): Promise<readonly number[]> {
    const batch = { number: ++requests, rooms: [], mail: [], sessions: [], ...work };
    const reply = await ask(store, { type: "commit", batch });
    if (reply.outcome !== "done" || reply.type !== "commit") throw new Error(JSON.stringify(reply));
    return reply.result.mail;
  }

  const tell = (text: string, to = own) => commit(there, { mail: [mail(to, text)] });

  const register = (received?: number) =>
    ask(here, { type: "change-account", change: registration(received) });

  async function read(session: string, after = 0) {
    const reply = await ask(here, { type: "read-mail", session, after, limit: 99 });
    if (reply.outcome !== "done" || reply.type !== "read-mail") throw new Error(reply.outcome);
    return reply.result.map((message) => [message.mail, message.text]);
  }

  test("what was not received moves, and what is sent to it later follows", async () => {
    await tell("one");
    await tell("two");
    const heard: { mail?: unknown }[] = [];
    const note = (payload: string) => void heard.push(JSON.parse(payload));
    const stop = await database.listen("parley", note, () => {});
    await register(1);
    expect(await tell("three")).toEqual([3]);
    expect(await tell("four", theirs)).toEqual([4]);
    const all = ["two", "three", "four"].map((text, i) => [i + 2, text]);
    expect(await read(theirs)).toEqual(all);
    // The server where they register reads the session's own until it knows.
    expect(await read(own, 1)).toEqual(all);
    const told = [
      [
        [theirs, 3],
        [own, 3],
      ],
      [[theirs, 4]],
    ];
    const isTold = () => heard.flatMap((one) => (one.mail === undefined ? [] : [one.mail]));
    await until(() => isTold().length === 2);
    expect(isTold()).toEqual(told);
    stop();
  });

  /** Whether a statement with that text waits for a lock. */
  async function isWaiting(text: string): Promise<boolean> {
    const rows = await database.run(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
       AND wait_event_type = 'Lock' AND position($1 IN query) > 0`,
      [text],
    );
    return rows.length > 0;
  }

  test.each([true, false])(
    "while it does, letters wait for it (row there: %p)",
    async (isThere) => {
      if (isThere) await tell("one");
      let letter: Promise<readonly number[]> | undefined;
      const accounts = new PostgresAccounts(database);
      await accounts.change(registration(), { process: "p", request: 1 }, async () => {
        letter = tell("two");
        await until(() => isWaiting("parley.commit("));
      });
      expect(await letter).toEqual([isThere ? 2 : 1]);
      const all = isThere ? ["one", "two"] : ["two"];
      expect(await read(theirs)).toEqual(all.map((text, i) => [i + 1, text]));
    },
  );

  test("in whatever order they come, all letters are there once", async () => {
    const sent = Array.from({ length: 8 }, (_, i) => [`west ${i}`, `east ${i}`]).flat();
    const letters = (store: PostgresStore, by: string) =>
      sent
        .filter((text) => text.startsWith(by))
        .reduce(
          (before, text) => before.then(() => commit(store, { mail: [mail(own, text)] })),
          Promise.resolve<readonly number[]>([]),
        );
    await Promise.all([letters(there, "west"), letters(here, "east"), register()]);
    const kept = await read(theirs);
    expect(kept.map(([number]) => number)).toEqual(sent.map((_, i) => i + 1));
    expect(kept.map(([, text]) => text).sort()).toEqual(sent.sort());
  });

  test("letters follow after a goodbye, and no longer once it is the session's own again", async () => {
    await commit(here, { sessions: [update(own, { name: "ann" })] });
    await register();
    await commit(here, { sessions: [update(own, { name: "" })] });
    await tell("one");
    expect(await read(theirs)).toEqual([[1, "one"]]);
    const claim = { name: "guest", holder: own };
    await ask(here, { type: "claim-name", claim, session: own });
    await tell("two");
    expect(await read(own)).toEqual([[1, "two"]]);
    expect(await read(theirs)).toEqual([[1, "one"]]);
  });

  test("numbers that were used by an account that is deleted are not used again", async () => {
    await tell("one");
    await register();
    await tell("two");
    // Its reader does not know of the registration.
    expect(await read(own)).toEqual(["one", "two"].map((text, i) => [i + 1, text]));
    await ask(here, { type: "change-account", change: { type: "delete", account: "a1", atMs: 2 } });
    await tell("three");
    expect(await read(own, 2)).toEqual([[3, "three"]]);
  });

  test("a deletion locks rows in the order in which letters do", async () => {
    const session = "0 is before @";
    await ask(here, { type: "change-account", change: registration(0, session) });
    const deletion = { type: "delete", account: "a1", atMs: 2 } as const;
    const deleted = await database.transact(async (run) => {
      await run("SELECT 1 FROM parley.sessions WHERE id = $1 FOR UPDATE", [session]);
      const deleting = ask(there, { type: "change-account", change: deletion });
      await until(() => isWaiting("parley.sessions"));
      await run("SELECT 1 FROM parley.sessions WHERE id = $1 FOR UPDATE NOWAIT", [theirs]);
      return { deleting };
    });
    expect(await deleted.deleting).toMatchObject({ outcome: "done" });
  });

  test("letters for an account that was deleted since stay in the session's own", async () => {
    await register();
    await ask(here, { type: "change-account", change: { type: "delete", account: "a1", atMs: 2 } });
    await tell("one");
    const rows = await database.run("SELECT session, mail FROM parley.mail");
    expect(rows.map((row) => [row["session"], Number(row["mail"])])).toEqual([[own, 1]]);
    expect(await read(own)).toEqual([[1, "one"]]);
  });
});
