// Limits on the tags that are kept per network.

import { expect, test } from "bun:test";
import { ownerAt } from "../../../src/share-owner.ts";
import { TagBudget } from "../../../src/server/files/tag-budget.ts";

test("one network may use a quarter, a /48 half, and everyone together all", () => {
  const tags = new TagBudget(1_000);
  const give = tags.reserve(250, ownerAt("192.0.2.1"));
  expect(() => tags.reserve(1, ownerAt("192.0.2.1"))).toThrow("192.0.2.1 is fetching as much as");
  for (const group of ["1", "100"]) tags.reserve(250, ownerAt(`2001:db8:1:${group}::1`));
  expect(() => tags.reserve(1, ownerAt("2001:db8:1:200::1"))).toThrow(
    "2001:db8:1::/48 is fetching",
  );
  tags.reserve(250, ownerAt("127.0.0.1"));
  expect(() => tags.reserve(1, ownerAt("198.51.100.1"))).toThrow(
    "The server is sending as much as",
  );
  give();
  give();
  tags.reserve(250, ownerAt("198.51.100.1"));
  expect(() => tags.reserve(1, ownerAt("192.0.2.1"))).toThrow("The server is sending");
});
