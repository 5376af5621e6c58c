// Notification settings: per room, kept as chosen, and validated when read.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  levelOf,
  noNotifications,
  readSettings,
  withLevel,
} from "../../src/page/notification-settings.ts";

test("a room has its own level, in any letter case; the others notify of everything", () => {
  const settings = withLevel(noNotifications, "Den", "mentions");
  expect([levelOf(settings, "den"), levelOf(settings, "lobby")]).toEqual(["mentions", "all"]);
  expect(withLevel(settings, "DEN", "all").rooms.size).toBe(0);
});

test("the rooms that were changed last are remembered", () => {
  let settings = noNotifications;
  for (let i = 0; i < 500; i++) settings = withLevel(settings, `room-${i}`, "none");
  expect(settings.rooms.size).toBe(200);
  expect(levelOf(settings, "room-499")).toBe("none");
});

test("stored settings are read back, and anything else is ignored", () => {
  const text = JSON.stringify({ isWanted: true, rooms: [{ room: "den", level: "none" }] });
  expect(levelOf(readSettings(text), "den")).toBe("none");
  expect(readSettings(text).isWanted).toBe(true);
  for (const damaged of [
    "",
    "{",
    "[]",
    '{"isWanted":1,"rooms":[]}',
    '{"isWanted":true,"rooms":{}}',
  ]) {
    expect(readSettings(damaged)).toEqual(noNotifications);
  }
  fc.assert(fc.property(fc.json(), (json) => void readSettings(json)));
});
