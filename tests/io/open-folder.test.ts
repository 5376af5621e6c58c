// A folder that is held open, whatever its path becomes.

import { expect } from "bun:test";
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { lookAtOpen, lookOf } from "../../src/io/file-calls.ts";
import { FolderCursor, OpenFolder } from "../../src/io/open-folder.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("open-folder");
const testOnLinux = skipUnless(process.platform === "linux", "holding folders open needs Linux");

testOnLinux("files are renamed in the folder that is held open, and replace nothing", () => {
  const path = join(base, "held");
  mkdirSync(path);
  writeFileSync(join(path, "é.part"), "new");
  writeFileSync(join(path, "taken"), "old");
  const folder = OpenFolder.open(path);
  renameSync(path, join(base, "moved"));
  mkdirSync(path);
  expect(folder.renameNoReplace("é.part", "taken")).toBe("exists");
  expect(folder.renameNoReplace("é.part", "é")).toBe("renamed");
  folder.close();
  expect(readdirSync(path)).toEqual([]);
  expect(readdirSync(join(base, "moved")).sort()).toEqual(["taken", "é"]);
  expect(readFileSync(join(base, "moved", "taken"), "utf8")).toBe("old");
  expect(readFileSync(join(base, "moved", "é"), "utf8")).toBe("new");
});

testOnLinux("files are opened in the folder that is held open, with Node's errors", () => {
  const path = join(base, "opened");
  const moved = join(base, "opened-moved");
  mkdirSync(path);
  const folder = OpenFolder.open(path);
  renameSync(path, moved);
  mkdirSync(path);
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;
  const fd = folder.openFile("é", O_WRONLY | O_CREAT | O_EXCL, 0o600);
  writeSync(fd, "new");
  // The programs that this one starts don't have it.
  const [, flags = ""] = /^flags:\s+([0-7]+)/m.exec(
    readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"),
  )!;
  expect(Number.parseInt(flags, 8) & 0o2000000).not.toBe(0);
  closeSync(fd);
  expect(readdirSync(path)).toEqual([]);
  expect(readFileSync(join(moved, "é"), "utf8")).toBe("new");
  expect(statSync(join(moved, "é")).mode & 0o777).toBe(0o600);
  closeSync(folder.openFile(Buffer.from("é"), O_RDONLY));
  symlinkSync("é", join(moved, "link"));
  expect(() => folder.openFile("é", O_WRONLY | O_CREAT | O_EXCL)).toThrow("EEXIST");
  expect(() => folder.openFile("link", O_RDONLY | O_NOFOLLOW)).toThrow("ELOOP");
  expect(() => folder.openFile("missing", O_RDONLY)).toThrow("ENOENT");
  folder.close();
});

testOnLinux("files are looked at in the folder that is held open, as Node does", () => {
  const path = join(base, "looked");
  const moved = join(base, "looked-moved");
  mkdirSync(join(path, "folder"), { recursive: true });
  writeFileSync(join(path, "é"), "new", { mode: 0o640 });
  writeFileSync(join(path, "large"), "");
  truncateSync(join(path, "large"), 5 * 2 ** 32 + 7);
  symlinkSync("nowhere", join(path, "link"));
  const names = ["folder", "é", "large", "link"];
  // Fractions of a second, before 1970 too; the last ones would be another millisecond if rounded.
  for (const [i, seconds] of [1.5, -7.25, 1_700_000_000.999_999, -0.000_001].entries()) {
    lutimesSync(join(path, names[i]!), seconds, seconds);
  }
  const folder = OpenFolder.open(path);
  renameSync(path, moved);
  for (const name of names) {
    const stat = lstatSync(join(moved, name));
    expect(folder.look(name)).toEqual(lookOf(stat));
    expect(folder.look(Buffer.from(name))).toEqual(lookOf(stat));
    const kinds = [stat.isDirectory(), stat.isFile(), stat.isSymbolicLink()];
    expect(kinds.indexOf(true)).toBe(["folder", "file", "link"].indexOf(lookOf(stat).kind));
    if (name === "link") continue;
    const fd = folder.openFile(name, constants.O_RDONLY);
    expect(lookAtOpen(fd)).toEqual(lookOf(fstatSync(fd)));
    closeSync(fd);
    expect(lookAtOpen(fd)).toBeUndefined();
  }
  expect(folder.look("nothing")).toBeUndefined();
  expect(() => folder.look("é/below")).toThrow("ENOTDIR");
  folder.close();
});

testOnLinux("a cursor that can't open its root again keeps no folder open", () => {
  const path = join(base, "cursor");
  mkdirSync(join(path, "a"), { recursive: true });
  const cursor = new FolderCursor(() => OpenFolder.open(path));
  cursor.to(["a"]);
  const held = readdirSync("/proc/self/fd").length;
  renameSync(path, join(base, "cursor-moved"));
  expect(() => cursor.to(["b"])).toThrow("ENOENT");
  expect(readdirSync("/proc/self/fd").length).toBe(held - 1);
  cursor.close();
});
