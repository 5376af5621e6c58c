// Account changes are repeated when their answer is lost, and may be carried out late: only the
// first execution has an effect, so that later changes at other servers stay.

import { beforeEach, describe, expect, test } from "bun:test";
import type { AccountChange, AccountOutcome } from "../../../src/chat/accounts/account-store.ts";
import type { StoreOperation, StoreReply } from "../../../src/chat/turn/store.ts";
import { AccountChanges } from "../../../src/store/postgres/account-changes.ts";
import type { Database } from "../../../src/store/postgres/database.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { hasPostgres, withoutPostgres } from "./cluster.ts";
import { emptied } from "./emptied.ts";
import { withDatabase } from "./with-database.ts";

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: account changes in PostgreSQL`);

function ask(store: PostgresStore, id: number, operation: StoreOperation): Promise<StoreReply> {
  return new Promise((resolve) => store.answer({ ...operation, id }, resolve));
}

const ofAnn = { account: "a1", atMs: 1 } as const;
const key = (name: string) => ({ key: name, label: name });
const registration: AccountChange = {
  ...ofAnn,
  type: "register",
  name: "Ann",
  folded: "ann",
  key: key("k1"),
  password: "old",
};

describe.skipIf(!hasPostgres)("a repeated change of an account", () => {
  let database: Database;
  let here: PostgresStore;
  let there: PostgresStore;
  let requests = 0;

  withDatabase((opened) => (database = opened));

  beforeEach(async () => {
    await database.script(emptied);
    here = await PostgresStore.open(database);
    there = await PostgresStore.open(database);
    await change(here, registration);
  });

  async function change(
    store: PostgresStore,
    wanted: AccountChange,
    id = ++requests,
  ): Promise<AccountOutcome> {
    const reply = await ask(store, id, { type: "change-account", change: wanted });
    if (reply.outcome !== "done" || reply.type !== "change-account") throw new Error(reply.outcome);
    return reply.result;
  }

  const now = async () => {
    const reply = await ask(here, ++requests, { type: "find-account", lookup: { id: "a1" } });
    return reply.outcome === "done" && reply.type === "find-account" ? reply.result : undefined;
  };
  const ownerOf = async (token: string) => {
    const reply = await ask(here, ++requests, { type: "find-account", lookup: { token } });
    return reply.outcome === "done" && reply.type === "find-account" ? reply.result : undefined;
  };
  const activeKeys = async () =>
    (await now())?.keys.filter(({ revokedMs }) => revokedMs === undefined).map((one) => one.key);

  /** Carries `first` out here, `later` there, and `first` again, late. */
  async function repeat(first: AccountChange, later: AccountChange): Promise<AccountOutcome[]> {
    const id = ++requests;
    const before = await change(here, first, id);
    await change(there, later);
    return [before, await change(here, first, id)];
  }

  test("does not bring back a password that was changed since", async () => {
    await repeat(
      { ...ofAnn, type: "set-password", password: "mine" },
      { ...ofAnn, type: "set-password", password: "newer" },
    );
    expect(await now()).toMatchObject({ password: "newer" });
  });

  test("does not bring back a device that was revoked since", async () => {
    await repeat(
      { ...ofAnn, type: "add-key", ...key("k2") },
      { ...ofAnn, type: "revoke-key", key: "k2" },
    );
    expect(await activeKeys()).toEqual(["k1"]);
  });

  test("does not revoke a device that was added again since", async () => {
    await change(here, { ...ofAnn, type: "add-key", ...key("k2") });
    const [, again] = await repeat(
      { ...ofAnn, type: "revoke-key", key: "k2" },
      { ...ofAnn, type: "add-key", ...key("k2") },
    );
    expect(again).toMatchObject({ done: true });
    expect(await activeKeys()).toEqual(["k1", "k2"]);
  });

  test("does not bring back a token that ended with the old password", async () => {
    await repeat(
      { ...ofAnn, type: "add-token", token: "t1", password: "old" },
      { ...ofAnn, type: "set-password", password: "newer" },
    );
    expect(await ownerOf("t1")).toBeUndefined();
  });

  test("does not bring back an account that was deleted since", async () => {
    const id = ++requests;
    const ben = { ...registration, account: "a2", folded: "ben", key: key("k9") } as const;
    await change(here, ben, id);
    await change(there, { account: "a2", atMs: 1, type: "delete" });
    expect(await change(here, ben, id)).toEqual({ done: false, why: "missing" });
    expect(await database.run("SELECT 1 FROM parley.accounts WHERE id = 'a2'")).toEqual([]);
  });

  test("has the same outcome, also if it is refused", async () => {
    const id = ++requests;
    const revoking = { ...ofAnn, type: "revoke-key", key: "k1" } as const;
    expect(await change(here, revoking, id)).toMatchObject({ done: true });
    expect(await change(here, revoking, id)).toMatchObject({ done: true });
    const unknown = { ...revoking, key: "none" };
    const refused = { done: false, why: "missing" } as const;
    expect(await repeat(unknown, { ...ofAnn, type: "add-key", ...key("none") })).toEqual([
      refused,
      refused,
    ]);
    expect(await activeKeys()).toEqual(["none"]);
  });

  test("is carried out once if both executions meet", async () => {
    const id = ++requests;
    const adding = { ...ofAnn, type: "add-key", ...key("k2") } as const;
    const both = await Promise.all([change(here, adding, id), change(here, adding, id)]);
    expect(both).toMatchObject([{ done: true }, { done: true }]);
    const ben = { ...registration, account: "a2", folded: "ben", key: key("k9") } as const;
    const second = ++requests;
    const made = await Promise.all([change(here, ben, second), change(here, ben, second)]);
    expect(made).toMatchObject([{ done: true }, { done: true }]);
  });

  test("of which there was no notification is found by other servers, once", async () => {
    const changes = new AccountChanges(database, there.process);
    await changes.look();
    await change(there, { ...ofAnn, type: "set-password", password: "own" });
    await change(here, { ...ofAnn, type: "used", key: "k1", mail: 0 });
    await change(here, { ...ofAnn, type: "revoke-key", key: "none" });
    const request = ++requests;
    await change(here, { ...ofAnn, type: "revoke-key", key: "k1" }, request);
    const revoked = {
      process: here.process,
      request,
      account: "a1",
      change: "revoke-key",
    } as const;
    expect(await changes.look()).toEqual([revoked]);
    expect(await changes.look()).toEqual([]);
    const { process } = here;
    expect(changes.isNew({ process, request })).toBe(false);
    const next = ++requests;
    expect(changes.isNew({ process, request: next })).toBe(true);
    await change(here, { ...ofAnn, type: "set-password", password: "newer" }, next);
    expect(await changes.look()).toEqual([]);
  });
});
