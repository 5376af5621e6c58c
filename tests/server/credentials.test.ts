// The server's cryptography for users: real signatures and hashes, and how many at the same time.

import { expect, test } from "bun:test";
import { generateKeyPairSync, sign } from "node:crypto";
import { Credentials } from "../../src/server/credentials.ts";
import { accounts as limits } from "../../src/limits.ts";
import { publicKeyForm, signatureForm } from "../../src/trust/login-proof.ts";

const credentials = new Credentials();

function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const key = String(publicKey.export({ format: "jwk" }).x);
  const signed = (text: string) => sign(null, Buffer.from(text), privateKey).toString("base64url");
  return { key, signed };
}

test("a signature is valid only for its key and its text; nonsense is refused and does not throw", () => {
  const { key, signed } = keyPair();
  const signature = signed("Ann\0é");
  expect(key).toMatch(publicKeyForm);
  expect(signature).toMatch(signatureForm);
  const verify = credentials.verifySignature.bind(credentials);
  expect(verify(key, "Ann\0é", signature)).toBe(true);
  expect(verify(key, "Ann", signature)).toBe(false);
  expect(verify(keyPair().key, "Ann\0é", signature)).toBe(false);
  expect(verify(key, "Ann\0é", signature.slice(0, -1))).toBe(false);
  for (const odd of ["", "A".repeat(43), "_".repeat(43), "x", "é"]) {
    expect(verify(odd, "Ann", signature)).toBe(false);
    expect(verify(key, "Ann", odd)).toBe(false);
  }
});

/** Of "correct horse", and checked in no time: for tests of the queue. */
const cheap = await Bun.password.hash("correct horse", {
  algorithm: "argon2id",
  memoryCost: 8,
  timeCost: 1,
});

const here = "192.0.2.1";
const hash = (password: string) =>
  new Promise<string | undefined>((resolve) => credentials.hashPassword(password, here, resolve));
const check = (password: string, hashed: string, address = here) =>
  new Promise<boolean | undefined>((resolve) =>
    credentials.checkPassword(password, hashed, address, resolve),
  );

test("a hash is argon2id with its own salt, and matches one password", async () => {
  const first = (await hash("correct horse")) ?? "";
  expect(first).toMatch(/^\$argon2id\$v=19\$m=65536,t=2,p=1\$/);
  expect(await hash("correct horse")).not.toBe(first);
  expect(await check("correct horse", first)).toBe(true);
  expect(await check("correct hors", first)).toBe(false);
  expect(await check("correct horse", "not a hash")).toBeUndefined();
}, 180_000);

test("beyond the queue more are refused immediately, and later there is room again", async () => {
  const most = limits.passwordsAtOnce + limits.passwordsWaiting;
  const all = Array.from({ length: most + 3 }, () => check("wrong", cheap));
  const results = await Promise.all(all);
  expect(results.filter((result) => result === undefined)).toHaveLength(3);
  expect(results.filter((result) => result === false)).toHaveLength(most);
  expect(await check("correct horse", cheap)).toBe(true);
}, 180_000);

test("a network that asks for much keeps nobody else waiting for all of it", async () => {
  const done: string[] = [];
  const ask = async (address: string): Promise<void> => {
    const result = await check("wrong", cheap, address);
    done.push(result === undefined ? "refused" : address);
  };
  const many = Array.from({ length: limits.passwordsWaiting }, () => ask("198.51.100.7"));
  await Promise.all([...many, ask("203.0.113.5"), ask("2001:db8::1")]);
  // One is at work, and another one of that network has its turn first.
  expect(done.slice(0, 4).toSorted()).toEqual(
    ["198.51.100.7", "198.51.100.7", "203.0.113.5", "2001:db8::1"].toSorted(),
  );
  expect(done).not.toContain("refused");
}, 180_000);

test("the networks of an IPv6 customer are one", async () => {
  const asked = Array.from(
    { length: limits.passwordsAtOnce + limits.passwordsWaiting + 3 },
    (_, i) => check("wrong", cheap, `2001:db8:1:${i.toString(16)}::1`),
  );
  const results = await Promise.all(asked);
  expect(results.filter((result) => result === undefined)).toHaveLength(3);
}, 180_000);

test("all networks together may wait for a limited number", () => {
  const most = limits.passwordsWaitingInAll + limits.passwordsAtOnce;
  const networks = Math.ceil((most + 10) / limits.passwordsWaiting);
  let refused = 0;
  // Only what is refused immediately counts.
  for (let i = 0; i < networks * limits.passwordsWaiting; i++) {
    credentials.checkPassword("wrong", "not a hash", `198.51.${i % networks}.1`, (result) => {
      if (result === undefined && isAsking) refused++;
    });
  }
  isAsking = false;
  expect(refused).toBe(networks * limits.passwordsWaiting - most);
}, 180_000);

let isAsking = true;
