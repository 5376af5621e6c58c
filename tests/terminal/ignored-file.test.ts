// The file of ignored names: kept across sessions, readable only by its owner, and never an
// obstacle.

import { beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { client as limits } from "../../src/limits.ts";
import { IgnoredFile } from "../../src/terminal/ignored-file.ts";
import { readIfThere } from "../../src/tls/read-if-there.ts";
import { readSecretFile } from "../../src/tls/secret-file.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const folder = testFolder("ignored");

const warned: string[] = [];
beforeEach(() => void warned.splice(0));
const ignoredAt = (path: string | undefined) =>
  new IgnoredFile(path, (sentence) => void warned.push(sentence));

test("names are read back, and the file is readable only by its owner", () => {
  const path = join(folder, "settings", "ignored");
  expect(ignoredAt(path).load()).toEqual([]);
  expect(ignoredAt(path).change("Eve", true)).toBeUndefined();
  expect(ignoredAt(path).change("Ünal", true)).toBeUndefined();
  expect(ignoredAt(path).load()).toEqual(["Eve", "Ünal"]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a damaged, huge or missing file does no harm", () => {
  const path = join(folder, "odd");
  writeFileSync(path, `\u001b[31mRed\n\n${"name\n".repeat(5_000)}`);
  const names = ignoredAt(path).load();
  expect(names[0]).toBe("Red");
  expect(names.length).toBeLessThanOrEqual(limits.maxIgnored);
  expect(ignoredAt(undefined).load()).toEqual([]);
  expect(ignoredAt(undefined).change("Eve", true)).toContain("no home");
  expect(ignoredAt(folder).change("Eve", true)).toContain("not a regular file");
  expect(ignoredAt(join(path, "in a file", "ignored")).load()).toEqual([]);
  expect(warned).toEqual([]);
  expect(ignoredAt(folder).load()).toEqual([]);
  expect(warned).toEqual([
    `The file of people you ignore, '${folder}', can't be read (it is not a regular file): you hear them`,
  ]);
});

test("names are saved into the file that a link leads to, and leave nothing beside it", () => {
  const [path, link] = [join(folder, "kept", "names"), join(folder, "link")];
  expect(ignoredAt(path).change("Eve", true)).toBeUndefined();
  symlinkSync(path, link);
  expect(ignoredAt(link).change("Bob", true)).toBeUndefined();
  expect(readFileSync(path, "utf8")).toBe("Eve\nBob\n");
  expect(readdirSync(join(folder, "kept"))).toEqual(["names"]);
});

test("a folder is no secret file, whoever may read it", () => {
  chmodSync(folder, 0o755);
  expect(() => readSecretFile(folder, "a key")).toThrow(`'${folder}', for a key, is not a file`);
});

test("two clients overwrite nothing of each other", () => {
  const path = join(folder, "shared");
  const [one, other] = [ignoredAt(path), ignoredAt(path)];
  for (const name of ["Eve", "Mallory"]) one.change(name, true);
  other.change("Bob", true);
  one.change("EVE", false);
  expect(ignoredAt(path).load()).toEqual(["Mallory", "Bob"]);
});

skipUnless(Bun.which("mkfifo") !== null, "no mkfifo")("a FIFO is not waited for", () => {
  const path = join(folder, "fifo");
  Bun.spawnSync(["mkfifo", path]);
  expect(ignoredAt(path).load()).toEqual([]);
  expect(() => readIfThere(path)).toThrow("not a regular file");
  expect(() => readSecretFile(path, "a key")).toThrow("is not a file");
});
