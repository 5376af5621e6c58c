// Names of uploads in the shared folder, and damaged rows.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { accountMailbox } from "../../../../src/chat/accounts/account-store.ts";
import { sharing as limits } from "../../../../src/limits.ts";
import {
  foldedItem,
  freeName,
  nameProblem,
} from "../../../../src/server/files/sharing/item-name.ts";
import {
  decodeItem,
  decodeUpload,
  encodeRow,
  isSameOwner,
  type SharedItem,
} from "../../../../src/server/files/sharing/rows.ts";

const names = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 }),
  fc.constantFrom("a.txt", "A.TXT", "caf\u00e9", "cafe\u0301", "a", "\u0130.txt", "ﬁ.txt"),
);

test("every valid name results in one that is free, fits, and is valid", () => {
  fc.assert(
    fc.property(fc.array(names, { maxLength: 20 }), (wanted) => {
      const taken = new Set<string>();
      for (const name of wanted.filter((one) => nameProblem(one) === undefined)) {
        const free = freeName(name, (folded) => taken.has(folded));
        expect(taken.has(foldedItem(free))).toBe(false);
        expect(nameProblem(free)).toBeUndefined();
        expect(Buffer.byteLength(free)).toBeLessThanOrEqual(limits.maxNameBytes);
        taken.add(foldedItem(free));
      }
    }),
  );
});

test("many uploads of one name get distinct names", () => {
  const taken = new Set<string>();
  const given = Array.from({ length: 50 }, () => {
    const free = freeName("a.tar.gz", (folded) => taken.has(folded));
    taken.add(foldedItem(free));
    return free;
  });
  expect(new Set(given).size).toBe(50);
  expect(given.slice(0, 3)).toEqual(["a.tar.gz", "a.tar (2).gz", "a.tar (3).gz"]);
});

test("a name that only looks like another one is taken", () => {
  const taken = new Set([foldedItem("report.pdf")]);
  for (const name of ["REPORT.pdf", "rep\u200bort.pdf", "report\ufe0f.pdf", "ｒｅｐｏｒｔ.pdf"]) {
    const free = freeName(name, (folded) => taken.has(folded));
    expect(free).toMatch(/ \(2\)\.pdf$/);
  }
});

const item: SharedItem = {
  id: "id",
  upload: "upload",
  parts: 2,
  name: "a.txt",
  isFolder: false,
  version: "file 1 2",
  by: "Ann",
  person: "person",
  device: undefined,
  shares: ["192.0.2.1"],
  room: "lobby",
  bytes: 1,
  files: 1,
  entries: 1,
  atMs: 1_700_000_000_000,
  clockMs: 5,
};

test("a row survives a round trip", () => {
  expect(decodeItem("id", encodeRow(item))).toEqual(item);
  const { upload: _, parts: __, name: ___, isFolder: ____, version: _____, ...rest } = item;
  const { clockMs: ______, ...upload } = rest;
  expect(decodeUpload("id", encodeRow(upload))).toEqual(upload);
});

test("a row of an earlier version, without the clock's reading, keeps its owner", () => {
  const { clockMs: _, ...earlier } = item;
  const row = decodeItem("id", JSON.stringify(earlier));
  expect(row).toEqual({ ...item, clockMs: item.atMs });
});

test("a truncated or foreign row is ignored, and breaks nothing", () => {
  const text = encodeRow(item);
  for (let length = 0; length < text.length; length++) {
    expect(decodeItem("id", text.slice(0, length))).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      decodeItem("id", text);
      decodeUpload("id", text);
    }),
  );
  const negative = text.replace('"bytes":1', '"bytes":-1');
  expect(decodeItem("id", negative)).toBeUndefined();
});

test("an upload continues by account, or else by session or device, and not by an account's device", () => {
  const own = { person: "a session", device: "a key" };
  expect(isSameOwner(own, { person: "a session", device: undefined })).toBe(true);
  expect(isSameOwner(own, { person: "another session", device: "a key" })).toBe(true);
  expect(isSameOwner(own, { person: "another session", device: undefined })).toBe(false);
  const theirs = { person: accountMailbox("a"), device: "a key" };
  expect(isSameOwner(theirs, { person: accountMailbox("a"), device: undefined })).toBe(true);
  // It may have been revoked since.
  expect(isSameOwner(theirs, { person: "a session", device: "a key" })).toBe(false);
  // Somebody has registered since.
  expect(isSameOwner(own, theirs)).toBe(true);
});
