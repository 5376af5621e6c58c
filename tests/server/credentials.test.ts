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

const hash = (password: string) =>
  new Promise<string | undefined>((resolve) => credentials.hashPassword(password, resolve));
const check = (password: string, hashed: string) =>
  new Promise<boolean | undefined>((resolve) =>
    credentials.checkPassword(password, hashed, resolve),
  );

test("a hash is argon2id with its own salt, and matches one password", async () => {
  const first = (await hash("correct horse")) ?? "";
  expect(first).toMatch(/^\$argon2id\$v=19\$m=65536,t=2,p=1\$/);
  expect(await hash("correct horse")).not.toBe(first);
  expect(await check("correct horse", first)).toBe(true);
  expect(await check("correct hors", first)).toBe(false);
  expect(await check("correct horse", "not a hash")).toBeUndefined();
}, 60_000);

test("beyond the queue more are refused immediately, and later there is room again", async () => {
  const hashed = (await hash("correct horse")) ?? "";
  const most = limits.passwordsAtOnce + limits.passwordsWaiting;
  const all = Array.from({ length: most + 3 }, () => check("wrong", hashed));
  const results = await Promise.all(all);
  expect(results.filter((result) => result === undefined)).toHaveLength(3);
  expect(results.filter((result) => result === false)).toHaveLength(most);
  expect(await check("correct horse", hashed)).toBe(true);
}, 60_000);
