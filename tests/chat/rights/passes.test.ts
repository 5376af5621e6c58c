// Passes that could not be stored.

import { expect, test } from "bun:test";
import { Rights } from "../../../src/chat/rights/rights.ts";

test("a use of a pass that could not be stored is stored with the pass", () => {
  const rights = new Rights([]);
  const terms = { hash: "h", uses: 1, by: "console", atMs: 0, untilMs: 1_000 };
  rights.passes.issue(terms);
  const unstored = rights.takeChanges();
  rights.passes.redeem("h", ["ann"]);
  rights.putBack(unstored);
  const [change, ...others] = rights.takeChanges();
  expect([change?.before, others]).toEqual([undefined, []]);
  expect(JSON.parse(change?.value ?? "")).toMatchObject({ used: 1, guests: ["ann"] });
  rights.passes.redeem("h", []);
  expect(rights.takeChanges()).toMatchObject([{ key: "pass/h", before: change?.value }]);
});

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
