// identity.seen: one more line for each message, also from two programs at once, and written anew
// before it is too long to be read.

import { expect, test } from "bun:test";
import { appendFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sealed as limits } from "../../src/limits.ts";
import { SeenFile } from "../../src/tls/seen-file.ts";
import { testFolder } from "../test-folder.ts";

const folder = testFolder("seen-file");
const keyOf = (n: number) => Buffer.alloc(32, `key ${n}`).toString("base64url");
const idOf = (n: number) => Buffer.alloc(16, `${n} id`).toString("base64url");
const open = (path: string, nowMs = 0) =>
  new SeenFile(path, nowMs, (problem) => {
    throw new Error(problem);
  });

test("a message adds a line, whatever else is in it", () => {
  const path = join(folder, "lines");
  const seen = open(path);
  seen.add(keyOf(0), idOf(0), 1, 1);
  const { ino, size } = statSync(path);
  for (let n = 1; n < 200; n++) seen.add(keyOf(n), idOf(n), n, n);
  expect(statSync(path).ino).toBe(ino);
  expect(statSync(path).size).toBeLessThan(size + 200 * 100);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const restarted = open(path);
  for (let n = 0; n < 200; n++) expect(restarted.check(keyOf(n), idOf(n), n)).toBe("repeated");
  expect(restarted.latestMs(keyOf(199))).toBe(199);
});

test("two programs lose nothing of each other's", () => {
  const path = join(folder, "two");
  const [one, other] = [open(path), open(path)];
  for (let n = 0; n < 50; n++) (n % 2 === 0 ? one : other).add(keyOf(n % 3), idOf(n), n, n);
  const restarted = open(path);
  for (let n = 0; n < 50; n++) expect(restarted.check(keyOf(n % 3), idOf(n), n)).toBe("repeated");
});

test("a line that a full disk has cut off spoils no other", () => {
  const path = join(folder, "cut");
  open(path).add(keyOf(1), idOf(1), 1, 1);
  appendFileSync(path, `\n${keyOf(2)} -1 ${idOf(2).slice(5)}`);
  open(path).add(keyOf(3), idOf(3), 3, 3);
  const restarted = open(path);
  expect(restarted.check(keyOf(1), idOf(1), 1)).toBe("repeated");
  expect(restarted.check(keyOf(3), idOf(3), 3)).toBe("repeated");
});

test("it is written anew before it is too long to be read, and loses nothing by that", () => {
  const path = join(folder, "long");
  const line = (n: number) => `\n${keyOf(n % 5)} -1 ${idOf(n)}:${n}`;
  const many = Math.ceil(limits.maxSeenBytes / 2 / line(1_000).length);
  writeFileSync(path, Array.from({ length: many }, (_, n) => line(n)).join(""));
  const seen = open(path, many);
  for (let n = many; n < many + 20; n++) seen.add(keyOf(n % 5), idOf(n), n, n);
  expect(statSync(path).size).toBeLessThan(limits.maxSeenBytes / 10);
  const restarted = open(path, many + 20);
  for (let n = 0; n < many + 20; n++) {
    if (restarted.check(keyOf(n % 5), idOf(n), n) === "fresh") throw new Error(`${n} is fresh`);
  }
  expect(restarted.check(keyOf(0), idOf(many + 20), many + 20)).toBe("fresh");
});

test("strangers' dates in the future keep nobody out, also after a restart", () => {
  const path = join(folder, "future");
  const seen = open(path, 1_000);
  for (let n = 0; n < limits.maxSenders + 20; n++) seen.add(keyOf(n), idOf(n), 9_000_000, 1_000);
  for (const one of [seen, open(path, 1_000)]) {
    expect(one.check(keyOf(9_999), idOf(1), 1_001)).toBe("fresh");
    expect(one.check(keyOf(9_999), idOf(1), 999)).toBe("old");
  }
});
