// Bytes as text, and joined: equal to Buffer's results, also with the fallback for browsers that
// lack the newer functions; invalid base64 results in undefined.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  fromBase64,
  fromBase64Url,
  isSameBytes,
  joinedBytes,
  toBase64,
  toBase64Url,
} from "../src/bytes.ts";
import { noise } from "./noise.ts";
import { testFolder } from "./test-folder.ts";

test("base64 and base64url equal those of Buffer", () => {
  for (const length of [0, 1, 2, 3, 31, 32, 33, 70_000]) {
    const bytes = noise(length);
    const [text, url] = [toBase64(bytes), toBase64Url(bytes)];
    expect(text).toBe(Buffer.from(bytes).toString("base64"));
    expect(url).toBe(Buffer.from(bytes).toString("base64url"));
    expect(fromBase64(text)).toEqual(bytes.slice());
    expect(fromBase64Url(url)).toEqual(bytes.slice());
  }
});

test("invalid base64 is undefined", () => {
  for (const text of ["a", "a===", "ab*=", "é"]) expect(fromBase64(text)).toBeUndefined();
  for (const text of ["a", "a+bc", "a/bc", "ab==", "é"])
    expect(fromBase64Url(text)).toBeUndefined();
});

test("a browser without the newer functions gets the same results", async () => {
  const code = await Bun.file(new URL("../src/bytes.ts", import.meta.url)).text();
  const old = code.replace(/const hasBase64 = .*;/, "const hasBase64: boolean = false;");
  expect(old).not.toBe(code);
  const folder = testFolder("bytes");
  const path = join(folder, "old.ts");
  writeFileSync(path, old);
  const module = (await import(path)) as typeof import("../src/bytes.ts");
  for (const length of [0, 1, 2, 3, 70_000]) {
    const bytes = noise(length);
    expect(module.toBase64(bytes)).toBe(toBase64(bytes));
    expect(module.fromBase64(toBase64(bytes))).toEqual(bytes.slice());
  }
  expect(module.fromBase64("ab*=")).toBeUndefined();
});

test("bytes are joined and compared", () => {
  expect(joinedBytes([])).toEqual(new Uint8Array());
  expect(joinedBytes([Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3)])).toEqual(
    Uint8Array.of(1, 2, 3),
  );
  expect(isSameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
  expect(isSameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
  expect(isSameBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
});
