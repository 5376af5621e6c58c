// Passes that could not be stored.

import { expect, test } from "bun:test";
import { Rights } from "../../../src/chat/rights/rights.ts";

test("a use that could not be stored is free again, for others too, and its guest is forgotten", () => {
  const { passes } = new Rights([]);
  const terms = { hash: "h", uses: 1, by: "console", atMs: 0, untilMs: 1_000 };
  expect(passes.issue(terms)).toMatchObject({ used: 0 });
  expect(passes.redeem("h", ["ann"])).toBe(true);
  passes.giveBack("h", ["ann"]);
  expect(passes.admits("h", ["ben"], 1)).toBe(true);
  expect(passes.redeem("h", ["ben"])).toBe(true);
  expect([passes.admits("h", ["ann"], 1), passes.admits("h", ["ben"], 1)]).toEqual([false, true]);
});
