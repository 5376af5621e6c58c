// A data file, or its lock, that is removed or replaced while it is open: nothing is written, and
// so nothing is acknowledged, that would be lost, and no two servers use the file.

import { expect, test } from "bun:test";
import { copyFileSync, existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { history } from "../../../src/limits.ts";
import { PlaceCheck } from "../../../src/store/sqlite/place-check.ts";
import { openSqliteStore } from "../../../src/store/sqlite/store.ts";
import { testFolder } from "../../test-folder.ts";
import { until } from "../../until.ts";
import { Writer } from "../batches.ts";

const folder = testFolder("place-check");

test("a file that is removed or replaced is missed at the next look, until it is back", () => {
  const [path, aside] = [join(folder, "a.db"), join(folder, "a.old")];
  writeFileSync(path, "");
  let nowMs = 0;
  const place = new PlaceCheck(path, { keep() {} }, nowMs);
  const look = () => {
    nowMs += history.placeCheckMs;
    place.check(nowMs);
  };
  const missed = `'${path}' was removed or replaced while the server was running: put it back`;
  look();
  renameSync(path, aside);
  // Too early to look again.
  place.check(nowMs + history.placeCheckMs - 1);
  expect(look).toThrow(missed);
  expect(() => place.check(nowMs)).toThrow(missed);
  copyFileSync(aside, path);
  expect(look).toThrow(missed);
  renameSync(aside, path);
  look();
});

/** Whether the store refuses a message. */
function refuses(writer: Writer): boolean {
  try {
    writer.say("lobby");
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: "storage" });
    return true;
  }
}

test("a removed file gets nothing more, and what it has is there when it is back", async () => {
  const [path, aside] = [join(folder, "b.db"), join(folder, "b.old")];
  const store = openSqliteStore(path);
  const writer = new Writer(store);
  expect(refuses(writer)).toBe(false);
  renameSync(path, aside);
  await until(() => refuses(writer));
  const { last } = store.rooms.bounds("lobby");
  expect(refuses(writer)).toBe(true);
  expect(store.rooms.bounds("lobby").last).toBe(last);
  renameSync(aside, path);
  await until(() => !refuses(writer));
  expect(store.rooms.bounds("lobby").last).toBe(last + 1);
  store.close();
});

test("a lock whose file was removed is taken again", async () => {
  const path = join(folder, "c.db");
  const store = openSqliteStore(path);
  const writer = new Writer(store);
  rmSync(`${path}-lock`);
  await until(() => !refuses(writer) && existsSync(`${path}-lock`));
  expect(() => openSqliteStore(path)).toThrow("is in use by another parley server: stop it");
  store.close();
  expect(existsSync(`${path}-lock`)).toBe(false);
  openSqliteStore(path).close();
});

test("if another server has taken it before that, this one writes nothing more", async () => {
  const path = join(folder, "d.db");
  const store = openSqliteStore(path);
  const writer = new Writer(store);
  writer.say("lobby");
  rmSync(`${path}-lock`);
  const other = openSqliteStore(path);
  await until(() => refuses(writer));
  expect(() => writer.say("lobby")).toThrow(
    "its -lock file was removed: stop both, then start one",
  );
  store.close();
  expect(existsSync(`${path}-lock`)).toBe(true);
  expect(refuses(new Writer(other))).toBe(false);
  other.close();
});

test("a server that stops leaves the lock that another one has taken meanwhile", () => {
  const path = join(folder, "e.db");
  const store = openSqliteStore(path);
  rmSync(`${path}-lock`);
  const other = openSqliteStore(path);
  store.close();
  expect(() => openSqliteStore(path)).toThrow("is in use by another parley server");
  other.close();
});
