// A bounded map evicts the least recently used entries, by number or by cost.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
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

test("behaves like a list that is searched, whatever happens", () => {
  const key = fc.nat({ max: 6 });
  const step = fc.oneof(
    fc.record({ do: fc.constant("set" as const), key, cost: fc.nat({ max: 5 }) }),
    fc.record({ do: fc.constantFrom("get" as const, "delete" as const, "clear" as const), key }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const map = new BoundedMap<number, { cost: number }>(12, ({ cost }) => cost);
      let list: [key: number, value: { cost: number }][] = [];
      for (const one of steps) {
        const found = list.find(([has]) => has === one.key);
        const others = list.filter((entry) => entry !== found);
        if (one.do === "set") {
          const evicted = map.set(one.key, one);
          list = [...others, [one.key, one]];
          const gone: typeof list = [];
          const cost = (): number => list.reduce((sum, [, value]) => sum + value.cost, 0);
          while (cost() > 12 && list.length > 1) gone.push(list.shift()!);
          expect(evicted).toEqual(gone);
        } else if (one.do === "get") {
          expect(map.get(one.key)).toBe(found?.[1]);
          if (found !== undefined) list = [...others, found];
        } else if (one.do === "delete") {
          expect(map.delete(one.key)).toBe(found !== undefined);
          list = others;
        } else {
          map.clear();
          list = [];
        }
        expect([...map.values()]).toEqual(list.map(([, value]) => value));
        expect(map.size).toBe(list.length);
      }
    }),
    { numRuns: 300 },
  );
});
