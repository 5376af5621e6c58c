// A bounded map evicts the least recently used entries, by number or by cost.

import { expect, test } from "bun:test";
import { BoundedMap } from "../src/bounded-map.ts";

test("evicts the least recently used entry", () => {
  const map = new BoundedMap<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  expect(map.get("a")).toBe(1);
  expect(map.set("c", 3)).toEqual([["b", 2]]);
  expect([map.has("a"), map.has("b"), map.has("c"), map.size]).toEqual([true, false, true, 2]);
});

test("replacing an entry refreshes it and evicts nothing", () => {
  const map = new BoundedMap<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  expect(map.set("a", 3)).toEqual([]);
  expect(map.set("c", 4)).toEqual([["b", 2]]);
  expect(map.get("a")).toBe(3);
});

test("counts costs, and always keeps the newest", () => {
  const map = new BoundedMap<string, string>(10, (text) => text.length);
  map.set("a", "1234");
  map.set("b", "1234");
  expect(map.set("c", "123")).toEqual([["a", "1234"]]);
  expect(map.set("d", "longer than all of it").map(([key]) => key)).toEqual(["b", "c"]);
  expect(map.size).toBe(1);
  expect([map.delete("d"), map.delete("d")]).toEqual([true, false]);
  map.set("e", "1234567890");
  expect(map.size).toBe(1);
  map.clear();
  expect(map.size).toBe(0);
});
