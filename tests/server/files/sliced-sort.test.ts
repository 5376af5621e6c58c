// A large array is sorted as by `sort`, and other work gets turns in between.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { slicedSort } from "../../../src/server/files/sliced-sort.ts";
import { seeded } from "../../sim/random.ts";

test("sorts as `sort` does, whatever the length", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(20_000), fc.nat(), async (length, seed) => {
      const random = seeded(seed);
      const items = Array.from({ length }, () => `name ${Math.floor(random() * 9_999)}`);
      expect(await slicedSort(items)).toEqual(items.toSorted());
    }),
    { numRuns: 20 },
  );
});

test("300 000 names leave turns for other work", async () => {
  const random = seeded(1);
  const items = Array.from({ length: 300_000 }, () => `file ${random()}.txt`);
  let turns = 0;
  let isOver = false;
  const tick = () => {
    turns++;
    if (!isOver) setImmediate(tick);
  };
  tick();
  const sorted = await slicedSort(items);
  isOver = true;
  expect(sorted.length).toBe(items.length);
  expect(turns).toBeGreaterThan(20);
});
