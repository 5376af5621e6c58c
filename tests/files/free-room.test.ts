// How much room a disk has, or that nobody knows.

import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { freeRoom } from "../../src/files/free-room.ts";
import { skipUnless } from "../skip.ts";

test("an ordinary disk says how much room it has", () => {
  expect(freeRoom(tmpdir())?.bytes).toBeGreaterThan(0);
  expect(freeRoom(tmpdir())?.blockBytes).toBeGreaterThan(0);
  expect(freeRoom("/nowhere/at/all")).toBeUndefined();
});

skipUnless(process.platform === "linux", "no /proc")(
  "a file system without a number of blocks is not taken for a full one",
  () => expect(freeRoom("/proc")).toBeUndefined(),
);
