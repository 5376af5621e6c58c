// The file with the database's password: which one is read, and what can't be.

import { afterEach, expect, test } from "bun:test";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { passwordSource } from "../../../src/store/postgres/password-file.ts";
import { skipUnless } from "../../skip.ts";
import { testFolder } from "../../test-folder.ts";

const base = testFolder("pgpass");
const before = process.env["PGPASSFILE"];

afterEach(() => {
  if (before === undefined) delete process.env["PGPASSFILE"];
  else process.env["PGPASSFILE"] = before;
});

function sourceOf(path: string): (host: string, port: number) => string {
  process.env["PGPASSFILE"] = path;
  return passwordSource("chat", "ann");
}

test("the password is taken from the line of the host, and from no file that others can read", () => {
  const path = join(base, "pgpass");
  writeFileSync(path, "db:5432:*:ann:secret\n", { mode: 0o600 });
  expect(sourceOf(path)("db", 5432)).toBe("secret");
  expect(sourceOf(path)("db", 5433)).toBe("");
  chmodSync(path, 0o644);
  expect(() => sourceOf(path)).toThrow("chmod 600 it");
  expect(() => sourceOf(join(base, "none"))).toThrow("can't be read: no such file");
});

test("a password that is changed while the server runs is used from then on, and an unreadable file changes nothing", () => {
  const path = join(base, "changed");
  writeFileSync(path, "db:5432:*:ann:old\n", { mode: 0o600 });
  const source = sourceOf(path);
  expect(source("db", 5432)).toBe("old");
  writeFileSync(path, "db:5432:*:ann:new\n");
  expect(source("db", 5432)).toBe("new");
  rmSync(path);
  expect(source("db", 5432)).toBe("new");
});

test("an empty PGPASSFILE counts as none, as for psql", () => {
  expect(() => sourceOf("")).not.toThrow();
});

skipUnless(Bun.which("mkfifo") !== null, "no mkfifo")("a FIFO is not waited for", () => {
  const fifo = join(base, "fifo");
  Bun.spawnSync(["mkfifo", "-m", "600", fifo]);
  expect(() => sourceOf(fifo)).toThrow("can't be read: it is not a regular file");
});
