// What every keeper of accounts has to do; each implementation's test file runs it.

import { describe, expect, test } from "bun:test";
import type { AccountChange, Accounts } from "../../src/chat/account-store.ts";
import { accounts as limits } from "../../src/limits.ts";

const device = (key: string) => ({ key, label: `the ${key}` });

export const registration = (
  account: string,
  folded: string,
  key: string | undefined = `key of ${account}`,
): AccountChange => ({
  type: "register",
  account,
  name: folded.toUpperCase(),
  folded,
  key: key === undefined ? undefined : device(key),
  password: undefined,
  atMs: 1_000,
});

const ofAnn = { account: "a1" } as const;

/** With an account for Ann, who has one key. */
function withAnn(accounts: Accounts): Accounts {
  accounts.change(registration("a1", "ann", "k1"));
  return accounts;
}

function keysOf(accounts: Accounts) {
  return accounts.find({ id: "a1" })?.keys.map(({ key, revokedMs }) => [key, revokedMs]);
}

export function accountsContract(name: string, make: () => Accounts): void {
  describe(`${name}: accounts`, () => {
    test("a registered name is found by name, ID and key, and by nothing else", () => {
      const accounts = withAnn(make());
      const ann = {
        id: "a1",
        name: "ANN",
        folded: "ann",
        password: undefined,
        mail: 0,
        keys: [
          {
            ...device("k1"),
            addedMs: 1_000,
            usedMs: 1_000,
            revokedMs: undefined,
            mail: 0,
          },
        ],
      };
      expect(accounts.find({ name: "ann" })).toEqual(ann);
      expect(accounts.find({ id: "a1" })).toEqual(ann);
      expect(accounts.find({ key: "k1" })).toEqual(ann);
      for (const lookup of [{ name: "ANN" }, { id: "ann" }, { key: "ann" }, { token: "k1" }]) {
        expect(accounts.find(lookup)).toBeUndefined();
      }
    });

    test("a name has one owner, a key one account", () => {
      const accounts = withAnn(make());
      expect(accounts.change(registration("a2", "ann"))).toEqual({ done: false, why: "name" });
      expect(accounts.change(registration("a2", "bob", "k1"))).toEqual({ done: false, why: "key" });
      expect(accounts.change(registration("a1", "bob"))).toEqual({ done: false, why: "name" });
      expect(accounts.find({ name: "bob" })).toBeUndefined();
      expect(accounts.change(registration("a2", "bob", "k2")).done).toBe(true);
      const stolen = { ...ofAnn, type: "add-key", ...device("k2"), atMs: 2_000 } as const;
      expect(accounts.change(stolen)).toEqual({ done: false, why: "key" });
    });

    test("a change that is repeated changes nothing more", () => {
      const accounts = withAnn(make());
      const changes: AccountChange[] = [
        registration("a1", "ann", "k1"),
        { ...ofAnn, type: "add-key", ...device("k2"), atMs: 2_000 },
        { ...ofAnn, type: "set-password", password: "hash", atMs: 3_000 },
        { ...ofAnn, type: "add-token", token: "t1", atMs: 4_000 },
        { ...ofAnn, type: "used", key: "k2", mail: 7, atMs: 5_000 },
      ];
      for (const change of changes) {
        const first = accounts.change(change);
        expect(first.done).toBe(true);
        expect(accounts.change(change)).toEqual(first);
      }
      expect(keysOf(accounts)).toEqual([
        ["k1", undefined],
        ["k2", undefined],
      ]);
    });

    test("a revoked key proves nothing, and may be added again", () => {
      const accounts = withAnn(make());
      accounts.change({ ...ofAnn, type: "add-key", ...device("k2"), atMs: 2_000 });
      const revoke = { ...ofAnn, type: "revoke-key", key: "k2", atMs: 3_000 } as const;
      expect(accounts.change(revoke).done).toBe(true);
      expect(accounts.find({ key: "k2" })).toBeUndefined();
      expect(keysOf(accounts)).toEqual([
        ["k1", undefined],
        ["k2", 3_000],
      ]);
      expect(accounts.change(revoke)).toEqual({ done: false, why: "missing" });
      // Somebody else's device now.
      expect(accounts.change(registration("a2", "bob", "k2")).done).toBe(true);
      const again = { ...ofAnn, type: "add-key", ...device("k2"), atMs: 4_000 } as const;
      expect(accounts.change(again)).toEqual({ done: false, why: "key" });
      accounts.change({ account: "a2", type: "delete", atMs: 5_000 });
      expect(accounts.change(again).done).toBe(true);
      expect(keysOf(accounts)?.at(-1)).toEqual(["k2", undefined]);
    });

    test("devices are bounded; of those revoked the first is forgotten", () => {
      const accounts = withAnn(make());
      const add = (key: string) =>
        accounts.change({ ...ofAnn, type: "add-key", ...device(key), atMs: 2_000 });
      for (let i = 2; i <= limits.maxKeys; i++) expect(add(`k${i}`).done).toBe(true);
      expect(add("one more")).toEqual({ done: false, why: "full" });
      for (let i = 0; i < 2 * limits.maxKnownKeys; i++) {
        accounts.change({ ...ofAnn, type: "revoke-key", key: i === 0 ? "k2" : `n${i}`, atMs: i });
        expect(add(`n${i + 1}`).done).toBe(true);
      }
      const keys = keysOf(accounts) ?? [];
      expect(keys).toHaveLength(limits.maxKnownKeys);
      expect(keys).toContainEqual(["k1", undefined]);
      expect(keys).not.toContainEqual(["k2", 0]);
    });

    test("a token is its account's until it is removed, or the password changes", () => {
      const accounts = withAnn(make());
      const add = (token: string, atMs: number) =>
        accounts.change({ ...ofAnn, type: "add-token", token, atMs });
      add("t1", 1);
      add("t2", 2);
      expect(accounts.find({ token: "t1" })?.id).toBe("a1");
      accounts.change({ ...ofAnn, type: "remove-token", token: "t1", atMs: 3 });
      expect(accounts.find({ token: "t1" })).toBeUndefined();
      expect(accounts.find({ token: "t2" })?.id).toBe("a1");
      accounts.change({ ...ofAnn, type: "set-password", password: "hash", atMs: 4 });
      expect(accounts.find({ token: "t2" })).toBeUndefined();
      expect(accounts.find({ id: "a1" })?.password).toBe("hash");
      for (let i = 0; i <= limits.maxTokens; i++) add(`n${i}`, 10 + i);
      expect(accounts.find({ token: "n0" })).toBeUndefined();
      expect(accounts.find({ token: `n${limits.maxTokens}` })?.id).toBe("a1");
      accounts.change({ ...ofAnn, type: "set-password", password: undefined, atMs: 99 });
      expect(accounts.find({ id: "a1" })?.password).toBeUndefined();
    });

    test("what a device has had only grows", () => {
      const accounts = withAnn(make());
      const use = (key: string | undefined, mail: number, atMs: number) =>
        accounts.change({ ...ofAnn, type: "used", key, mail, atMs });
      use("k1", 7, 5_000);
      use("k1", 3, 4_000);
      use(undefined, 9, 6_000);
      use(undefined, 1, 7_000);
      expect(accounts.find({ id: "a1" })).toMatchObject({
        mail: 9,
        keys: [{ usedMs: 5_000, mail: 7 }],
      });
      expect(use("k9", 1, 8_000)).toEqual({ done: false, why: "missing" });
    });

    test("a deleted account leaves nothing", () => {
      const accounts = withAnn(make());
      accounts.change({ ...ofAnn, type: "add-token", token: "t1", atMs: 1 });
      accounts.change({ ...ofAnn, type: "delete", atMs: 2 });
      for (const lookup of [{ name: "ann" }, { id: "a1" }, { key: "k1" }, { token: "t1" }]) {
        expect(accounts.find(lookup)).toBeUndefined();
      }
      const late = { ...ofAnn, type: "add-token", token: "t2", atMs: 3 } as const;
      expect(accounts.change(late)).toEqual({ done: false, why: "missing" });
      expect(accounts.change(registration("a2", "ann", "k1")).done).toBe(true);
    });
  });
}
