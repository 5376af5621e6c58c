// What all tabs of a browser keep together: none overwrites what another has changed.

import { afterAll, beforeEach, expect, test } from "bun:test";
import { client as limits } from "../../src/limits.ts";
import { changedIgnored, loadIgnored, storeIgnored } from "../../src/page/ignored-storage.ts";
import { loadSettings, noNotifications } from "../../src/page/notification-settings.ts";

const stored = new Map<string, string>();
const before = Object.getOwnPropertyDescriptor(globalThis, "localStorage");
Object.defineProperty(globalThis, "localStorage", {
  configurable: true,
  value: {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, text: string) => void stored.set(key, text),
  },
});
afterAll(() => {
  if (before === undefined) Reflect.deleteProperty(globalThis, "localStorage");
  else Object.defineProperty(globalThis, "localStorage", before);
});
beforeEach(() => stored.clear());

test("a tab adds to and removes from the ignored names that others have stored", () => {
  storeIgnored("Eve", true);
  storeIgnored("Bob", true);
  storeIgnored("EVE", false);
  storeIgnored("Mallory", true);
  expect(loadIgnored()).toEqual(["Bob", "Mallory"]);
  for (let i = 0; i < 2 * limits.maxIgnored; i++) storeIgnored(`n${i}`, true);
  expect(loadIgnored()).toHaveLength(limits.maxIgnored);
});

test("a tab learns what another has changed; damaged storage is empty", () => {
  expect(changedIgnored('["Eve","Bob"]', '["Bob","Mallory"]')).toEqual({
    added: ["Mallory"],
    removed: ["Eve"],
  });
  expect(changedIgnored(null, '["Eve",7]')).toEqual({ added: ["Eve"], removed: [] });
  expect(changedIgnored("{", null)).toEqual({ added: [], removed: [] });
});

test("settings of notifications that are not stored are unknown, so a tab keeps its own", () => {
  expect(loadSettings()).toBeUndefined();
  stored.set("parley-notifications", "damaged");
  expect(loadSettings()).toEqual(noNotifications);
});
