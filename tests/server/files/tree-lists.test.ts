// How many folders one network may list at the same time, however slowly it reads the lists.

import { expect, test } from "bun:test";
import { files as limits } from "../../../src/limits.ts";
import type { TreeFolder } from "../../../src/server/files/file-folder.ts";
import { TreeLists } from "../../../src/server/files/tree-lists.ts";
import { ShareCounts } from "../../../src/share-counts.ts";
import { ownerAt } from "../../../src/share-owner.ts";

const tree: TreeFolder = {
  async *walk() {
    yield [];
    yield [];
  },
  cursor: () => {
    throw new Error("not asked for");
  },
};

test("a network that reads none of its lists leaves slots for others", async () => {
  const walks = new ShareCounts(limits.maxWalksPerOwner, limits.maxWalks / 3);
  const [stranger, other] = ["192.0.2.1", "198.51.100.1"].map(ownerAt);
  const connections = Array.from({ length: 30 }, () => {
    const control = { send() {}, waitingBytes: () => limits.maxControlBytes + 1 };
    return new TreeLists(tree, control, stranger!, walks);
  });
  const outcomes: string[] = [];
  const lists = connections.map((connection) =>
    connection.list("", undefined, undefined).then(
      () => outcomes.push("listed"),
      (error: Error) => outcomes.push(error.message),
    ),
  );
  await Bun.sleep(0);
  const refused = connections.length - limits.maxWalksPerOwner;
  const sentence = `192.0.2.1 is already listing ${limits.maxWalksPerOwner} folders: wait for one.`;
  expect(outcomes).toEqual(Array.from({ length: refused }, () => sentence));

  const pages: unknown[] = [];
  const quick = { send: (page: unknown) => void pages.push(page), waitingBytes: () => 0 };
  await new TreeLists(tree, quick, other!, walks).list("", undefined, 1);
  expect(pages).toHaveLength(1);

  for (const connection of connections) connection.close();
  await Promise.all(lists);
  expect(walks.size).toBe(0);
});
