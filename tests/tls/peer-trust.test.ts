// Which key a peer must have: a known key is never replaced by another one, nor dropped.

import { expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sealed as limits } from "../../src/limits.ts";
import { KnownKeysFile } from "../../src/tls/known-keys-file.ts";
import { PeerTrust } from "../../src/tls/peer-trust.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("peer-trust");
let count = 0;

const key = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const other = "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08";

const never = (): Promise<string | undefined> => Promise.reject(new Error("not asked"));
const listed = (found: string | undefined) => () => Promise.resolve(found);

function trust(text = "", server = "chat.example:55000/peers") {
  const path = join(base, `${++count}`);
  writeFileSync(path, text, { mode: 0o600 });
  return { path, trust: new PeerTrust(new KnownKeysFile(path, server), path) };
}

test("an unknown peer: plain text without a key, protected with the registry's key", () => {
  const { trust: one } = trust();
  expect(one.planFor("Bob", undefined)).toEqual({ how: "plain" });
  expect(one.planFor("Bob", key)).toEqual({ how: "secured", key, state: "new" });
  expect(one.isKnown("Bob")).toBe(false);
});

test("a known key is expected even if the registry has none, or omits it", () => {
  const { trust: one, path } = trust();
  one.remember("Bob", key);
  expect(readFileSync(path, "utf8")).toBe(`chat.example:55000/peers bob met ${key}\n`);
  expect(one.isKnown("BOB")).toBe(true);
  for (const listed of [undefined, key]) {
    expect(one.planFor("bob", listed)).toEqual({ how: "secured", key, state: "known" });
  }
});

test("another key is refused, with the file and a solution", () => {
  const { trust: one, path } = trust();
  one.remember("Bob", key);
  const plan = one.planFor("Bob", other);
  expect(plan).toMatchObject({ how: "refused" });
  expect(JSON.stringify(plan)).toContain(path);
  expect(JSON.stringify(plan)).toContain("Bob has a different key from the one that you know");
});

test("callers: the known key, otherwise the registry's, otherwise any the first time", async () => {
  const { trust: one } = trust();
  expect(await one.judgeCaller("Cal", key, listed(key))).toEqual({ state: "new" });
  expect(await one.judgeCaller("Cal", key, listed(undefined))).toEqual({ state: "new" });
  expect(await one.judgeCaller("Cal", other, listed(key))).toMatchObject({
    why: expect.stringContaining("a different key from the one that the registry has"),
  });
  one.remember("Bob", key);
  expect(await one.judgeCaller("Bob", key, never)).toEqual({ state: "known" });
  // Regardless of the registry's current answer.
  expect(await one.judgeCaller("Bob", other, listed(other))).toHaveProperty("why");
});

test("a verified key is reported as verified; a damaged line is refused, not ignored", () => {
  const { trust: compared } = trust(`chat.example:55000/peers bob verified ${key}\n`);
  expect(compared.planFor("Bob", key)).toMatchObject({ state: "verified" });
  expect(compared.isVerified("Bob")).toBe(true);
  const { trust: damaged } = trust("chat.example:55000/peers bob met nonsense\n");
  expect(damaged.planFor("Bob", key)).toMatchObject({ how: "refused" });
  expect(damaged.isKnown("Bob")).toBe(true);
});

test("peers are separate from users, and each registry's from another's", () => {
  const { trust: one } = trust(
    `chat.example:55000 bob met ${key}\nb.example:1/peers bob met ${key}\n`,
  );
  expect(one.planFor("Bob", undefined)).toEqual({ how: "plain" });
});

test("callers under ever new IDs can't fill the file: half of it is for peers that one calls", () => {
  const { trust: one, path } = trust();
  const line = `chat.example:55000/peers x100000 met ${key}\n`;
  const calls = Math.ceil(limits.maxKnownBytes / line.length);
  writeFileSync(path, line.repeat(Math.floor((0.99 * limits.maxUnaskedBytes) / line.length)));
  let said = 0;
  for (let i = 0; i < calls / 50; i++) {
    if (one.rememberCaller(`c${100_000 + i}`, key) !== undefined) said++;
  }
  expect(said).toBe(0);
  expect(statSync(path).size).toBeLessThan(limits.maxUnaskedBytes + 2 * line.length);
  expect(one.isKnown("c100000")).toBe(true);
  expect(one.isKnown(`c${100_000 + Math.floor(calls / 50) - 1}`)).toBe(false);
  expect(one.remember("Bob", key)).toBeUndefined();
  expect(one.isKnown("Bob")).toBe(true);
});

test("a key that became known meanwhile is not replaced, and stays verified", () => {
  const { trust: one } = trust();
  one.remember("Bob", key);
  expect(one.remember("Bob", other)).toContain("Bob has a different key");
  expect(one.rememberCaller("Bob", other)).toContain("Bob has a different key");
  expect(one.planFor("Bob", undefined)).toEqual({ how: "secured", key, state: "known" });
  one.confirm("Bob", key);
  expect(one.remember("Bob", key)).toBeUndefined();
  expect(one.isVerified("Bob")).toBe(true);
});

test("a caller is judged by the key that became known while the registry was asked", async () => {
  const { trust: one } = trust();
  const meanwhile = async (): Promise<undefined> => {
    one.remember("Bob", key);
  };
  expect(await one.judgeCaller("Bob", other, meanwhile)).toHaveProperty("why");
  const { trust: two } = trust();
  const calledBack = async (): Promise<undefined> => {
    two.remember("Bob", key);
  };
  expect(await two.judgeCaller("Bob", key, calledBack)).toEqual({ state: "known" });
});
