// Files that are not data files of this version of parley are refused with an error message, and
// left unchanged.

import { afterEach, describe, expect, mock, spyOn, test } from "bun:test";
import { Database } from "bun:sqlite";
import { spawnSync } from "node:child_process";
import { closeSync, linkSync, mkdirSync, openSync, readFileSync, readdirSync } from "node:fs";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import * as fs from "node:fs";
import { chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ParleyError } from "../../../src/errors.ts";
import {
  applicationId,
  migrate,
  schemaVersion,
  shapeOf,
} from "../../../src/store/sqlite/schema.ts";
import { dataFilePaths } from "../../../src/store/sqlite/file.ts";
import { openSqliteStore } from "../../../src/store/sqlite/store.ts";
import { skipUnless } from "../../skip.ts";
import { sweepAll, Writer } from "../batches.ts";
import { testFolder } from "../../test-folder.ts";

const isRoot = process.getuid?.() === 0;
const top = testFolder("file");
let folders = 0;
function freshFolder(): string {
  const folder = join(top, String(++folders));
  mkdirSync(folder);
  return folder;
}

/** Opens a file that must be refused; returns the error message. */
function refusal(path: string): string {
  try {
    openSqliteStore(path).close();
  } catch (error) {
    expect(error).toBeInstanceOf(ParleyError);
    expect((error as ParleyError).code).toBe("storage");
    return (error as ParleyError).message;
  }
  throw new Error(`'${path}' was opened`);
}

/** Checks that opening is refused and leaves every file of the folder as it was, byte for byte. */
function untouchedRefusal(folder: string, path: string): string {
  const look = () =>
    readdirSync(folder).map((name) => {
      const place = join(folder, name);
      return [name, existsSync(place) ? Bun.hash(readFileSync(place)) : "leads nowhere"];
    });
  const before = look();
  const sentence = refusal(path);
  expect(look()).toEqual(before);
  expect(sentence).toContain(`'${path}'`);
  return sentence;
}

function dataFile(folder: string, rows = 2_000): string {
  const path = join(folder, "chat.db");
  const store = openSqliteStore(path);
  new Writer(store).say("lobby", rows);
  store.close();
  return path;
}

describe("a file that is refused", () => {
  test("is not SQLite", () => {
    const folder = freshFolder();
    const path = join(folder, "letter.txt");
    for (const content of ["Dear Bob", "x".repeat(10_000), "SQLite format 3\0"]) {
      writeFileSync(path, content);
      expect(untouchedRefusal(folder, path)).toContain("is not an SQLite file");
    }
  });

  test("belongs to another program", () => {
    const folder = freshFolder();
    const path = join(folder, "other.db");
    const db = new Database(path);
    db.run("CREATE TABLE messages (id INTEGER PRIMARY KEY)");
    db.close();
    expect(untouchedRefusal(folder, path)).toContain("belongs to another program");
  });

  test("is from a newer parley", () => {
    const folder = freshFolder();
    const path = dataFile(folder);
    const db = new Database(path);
    db.run(`PRAGMA user_version = ${schemaVersion + 1}`);
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    db.close();
    expect(untouchedRefusal(folder, path)).toContain(`newer parley (version ${schemaVersion + 1}`);
  });

  test("does not have the tables of its version", () => {
    const folder = freshFolder();
    const path = dataFile(folder);
    const db = new Database(path);
    db.run("ALTER TABLE sessions ADD COLUMN colour TEXT");
    db.close();
    expect(untouchedRefusal(folder, path)).toContain("does not have parley's tables");
  });

  test("can't be looked at", () => {
    const path = join(freshFolder(), "x".repeat(300));
    expect(refusal(path)).toMatch(/can't be opened: (?:file )?name too long; choose/);
  });

  test("is damaged in the middle, or truncated", () => {
    const folder = freshFolder();
    const path = dataFile(folder, 5_000);
    const whole = readFileSync(path);
    for (let at = 4096 * 6; at + 4096 < whole.length; at += 4096 * 16) {
      const fd = openSync(path, "r+");
      writeSync(fd, Buffer.alloc(2048, 0xa5), 0, 2048, at);
      closeSync(fd);
      expect(untouchedRefusal(folder, path)).toContain("is damaged");
      writeFileSync(path, whole);
    }
    for (const length of [4096, 50_000, whole.length - 4096]) {
      writeFileSync(path, whole.subarray(0, length));
      expect(untouchedRefusal(folder, path)).toContain("is damaged");
    }
    writeFileSync(path, whole);
    openSqliteStore(path).close();
  });

  test("is in use by another program, which is not damage", () => {
    const path = dataFile(freshFolder());
    using other = new Database(path);
    other.run("PRAGMA locking_mode = EXCLUSIVE");
    other.run("BEGIN EXCLUSIVE");
    expect(refusal(path)).toContain("can't be opened: another program is writing to it; stop it");
  });

  test("is a file that SQLite keeps next to a database in use, empty or not", () => {
    const folder = freshFolder();
    const path = dataFile(folder);
    const store = openSqliteStore(path);
    for (const suffix of ["-wal", "-shm", "-lock"]) {
      expect(refusal(path + suffix)).toContain(`is part of the data file '${path}'`);
    }
    new Writer(store).say("lobby");
    store.close();
    const again = openSqliteStore(path);
    expect(again.rooms.bounds("lobby").last).toBe(2_001);
    again.close();
    // Without a database next to it, it is a name like any other.
    openSqliteStore(join(folder, "other-wal")).close();
  });

  test("can't be looked at, or cannot be any more", () => {
    const missing = join(freshFolder(), "new.db");
    const real = fs.lstatSync;
    let looks = 0;
    spyOn(fs, "lstatSync").mockImplementation(((path: string, how: object) => {
      if (++looks >= 2) throw new Error("EIO: i/o error");
      return real(path, how);
    }) as typeof fs.lstatSync);
    openSqliteStore(missing).close();
    expect(refusal(missing)).toContain("can't be opened: EIO: i/o error");
    mock.restore();
  });

  test("has two names, under which two servers would have two logs of one file", () => {
    const folder = freshFolder();
    const path = dataFile(folder);
    linkSync(path, join(folder, "other.db"));
    expect(untouchedRefusal(folder, path)).toContain("more than one name (hard links)");
    rmSync(join(folder, "other.db"));
    openSqliteStore(path).close();
  });

  test("is in use by another server, and free again once that one has exited", () => {
    const folder = freshFolder();
    const path = dataFile(folder);
    const store = openSqliteStore(path);
    expect(refusal(path)).toContain("in use by another parley server");
    symlinkSync(path, join(folder, "link.db"));
    expect(refusal(join(folder, "link.db"))).toContain("in use by another parley server");
    new Writer(store).say("lobby");
    store.close();
    openSqliteStore(path).close();
  });

  test("is missing while its log exists", () => {
    const folder = freshFolder();
    const path = join(folder, "chat.db");
    writeFileSync(`${path}-wal`, "left behind");
    expect(untouchedRefusal(folder, path)).toContain("'chat.db-wal' exists");
  });

  test("ends in white space, which would be left out: it would be another file", () => {
    const folder = freshFolder();
    openSqliteStore(join(folder, "chat.db")).close();
    const before = readFileSync(join(folder, "chat.db"));
    for (const end of [" ", "\n", "\t", "\u00a0", "\u3000", "\ufeff"]) {
      expect(refusal(join(folder, `chat.db${end}`))).toContain("ends in white space");
    }
    expect(readdirSync(folder)).toEqual(["chat.db"]);
    expect(readFileSync(join(folder, "chat.db"))).toEqual(before);
  });

  test("has no folder, is a folder, lies in a file, is a device", () => {
    const folder = freshFolder();
    expect(refusal(join(folder, "no", "chat.db"))).toContain("there is no folder");
    expect(refusal(folder)).toContain("is a folder: name a file in it");
    expect(refusal(`${join(folder, "missing")}/`)).toContain("names a folder: name a file in it");
    expect(existsSync(join(folder, "missing"))).toBe(false);
    writeFileSync(join(folder, "file"), "");
    expect(refusal(join(folder, "file", "chat.db"))).toContain("is not a folder");
    expect(refusal("/dev/null")).toContain("is not a regular file");
  });

  test("is a link to a missing file or folder", () => {
    const folder = freshFolder();
    const link = join(folder, "chat.db");
    const target = join(folder, "disk", "chat.db");
    for (const to of [target, "disk/chat.db", "chat.db"]) {
      rmSync(link, { force: true });
      symlinkSync(to, link);
      const sentence = `is a link to '${to}', which does not exist: mount the disk it is on`;
      expect(untouchedRefusal(folder, link)).toContain(sentence);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
    }
    symlinkSync(join(folder, "disk"), join(folder, "mnt"));
    expect(refusal(join(folder, "mnt", "chat.db"))).toContain("there is no folder");
    expect(existsSync(join(folder, "disk"))).toBe(false);
    // With the disk mounted, the data is there.
    mkdirSync(join(folder, "disk"));
    openSqliteStore(target).close();
    rmSync(link);
    symlinkSync(target, link);
    openSqliteStore(link).close();
  });

  test("has a lock that is a link to a missing file", () => {
    const folder = freshFolder();
    const path = dataFile(folder);
    symlinkSync(join(folder, "elsewhere"), `${path}-lock`);
    expect(refusal(path)).toContain("can't be locked");
    expect(existsSync(join(folder, "elsewhere"))).toBe(false);
  });

  skipUnless(!isRoot, "root may write everywhere: rights on files are not tested")(
    "may not be written",
    () => {
      const folder = freshFolder();
      const path = dataFile(folder);
      chmodSync(path, 0o400);
      expect(untouchedRefusal(folder, path)).toContain("can't be written by this user");
      chmodSync(path, 0o600);
      chmodSync(folder, 0o500);
      expect(untouchedRefusal(folder, path)).toContain("can't be written by this user");
      chmodSync(folder, 0o700);
    },
  );
});

test("all paths of a data file are listed, links followed, before and while it exists", () => {
  const folder = freshFolder();
  const real = join(folder, "real");
  mkdirSync(real);
  symlinkSync(real, join(folder, "link"));
  const given = join(folder, "link", "chat.db");
  const before = dataFilePaths(given);
  const store = openSqliteStore(given);
  new Writer(store).say("lobby");
  const here = readdirSync(real).map((name) => join(real, name));
  expect(here.length).toBeGreaterThan(3);
  expect(before).toEqual(expect.arrayContaining(here));
  symlinkSync(given, join(folder, "other.db"));
  expect(dataFilePaths(join(folder, "other.db"))).toEqual(before);
  store.close();
});

test("an empty file, and the remains of a killed first start, become a data file", () => {
  const folder = freshFolder();
  const path = join(folder, "chat.db");
  writeFileSync(path, "");
  writeFileSync(`${path}.new`, "half a file");
  writeFileSync(`${path}-lock`, "");
  const store = openSqliteStore(path);
  new Writer(store).say("lobby");
  store.close();
  const bytes = readFileSync(path);
  expect(bytes.readUInt32BE(68)).toBe(applicationId);
  expect(bytes.readUInt32BE(60)).toBe(schemaVersion);
});

test("a file that another server created just before we got the lock is kept", () => {
  const made = dataFile(freshFolder(), 5);
  const path = join(freshFolder(), "chat.db");
  const run = Database.prototype.run;
  const spy = spyOn(Database.prototype, "run").mockImplementation(function (
    this: Database,
    ...args: Parameters<Database["run"]>
  ) {
    if (args[0] === "BEGIN EXCLUSIVE") copyFileSync(made, path);
    return run.apply(this, args);
  } as Database["run"]);
  const store = openSqliteStore(path);
  spy.mockRestore();
  expect(store.rooms.bounds("lobby").last).toBe(5);
  store.close();
});

test("migrating step by step equals migrating in one go, and a failing step leaves the version before it", () => {
  using atOnce = new Database(":memory:");
  using stepwise = new Database(":memory:");
  migrate(atOnce, 0);
  for (let version = 0; version < schemaVersion; version++) migrate(stepwise, version, version + 1);
  expect(shapeOf(stepwise)).toBe(shapeOf(atOnce));
  using spoilt = new Database(":memory:");
  spoilt.run("CREATE TABLE sessions (x)");
  expect(() => migrate(spoilt, 0)).toThrow("already exists");
  expect(spoilt.query("PRAGMA user_version").get()).toEqual({ user_version: 0 });
  expect(shapeOf(spoilt)).toBe("table sessions(x)");
});

/** A small file system that a test can fill. */
function withSmallDisk(body: (folder: string) => void): void {
  const folder = freshFolder();
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]);
  if (mounted.status !== 0) throw new Error(`mount: ${mounted.stderr.toString()}`);
  mounts.push(folder);
  body(folder);
}
const mounts: string[] = [];
afterEach(() => {
  for (const folder of mounts.splice(0)) spawnSync("umount", [folder]);
});

const canMount =
  isRoot &&
  spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", tmpdir()]).status === 0;
const diskTest = skipUnless(canMount, "a small disk to fill needs root and mount(8)");

diskTest("a full disk: commit says so and changes nothing; with space it goes on", () => {
  withSmallDisk((folder) => {
    const path = join(folder, "chat.db");
    const store = openSqliteStore(path, { retention: { messages: 1e6 } });
    const writer = new Writer(store);
    let seq = 0;
    const more = (): void => {
      writer.say("lobby", Array<string>(100).fill("x".repeat(200)));
      seq += 100;
    };
    let problem: unknown;
    for (let i = 0; i < 1_000 && problem === undefined; i++) {
      try {
        more();
      } catch (error) {
        problem = error;
      }
    }
    expect(problem).toBeInstanceOf(ParleyError);
    expect((problem as ParleyError).code).toBe("storage");
    expect((problem as ParleyError).message).toMatch(/the disk (is full|reports an error)/);
    expect(store.rooms.bounds("lobby").last).toBe(seq);
    expect(store.rooms.after("lobby", seq - 5, 99)).toHaveLength(5);
    expect(more).toThrow(ParleyError);
    sweepAll(store);

    const remounted = spawnSync("mount", ["-o", "remount,size=16m", folder]);
    expect(remounted.status).toBe(0);
    more();
    store.close();
    const again = openSqliteStore(path);
    expect(again.rooms.bounds("lobby").last).toBe(seq);
    expect(again.rooms.after("lobby", 0, seq + 1)).toHaveLength(seq);
    again.close();
  });
});

diskTest("a disk without room for a new file: a sentence, and no half file", () => {
  withSmallDisk((folder) => {
    writeFileSync(join(folder, "ballast"), Buffer.alloc(2 * 1024 * 1024 - 8192));
    const sentence = refusal(join(folder, "chat.db"));
    expect(sentence).toMatch(
      /the disk (is full; free some space and start again|reports an error)/,
    );
    expect(sentence).not.toContain("by itself");
    const left = readdirSync(folder).filter((name) => name.startsWith("chat.db"));
    expect(left.filter((name) => statSync(join(folder, name)).size > 0)).toEqual([]);
  });
});

diskTest("a read-only file system: a sentence that says what to do", () => {
  withSmallDisk((folder) => {
    const path = dataFile(folder, 10);
    renameSync(path, join(folder, "kept.db"));
    expect(spawnSync("mount", ["-o", "remount,ro", folder]).status).toBe(0);
    expect(refusal(join(folder, "kept.db"))).toContain("can't be written by this user");
    expect(refusal(path)).toContain("can't be written by this user");
  });
});

skipUnless(process.platform !== "win32", "Windows has no modes")(
  "a new file and all beside it are for their owner alone, whatever the umask; one that is there keeps its mode",
  () => {
    const folder = freshFolder();
    const path = join(folder, "chat.db");
    const modeOf = (name: string) => (statSync(join(folder, name)).mode & 0o777).toString(8);
    const before = process.umask(0);
    try {
      const store = openSqliteStore(path);
      new Writer(store).say("lobby", 10);
      const names = readdirSync(folder);
      expect(names).toContain("chat.db-wal");
      expect(names.filter((name) => modeOf(name) !== "600")).toEqual([]);
      store.close();
      chmodSync(path, 0o640);
      openSqliteStore(path).close();
      expect(modeOf("chat.db")).toBe("640");
    } finally {
      process.umask(before);
    }
  },
);

test("a relative path may begin with white space", () => {
  const folder = freshFolder();
  const before = process.cwd();
  process.chdir(folder);
  try {
    openSqliteStore(" chat.db").close();
    openSqliteStore(" chat.db").close();
  } finally {
    process.chdir(before);
  }
  expect(readdirSync(folder)).toEqual([" chat.db"]);
  expect(statSync(join(folder, " chat.db")).mode & 0o777).toBe(0o600);
});
