// Where received files are saved: never outside the folder, and never over another file.

import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ParleyError } from "../../src/errors.ts";
import { reasonForSender, SavePlace } from "../../src/handover/save-as.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("save-as");

const pathOf = (name: string, size = 3, modified = 1_700_000_000_000) =>
  new SavePlace(base, "Eve").pathFor({ name, size, modified });

test("a name that is a path, or contains control characters, is refused", () => {
  const names = [
    "../x",
    "/x",
    "a/b",
    "a/../../x",
    "..",
    ".",
    "",
    "a\\b",
    "a\nb",
    "\u001b[2J",
    "/",
    "..",
  ];
  for (const name of names) expect(() => pathOf(name)).toThrow(/not a file name/);
});

test("another file of that name is left alone, the same file is found again", () => {
  expect(pathOf("a.txt")).toBe(join(base, "a.txt"));
  writeFileSync(join(base, "a.txt"), "abc");
  expect(pathOf("a.txt")).toBe(join(base, "a (2).txt"));
  utimesSync(join(base, "a.txt"), 1_700_000_000, 1_700_000_000);
  expect(pathOf("a.txt")).toBe(join(base, "a.txt"));
  expect(pathOf("a.txt", 4)).toBe(join(base, "a (2).txt"));
  writeFileSync(join(base, ".env"), "other");
  expect(pathOf(".env")).toBe(join(base, ".env (2)"));
});

test("a file whose name another fetch is writing is saved under the next one", async () => {
  const place = new SavePlace(base, "Eve");
  const paths: string[] = [];
  const save = async (path: string): Promise<void> => {
    paths.push(path);
    if (paths.length < 3) throw new ParleyError("locked", "busy");
  };
  await place.save({ name: "busy.txt", size: 3, modified: 0 }, save);
  expect(paths).toEqual(
    ["busy.txt", "busy (2).txt", "busy (3).txt"].map((name) => join(base, name)),
  );
  const full = place.save({ name: "busy.txt", size: 3, modified: 0 }, () =>
    Promise.reject(new ParleyError("storage", "full")),
  );
  await expect(full).rejects.toThrow("full");
});

test("a folder is saved under its name, and not through a link or a file", () => {
  mkdirSync(join(base, "photos"));
  expect(pathOf("photos/")).toBe(join(base, "photos"));
  writeFileSync(join(base, "taken"), "");
  expect(pathOf("taken/")).toBe(join(base, "taken (2)"));
  symlinkSync("/", join(base, "link"));
  expect(pathOf("link/")).toBe(join(base, "link (2)"));
  expect(pathOf("link")).toBe(join(base, "link (2)"));
});

test("a name that this file system can't hold is changed, and found again", () => {
  const long = `${"ä".repeat(200)}.txt`;
  const path = pathOf(long);
  expect(path).toMatch(/~[0-9a-f]{8}\.txt$/);
  writeFileSync(path, "abc");
  utimesSync(path, 1_700_000_000, 1_700_000_000);
  expect(pathOf(long)).toBe(path);
  const other = pathOf(long, 4);
  expect(other).toMatch(/ \(2\)\.txt$/);
  writeFileSync(other, "");
});

test("a folder in which nothing can be created is reported", () => {
  const missing = new RegExp(`Cannot write '${join(base, "missing")}'`);
  expect(() => new SavePlace(join(base, "missing"), "Eve")).toThrow(missing);
});

test("the sender does not learn where the files are saved", () => {
  expect(reasonForSender("Cannot write '/home/bob/in/a.txt': no space left", "/home/bob/in")).toBe(
    "Cannot write 'a.txt': no space left",
  );
  for (const folder of ["/home/bob/in", "/home/bob/in/"]) {
    const denied = reasonForSender(`Cannot write '${folder}': permission denied`, folder);
    expect(denied).toBe("Cannot write the folder: permission denied");
    const failed = reasonForSender(`Cannot create the folder '${folder}': it is a file`, folder);
    expect(failed).toBe("Cannot create the folder: it is a file");
  }
});
