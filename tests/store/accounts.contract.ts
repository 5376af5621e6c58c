// The contract of every store of accounts; each implementation's test file runs it.

import { afterEach, describe, expect, test } from "bun:test";
import type { AccountChange } from "../../src/chat/accounts/account-store.ts";
import { accounts as limits } from "../../src/limits.ts";
import { AskedStore, type StoreBackend } from "./asked-store.ts";

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

type Accounts = AskedStore["accounts"];

/** A store with an account for Ann, who has one key. */
async function withAnn(made: Promise<AskedStore>): Promise<Accounts> {
  const { accounts } = await made;
  await accounts.change(registration("a1", "ann", "k1"));
  return accounts;
}

async function keysOf(accounts: Accounts) {
  return (await accounts.find({ id: "a1" }))?.keys.map(({ key, revokedMs }) => [key, revokedMs]);
}

export function accountsContract(
  name: string,
  make: () => StoreBackend | Promise<StoreBackend>,
): void {
  describe(`${name}: accounts`, () => {
    const opened: AskedStore[] = [];
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });

    async function open(): Promise<AskedStore> {
      const store = new AskedStore(await make());
      opened.push(store);
      return store;
    }

    test("a registered name is found by name, ID and key, and by nothing else", async () => {
      const accounts = await withAnn(open());
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
            vouch: undefined,
          },
        ],
      };
      expect(await accounts.find({ name: "ann" })).toEqual(ann);
      expect(await accounts.find({ id: "a1" })).toEqual(ann);
      expect(await accounts.find({ key: "k1" })).toEqual(ann);
      for (const lookup of [{ name: "ANN" }, { id: "ann" }, { key: "ann" }, { token: "k1" }]) {
        expect(await accounts.find(lookup)).toBeUndefined();
      }
    });

    test("a name has one owner, a key one account", async () => {
      const accounts = await withAnn(open());
      expect(await accounts.change(registration("a2", "ann"))).toEqual({
        done: false,
        why: "name",
      });
      expect(await accounts.change(registration("a2", "bob", "k1"))).toEqual({
        done: false,
        why: "key",
      });
      expect(await accounts.change(registration("a1", "bob"))).toEqual({
        done: false,
        why: "name",
      });
      expect(await accounts.find({ name: "bob" })).toBeUndefined();
      expect((await accounts.change(registration("a2", "bob", "k2"))).done).toBe(true);
      const stolen = { ...ofAnn, type: "add-key", ...device("k2"), atMs: 2_000 } as const;
      expect(await accounts.change(stolen)).toEqual({ done: false, why: "key" });
    });

    test("a change that is repeated changes nothing more", async () => {
      const accounts = await withAnn(open());
      const changes: AccountChange[] = [
        registration("a1", "ann", "k1"),
        { ...ofAnn, type: "add-key", ...device("k2"), atMs: 2_000 },
        { ...ofAnn, type: "set-password", password: "hash", atMs: 3_000 },
        { ...ofAnn, type: "add-token", token: "t1", password: "hash", atMs: 4_000 },
        { ...ofAnn, type: "used", key: "k2", mail: 7, atMs: 5_000 },
      ];
      for (const change of changes) {
        const first = await accounts.change(change);
        expect(first.done).toBe(true);
        expect(await accounts.change(change)).toEqual(first);
      }
      expect(await keysOf(accounts)).toEqual([
        ["k1", undefined],
        ["k2", undefined],
      ]);
    });

    test("a device may vouch for another one, until the latter is revoked", async () => {
      const accounts = await withAnn(open());
      await accounts.change({ ...ofAnn, type: "add-key", ...device("k2"), atMs: 2_000 });
      const vouch = { ...ofAnn, type: "vouch", key: "k2", vouch: "k1:sig", atMs: 3_000 } as const;
      expect((await accounts.change(vouch)).done).toBe(true);
      const vouches = async () =>
        (await accounts.find({ id: "a1" }))?.keys.map(({ key, vouch }) => [key, vouch]);
      expect(await vouches()).toEqual([
        ["k1", undefined],
        ["k2", "k1:sig"],
      ]);
      await accounts.change({ ...ofAnn, type: "revoke-key", key: "k2", atMs: 4_000 });
      expect(await accounts.change(vouch)).toEqual({ done: false, why: "missing" });
      // It is added again, without a vouch.
      await accounts.change({ ...ofAnn, type: "add-key", ...device("k2"), atMs: 5_000 });
      expect((await vouches())?.at(-1)).toEqual(["k2", undefined]);
    });

    test("a revoked key proves nothing, and may be added again", async () => {
      const accounts = await withAnn(open());
      await accounts.change({ ...ofAnn, type: "add-key", ...device("k2"), atMs: 2_000 });
      const revoke = { ...ofAnn, type: "revoke-key", key: "k2", atMs: 3_000 } as const;
      expect((await accounts.change(revoke)).done).toBe(true);
      expect(await accounts.find({ key: "k2" })).toBeUndefined();
      expect(await keysOf(accounts)).toEqual([
        ["k1", undefined],
        ["k2", 3_000],
      ]);
      // An unknown outcome is asked for again.
      expect((await accounts.change({ ...revoke, atMs: 3_500 })).done).toBe(true);
      expect((await keysOf(accounts))?.at(-1)).toEqual(["k2", 3_000]);
      const unknown = { ...revoke, key: "k3" };
      expect(await accounts.change(unknown)).toEqual({ done: false, why: "missing" });
      // Now another user's device.
      expect((await accounts.change(registration("a2", "bob", "k2"))).done).toBe(true);
      const again = { ...ofAnn, type: "add-key", ...device("k2"), atMs: 4_000 } as const;
      expect(await accounts.change(again)).toEqual({ done: false, why: "key" });
      await accounts.change({ account: "a2", type: "delete", atMs: 5_000 });
      expect((await accounts.change(again)).done).toBe(true);
      expect((await keysOf(accounts))?.at(-1)).toEqual(["k2", undefined]);
    });

    test("the last proof of an account, a key or its password, can't be removed", async () => {
      const accounts = await withAnn(open());
      const change = (more: Parameters<Accounts["change"]>[0]) => accounts.change(more);
      const revoke = { ...ofAnn, type: "revoke-key", key: "k1", atMs: 2 } as const;
      const last = { done: false, why: "last" } as const;
      expect(await change(revoke)).toEqual(last);
      const set = (password: string | undefined) =>
        change({ ...ofAnn, type: "set-password", password, atMs: 3 });
      expect((await set("hash")).done).toBe(true);
      expect((await change(revoke)).done).toBe(true);
      expect(await set(undefined)).toEqual(last);
      expect((await change({ ...revoke, type: "add-key", label: "again" })).done).toBe(true);
      expect((await set(undefined)).done).toBe(true);
    });

    test("devices are bounded; the first of the revoked ones is forgotten", async () => {
      const accounts = await withAnn(open());
      const add = (key: string) =>
        accounts.change({ ...ofAnn, type: "add-key", ...device(key), atMs: 2_000 });
      for (let i = 2; i <= limits.maxKeys; i++) expect((await add(`k${i}`)).done).toBe(true);
      expect(await add("one more")).toEqual({ done: false, why: "full" });
      for (let i = 0; i < 2 * limits.maxKnownKeys; i++) {
        await accounts.change({
          ...ofAnn,
          type: "revoke-key",
          key: i === 0 ? "k2" : `n${i}`,
          atMs: i,
        });
        expect((await add(`n${i + 1}`)).done).toBe(true);
      }
      const keys = (await keysOf(accounts)) ?? [];
      expect(keys).toHaveLength(limits.maxKnownKeys);
      expect(keys).toContainEqual(["k1", undefined]);
      expect(keys).not.toContainEqual(["k2", 0]);
    });

    test("a key that is added again takes its own place among the bounded ones", async () => {
      const accounts = await withAnn(open());
      const add = (key: string) =>
        accounts.change({ ...ofAnn, type: "add-key", ...device(key), atMs: 2_000 });
      for (let i = 1; i < limits.maxKnownKeys; i++) {
        expect((await add(`n${i}`)).done).toBe(true);
        await accounts.change({ ...ofAnn, type: "revoke-key", key: `n${i}`, atMs: i });
      }
      expect(await keysOf(accounts)).toHaveLength(limits.maxKnownKeys);
      expect((await add("n9")).done).toBe(true);
      const keys = (await keysOf(accounts)) ?? [];
      expect(keys).toHaveLength(limits.maxKnownKeys);
      expect(keys).toContainEqual(["n1", 1]);
    });

    test("a token is valid for its account until it is removed, or the password changes", async () => {
      const accounts = await withAnn(open());
      const add = (token: string, atMs: number, password?: string) =>
        accounts.change({ ...ofAnn, type: "add-token", token, password, atMs });
      await add("t1", 1);
      await add("t2", 2);
      expect((await accounts.find({ token: "t1" }))?.id).toBe("a1");
      await accounts.change({ ...ofAnn, type: "remove-token", token: "t1", atMs: 3 });
      expect(await accounts.find({ token: "t1" })).toBeUndefined();
      expect((await accounts.find({ token: "t2" }))?.id).toBe("a1");
      await accounts.change({ ...ofAnn, type: "set-password", password: "hash", atMs: 4 });
      expect(await accounts.find({ token: "t2" })).toBeUndefined();
      expect((await accounts.find({ id: "a1" }))?.password).toBe("hash");
      // Somebody logged in with the old password meanwhile.
      expect(await add("t3", 5)).toEqual({ done: false, why: "missing" });
      expect(await accounts.find({ token: "t3" })).toBeUndefined();
      for (let i = 0; i <= limits.maxTokens; i++) await add(`n${i}`, 10 + i, "hash");
      expect(await accounts.find({ token: "n0" })).toBeUndefined();
      expect((await accounts.find({ token: `n${limits.maxTokens}` }))?.id).toBe("a1");
      // The clock was set back meanwhile.
      for (const token of ["b1", "b2"]) {
        await add(token, 3, "hash");
        expect((await accounts.find({ token }))?.id).toBe("a1");
      }
      expect(await accounts.find({ token: "n2" })).toBeUndefined();
      expect((await accounts.find({ token: "n3" }))?.id).toBe("a1");
      await accounts.change({ ...ofAnn, type: "set-password", password: undefined, atMs: 99 });
      expect((await accounts.find({ id: "a1" }))?.password).toBeUndefined();
    });

    test("the position of a device only grows", async () => {
      const accounts = await withAnn(open());
      const use = (key: string | undefined, mail: number, atMs: number) =>
        accounts.change({ ...ofAnn, type: "used", key, mail, atMs });
      await use("k1", 7, 5_000);
      await use("k1", 3, 4_000);
      await use(undefined, 9, 6_000);
      await use(undefined, 1, 7_000);
      expect(await accounts.find({ id: "a1" })).toMatchObject({
        mail: 9,
        keys: [{ usedMs: 5_000, mail: 7 }],
      });
      expect(await use("k9", 1, 8_000)).toEqual({ done: false, why: "missing" });
    });

    test("a deleted account leaves nothing", async () => {
      const accounts = await withAnn(open());
      await accounts.change({
        ...ofAnn,
        type: "add-token",
        token: "t1",
        password: undefined,
        atMs: 1,
      });
      await accounts.change({ ...ofAnn, type: "delete", atMs: 2 });
      for (const lookup of [{ name: "ann" }, { id: "a1" }, { key: "k1" }, { token: "t1" }]) {
        expect(await accounts.find(lookup)).toBeUndefined();
      }
      const late = {
        ...ofAnn,
        type: "add-token",
        token: "t2",
        password: undefined,
        atMs: 3,
      } as const;
      expect(await accounts.change(late)).toEqual({ done: false, why: "missing" });
      expect((await accounts.change(registration("a2", "ann", "k1"))).done).toBe(true);
    });
  });
}
