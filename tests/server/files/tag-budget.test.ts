// Limits on the tags that are kept per network.

import { expect, test } from "bun:test";
import { ownerAt, ownerOfAccount, type ShareOwner } from "../../../src/share-owner.ts";
import { TagBudget } from "../../../src/server/files/tag-budget.ts";

test("one network may use a quarter, a /48 a third, and everyone together all", () => {
  const tags = new TagBudget(1_200);
  const give = tags.reserve(300, ownerAt("192.0.2.1"));
  expect(() => tags.reserve(1, ownerAt("192.0.2.1"))).toThrow("192.0.2.1 is fetching as much as");
  for (const group of ["1", "100"]) tags.reserve(200, ownerAt(`2001:db8:1:${group}::1`));
  expect(() => tags.reserve(1, ownerAt("2001:db8:1:200::1"))).toThrow(
    "2001:db8:1::/48 is fetching",
  );
  tags.reserve(500, ownerAt("127.0.0.1"));
  expect(() => tags.reserve(1, ownerAt("198.51.100.1"))).toThrow(
    "The server is sending as much as",
  );
  give();
  give();
  tags.reserve(300, ownerAt("198.51.100.1"));
  expect(() => tags.reserve(1, ownerAt("192.0.2.1"))).toThrow("The server is sending");
});

test("the strangers and the accounts of one network together leave a third to others", () => {
  const tags = new TagBudget(1_200);
  const takeAll = (owners: readonly ShareOwner[]) => {
    for (const owner of owners) {
      expect(() => {
        for (;;) tags.reserve(50, owner);
      }).toThrow("is fetching");
    }
  };
  const addresses = Array.from({ length: 32 }, (_, n) => `2001:db8:1:${n}00::1`);
  takeAll(addresses.map(ownerAt));
  takeAll(addresses.map((address, n) => ownerOfAccount(`a${n}`, address)));
  for (let left = 0; left < 400; left += 100) tags.reserve(100, ownerAt(`192.0.2.${left}`));
});
