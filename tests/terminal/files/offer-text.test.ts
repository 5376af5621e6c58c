// How offers of files read.

import { expect, test } from "bun:test";
import { incomingFileText, incomingText } from "../../../src/terminal/files/offer-text.ts";

function offerOf(files: number, ...names: readonly string[]): string {
  const facts = { id: 1, from: "Bob", size: 5_000, sealed: true, verified: true };
  return incomingText({ event: "offer-received", ...facts, files, names });
}

test("an offer ends its names with … only if there are more than are named", () => {
  expect(offerOf(41, "big.bin", "photos/")).toBe(
    "Bob offers 41 files, 5.00 kB: 'big.bin', 'photos/' (sealed)",
  );
  const eight = ["a", "b", "c", "d", "e", "f", "g", "h"];
  expect(offerOf(8, ...eight)).toContain("'h' (sealed)");
  expect(offerOf(9, ...eight)).toContain("'h', … (sealed)");
});

test("a file or folder that is saved under another name is named, and no other", () => {
  const facts = { size: 3, compared: "time" } as const;
  const unchanged = (name: string, path: string) =>
    incomingFileText({ event: "unchanged", ...facts, name, path });
  expect(unchanged("a.txt", "in/a.txt")).toBeUndefined();
  expect(unchanged("a.txt", "in/a (2).txt")).toBe("'a.txt' is saved as 'in/a (2).txt'");
  const renamed = { event: "renamed", name: "photos/a:b", path: "in/photos/a_b" } as const;
  expect(incomingFileText(renamed)).toBe("'photos/a:b' is saved as 'in/photos/a_b'");
  const counts = { files: 1, size: 3, folders: 1, unchanged: 0, renamed: 0, links: 0, others: 0 };
  const rates = { failed: 0, sealed: true, seconds: 1, goodputBytesPerSecond: 3 };
  const folder = { event: "folder", ...counts, ...rates, over: "udp" } as const;
  expect(incomingFileText({ ...folder, name: "photos/", path: "in/photos" })).toBeUndefined();
});
