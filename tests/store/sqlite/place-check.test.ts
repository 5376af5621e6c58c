// A data file that is removed or replaced while it is open: nothing is written, and so nothing is
// acknowledged, that would be lost.

import { expect, test } from "bun:test";
import { copyFileSync, renameSync, writeFileSync } from "node:fs";
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
  const place = new PlaceCheck(path, nowMs);
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

test("a removed file gets nothing more, and what it has is there when it is back", async () => {
  const [path, aside] = [join(folder, "b.db"), join(folder, "b.old")];
  const store = openSqliteStore(path);
  const writer = new Writer(store);
  const fails = (): boolean => {
    try {
      writer.say("lobby");
      return false;
    } catch (error) {
      expect(error).toMatchObject({ code: "storage" });
      return true;
    }
  };
  expect(fails()).toBe(false);
  renameSync(path, aside);
  await until(fails);
  const { last } = store.rooms.bounds("lobby");
  expect(fails()).toBe(true);
  expect(store.rooms.bounds("lobby").last).toBe(last);
  renameSync(aside, path);
  await until(() => !fails());
  expect(store.rooms.bounds("lobby").last).toBe(last + 1);
  store.close();
});
