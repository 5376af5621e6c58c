// Uploads on the disk: owners, sizes, names, and the remains of a crash.

import { expect, setDefaultTimeout, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { sharing as limits } from "../../../../src/limits.ts";
import type { Owner, SharedItem } from "../../../../src/server/files/sharing/rows.ts";
import { UploadStore } from "../../../../src/server/files/sharing/upload-store.ts";
import { ownerAt, ownerOfAccount, type ShareOwner } from "../../../../src/share-owner.ts";
import { retentionClock } from "../../../../src/store/retention-clock.ts";
import { silentLog } from "../../../silent-log.ts";
import { skipUnless } from "../../../skip.ts";
import { testFolder } from "../../../test-folder.ts";

setDefaultTimeout(180_000);

const base = testFolder("uploads");
let count = 0;

const MB = 1_000_000;
const stranger = ownerAt("192.0.2.1");

function person(by: string, payer: ShareOwner = ownerAt("127.0.0.1")): Owner {
  return { by, person: `person ${by}`, shares: payer.kept.map(({ key }) => key) };
}

const ann = person("Ann");

/** A shared folder that does not exist yet, and a clock. */
class Place {
  readonly folder = join(base, `files${++count}`);
  nowMs = Date.now();

  store(quotaBytes = 100 * MB): UploadStore {
    const { folder } = this;
    const nowMs = () => this.nowMs;
    return new UploadStore({ folder, quotaBytes, nowMs, startClock: () => nowMs, log: silentLog });
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  /** The visible names. */
  get listed(): string[] {
    return readdirSync(this.folder).filter((name) => !name.startsWith("."));
  }
}

let number = 0;

/** Uploads a file to the folder as some user. */
async function put(
  store: UploadStore,
  name: string,
  content: string,
  owner = ann,
  payer = ownerAt("127.0.0.1"),
): Promise<SharedItem> {
  const id = `upload-${++number}`;
  const amount = { bytes: content.length, files: 1, entries: 1 };
  const upload = await store.reserve(id, owner, payer, amount);
  writeFileSync(store.pathOf(id, 0), content);
  const arrived = [{ place: 0, name, isFolder: false }];
  const [item] = await store.finish(upload, arrived, () => {});
  return item!;
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "done",
    (error: { code?: string }) => String(error.code),
  );

test("what begins anew while the data of its last try is being removed keeps its own data", async () => {
  const store = new Place().store();
  const payer = ownerAt("127.0.0.1");
  const amount = { bytes: 3_000, files: 3_000, entries: 3_001 };
  await store.reserve("again", ann, payer, amount);
  const path = store.pathOf("again", 0);
  mkdirSync(path);
  for (let i = 0; i < amount.files; i++) writeFileSync(join(path, String(i)), "x");
  const discarding = store.discard("again");
  await store.reserve("again", ann, payer, amount);
  await discarding;
  const used = store.usedBytes;
  expect(used).toBe(amount.bytes + amount.entries * limits.entryBytes);
  expect(existsSync(path)).toBe(false);
  writeFileSync(path, "the second try");
});

test("an existing name, in any letter case or of a link, is never replaced", async () => {
  const place = new Place();
  mkdirSync(place.folder);
  writeFileSync(place.at("a.txt"), "the operator's");
  symlinkSync("/nowhere", place.at("link.txt"));
  const store = place.store();
  const names: string[] = [];
  for (const name of ["A.TXT", "a.txt", "a.txt", "link.txt", "caf\u00e9", "cafe\u0301"]) {
    names.push((await put(store, name, "ours")).name);
  }
  expect(names).toEqual([
    "A (2).TXT",
    "a (3).txt",
    "a (4).txt",
    "link (2).txt",
    "caf\u00e9",
    "cafe\u0301 (2)",
  ]);
  expect(readFileSync(place.at("a.txt"), "utf8")).toBe("the operator's");
  expect(existsSync("/nowhere")).toBe(false);
});

test("hostile names are refused, and leave nothing behind", async () => {
  const place = new Place();
  const store = place.store();
  const bad = [
    "",
    ".",
    "..",
    "../x",
    "/etc/x",
    "a/b",
    "a\\b",
    ".hidden",
    "a\nb",
    "\u001b[2J",
    "\u202etxt",
    "\ud800",
  ];
  for (const name of bad)
    expect([name, await codeOf(put(store, name, "x"))]).toEqual([name, "protocol"]);
  expect(place.listed).toEqual([]);
  expect(store.usedBytes).toBe(0);
  expect(readdirSync(join(place.folder, ".parley-shared", "uploads"))).toEqual([]);
  const long = await put(store, "\u00e4".repeat(200), "x");
  expect(Buffer.byteLength(long.name)).toBeLessThanOrEqual(255);
});

test("of many simultaneous uploads, as many are admitted as fit", async () => {
  const place = new Place();
  const store = place.store(10 * (MB + limits.entryBytes));
  const amount = { bytes: MB, files: 1, entries: 1 };
  const asked = Array.from({ length: 30 }, (_, i) =>
    codeOf(store.reserve(`race-${i}`, ann, ownerAt("127.0.0.1"), amount)),
  );
  const outcomes = await Promise.all(asked);
  expect(outcomes.filter((code) => code === "done")).toHaveLength(10);
  expect(outcomes.filter((code) => code === "full")).toHaveLength(20);
  await store.discard("race-0");
  expect(await codeOf(store.reserve("race-40", ann, ownerAt("127.0.0.1"), amount))).toBe("done");
});

test("servers of one folder do not reserve the same space twice", async () => {
  const place = new Place();
  const stores = [place.store(3 * MB), place.store(3 * MB), place.store(3 * MB)];
  const amount = { bytes: MB, files: 1, entries: 1 };
  const outcomes = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      codeOf(stores[i % 3]!.reserve(`shared-${i}`, ann, ownerAt("127.0.0.1"), amount)),
    ),
  );
  expect(outcomes.filter((code) => code === "done").length).toBeLessThanOrEqual(2);
  const uploads = readdirSync(join(place.folder, ".parley-shared", "uploads"));
  expect(uploads.length).toBeLessThanOrEqual(2);
});

test("one stranger, or all accounts of a network, can't fill the folder", async () => {
  const store = new Place().store(8 * MB);
  const fill = async (payer: (i: number) => ShareOwner) => {
    let bytes = 0;
    for (let i = 0; i < 40; i++) {
      const amount = { bytes: MB / 2, files: 1, entries: 1 };
      const owner = person("Eve", payer(i));
      if ((await codeOf(store.reserve(`fill-${++number}`, owner, payer(i), amount))) === "done") {
        bytes += MB / 2;
      }
    }
    return bytes;
  };
  expect(await fill(() => stranger)).toBeLessThanOrEqual(2 * MB);
  // Another address of the same IPv6 network, every time.
  expect(await fill((i) => ownerAt(`2001:db8:0:${i.toString(16)}::1`))).toBeLessThanOrEqual(2 * MB);
  expect(await fill((i) => ownerOfAccount(`account ${i}`, "192.0.2.9"))).toBeLessThanOrEqual(
    4 * MB,
  );
  expect(store.usedBytes).toBeLessThan(8 * MB);
});

test("nor can one stranger with empty files", async () => {
  const store = new Place().store();
  /** Shares so many empty files at once. */
  const share = async (files: number, payer: ShareOwner): Promise<void> => {
    const id = `many-${++number}`;
    const owner = person("Eve", payer);
    const upload = await store.reserve(id, owner, payer, { bytes: 0, files, entries: files });
    const arrived = Array.from({ length: files }, (_, place) => {
      writeFileSync(store.pathOf(id, place), "");
      return { place, name: `${id}-${place}`, isFolder: false };
    });
    await store.finish(upload, arrived, () => {});
  };
  const most = limits.maxItems / limits.ownerParts;
  for (let left = most - 1; left > 0; left -= limits.maxTopEntries) {
    await share(Math.min(left, limits.maxTopEntries), stranger);
  }
  // Nothing stays of what would be too much.
  const used = store.usedBytes;
  expect(await codeOf(share(2, stranger))).toBe("full");
  expect(store.usedBytes).toBe(used);
  await share(1, stranger);
  expect(await codeOf(share(1, stranger))).toBe("full");
  expect([...store.items]).toHaveLength(most);
  await share(1, ownerAt("192.0.2.77"));
});

test("the remains of a crash count until they are removed, and can be resumed", async () => {
  const place = new Place();
  const before = place.store(4 * MB);
  const amount = { bytes: 2 * MB, files: 1, entries: 1 };
  await before.reserve("left", ann, ownerAt("127.0.0.1"), amount);
  writeFileSync(before.pathOf("left", 0), "half");
  await put(before, "whole.txt", "whole");

  const after = place.store(4 * MB);
  await after.refresh();
  expect(after.usedBytes).toBe(before.usedBytes);
  expect(after.find("whole.txt")?.by).toBe("Ann");
  expect(place.listed).toEqual(["whole.txt"]);
  expect(await codeOf(after.reserve("other", ann, ownerAt("127.0.0.1"), amount))).toBe("full");
  expect(await codeOf(after.reserve("left", person("Eve"), ownerAt("127.0.0.1"), amount))).toBe(
    "not-allowed",
  );
  // Its sender has returned.
  await after.reserve("left", ann, ownerAt("127.0.0.1"), amount);
  expect(readFileSync(after.pathOf("left", 0), "utf8")).toBe("half");
  after.leave("left");

  const row = join(place.folder, ".parley-shared", "uploads", "left", "row");
  await after.sweep(undefined);
  expect(existsSync(row)).toBe(true);
  place.nowMs += limits.keepPartialMs + 1_000;
  await after.sweep(undefined);
  expect(existsSync(row)).toBe(false);
  expect(after.usedBytes).toBe("whole".length + limits.entryBytes);
});

test("an interrupted upload that has taken more than was reserved starts anew", async () => {
  const store = new Place().store(8 * MB);
  const amount = { bytes: 2 * MB, files: 2, entries: 2 };
  const reserve = () => store.reserve("left", ann, ownerAt("127.0.0.1"), amount);
  const isKept = async (bytes: number): Promise<boolean> => {
    await reserve();
    writeFileSync(store.pathOf("left", 0), new Uint8Array(bytes));
    store.leave("left");
    await reserve();
    const isThere = existsSync(store.pathOf("left", 0));
    store.leave("left");
    return isThere;
  };
  expect(await isKept(2 * MB)).toBe(true);
  expect(await isKept(3.8 * MB)).toBe(false);
});

test("rows that are damaged, or without a file, belong to nobody", async () => {
  const place = new Place();
  const store = place.store();
  await put(store, "a.txt", "a");
  const items = join(place.folder, ".parley-shared", "items");
  const row = readFileSync(join(items, readdirSync(items)[0]!), "utf8");
  writeFileSync(join(items, "crashed"), row.replaceAll("a.txt", "never.txt"));
  writeFileSync(join(items, "damaged"), row.slice(0, 40));
  writeFileSync(join(items, "long"), `${" ".repeat(limits.maxRowBytes)}${row}`);
  const after = place.store();
  await after.sweep(undefined);
  // Another server may be about to move its file into place.
  expect([...after.items].map(({ name }) => name).sort()).toEqual(["a.txt", "never.txt"]);
  place.nowMs += 2 * limits.sweepMs;
  await after.sweep(undefined);
  expect([...after.items].map(({ name }) => name)).toEqual(["a.txt"]);
  expect(after.usedBytes).toBe(1 + limits.entryBytes);
});

test("a row never leads out of the folder, whoever has written it", async () => {
  const place = new Place();
  await put(place.store(), "mine.txt", "mine");
  const items = join(place.folder, ".parley-shared", "items");
  const [id = ""] = readdirSync(items);
  const row = readFileSync(join(items, id), "utf8");
  mkdirSync(place.at("sub"));
  const names = [`../outside${count}.txt`, "sub/mine.txt", ".hidden"];
  for (const [n, name] of names.entries()) {
    const path = place.at(name);
    copyFileSync(place.at("mine.txt"), path);
    const { atime, mtime } = statSync(place.at("mine.txt"));
    utimesSync(path, atime, mtime);
    writeFileSync(join(items, `other${n}`), row.replace('"mine.txt"', JSON.stringify(name)));
  }
  const store = place.store();
  place.nowMs += 10 * 24 * 3_600_000;
  expect((await store.sweep(1)).map(({ name }) => name)).toEqual(["mine.txt"]);
  expect(names.filter((name) => !existsSync(place.at(name)))).toEqual([]);
});

test("a file of a removed folder is not taken for an upload, whatever its sender has named it", async () => {
  const place = new Place();
  await place
    .store()
    .reserve("big", ann, ownerAt("127.0.0.1"), { bytes: MB, files: 1, entries: 1 });
  const uploads = place.at(".parley-shared/uploads");
  mkdirSync(join(uploads, "item.removed"));
  // As a crash may leave it.
  renameSync(join(uploads, "big", "row"), join(uploads, "item.removed", "row"));
  const store = place.store();
  await store.refresh();
  expect(store.usedBytes).toBe(0);
});

test("rows of other servers are found, but not read again at every request", async () => {
  const place = new Place();
  const store = place.store();
  await put(store, "a.txt", "a");
  await store.refresh();
  const items = join(place.folder, ".parley-shared", "items");
  const row = readFileSync(join(items, readdirSync(items)[0]!), "utf8");
  writeFileSync(join(items, "other"), row.replaceAll("a.txt", "b.txt"));
  await Promise.all([store.freshen(), store.freshen()]);
  expect(store.find("b.txt")).toBeUndefined();
  place.nowMs += limits.freshMs;
  await Promise.all([store.freshen(), store.freshen()]);
  expect(store.find("B.txt")?.id).toBe("other");
});

test("only the uploaded entry is removed, and nothing that has replaced it", async () => {
  const place = new Place();
  const store = place.store();
  const item = await put(store, "mine.txt", "mine");
  const other = await put(store, "gone.txt", "gone");
  writeFileSync(place.at("gone.txt"), "the operator's");
  expect(await store.remove(item)).toBe(true);
  expect(await store.remove(other)).toBe(false);
  expect(place.listed).toEqual(["gone.txt"]);
  expect(readFileSync(place.at("gone.txt"), "utf8")).toBe("the operator's");
  expect(store.usedBytes).toBe(0);
});

/** Uploads an empty folder. */
async function putFolder(store: UploadStore, name: string): Promise<SharedItem> {
  const id = `upload-${++number}`;
  const amount = { bytes: 0, files: 0, entries: 1 };
  const upload = await store.reserve(id, ann, ownerAt("127.0.0.1"), amount);
  mkdirSync(store.pathOf(id, 0));
  const [item] = await store.finish(upload, [{ place: 0, name, isFolder: true }], () => {});
  return item!;
}

/** Changes the version in a row on the disk. */
function changeVersion(place: Place, { id, version }: SharedItem, to: string): void {
  const row = join(place.folder, ".parley-shared", "items", id);
  writeFileSync(row, readFileSync(row, "utf8").replace(`"${version}"`, `"${to}"`));
}

const birthOf = (path: string): bigint => statSync(path, { bigint: true }).birthtimeMs;
const birthTest = skipUnless(birthOf(base) > 0n, "this file system does not keep when files began");

birthTest("a folder that replaces an uploaded one, and gets its inode, stays", async () => {
  const place = new Place();
  const path = place.at("photos");
  const item = await putFolder(place.store(), "photos");
  const before = birthOf(path);
  do {
    rmSync(path, { recursive: true });
    mkdirSync(path);
  } while (birthOf(path) === before);
  // Most file systems have used the same one at once.
  const inode = String(statSync(path).ino);
  changeVersion(place, item, item.version.replace(/\d+/, inode));
  const store = place.store();
  await store.refresh();
  expect(await store.remove(store.find("photos")!)).toBe(false);
  expect(place.listed).toEqual(["photos"]);
});

test("a folder that an earlier version has put there is still its uploader's", async () => {
  const place = new Place();
  const item = await putFolder(place.store(), "photos");
  changeVersion(place, item, item.version.split(" ").slice(0, 2).join(" "));
  const store = place.store();
  await store.refresh();
  expect(await store.remove(store.find("photos")!)).toBe(true);
  expect(place.listed).toEqual([]);
});

test("a folder is added and removed as a whole", async () => {
  const place = new Place();
  const store = place.store();
  const amount = { bytes: 2, files: 2, entries: 4 };
  const upload = await store.reserve("tree", ann, ownerAt("127.0.0.1"), amount);
  const path = store.pathOf("tree", 0);
  mkdirSync(join(path, "sub"), { recursive: true });
  writeFileSync(join(path, "a"), "1");
  writeFileSync(join(path, "sub", "b"), "2");
  mkdirSync(place.at("photos"));
  const [item] = await store.finish(
    upload,
    [{ place: 0, name: "photos", isFolder: true }],
    () => {},
  );
  expect(item).toMatchObject({ name: "photos (2)", bytes: 2, files: 2, entries: 4 });
  expect(readFileSync(place.at("photos (2)/sub/b"), "utf8")).toBe("2");
  writeFileSync(place.at("photos (2)/later"), "3");
  expect(await store.remove(item!)).toBe(true);
  expect(place.listed).toEqual(["photos"]);
});

const refuse = () => {
  throw Object.assign(new Error("muted"), { code: "muted" });
};

test("data beyond the announced size is not shared, nor an upload refused at the last moment", async () => {
  const place = new Place();
  const store = place.store();
  const amount = { bytes: 4, files: 1, entries: 1 };
  const arrived = [{ place: 0, name: "a.txt", isFolder: false }];
  const more = await store.reserve("more", ann, ownerAt("127.0.0.1"), amount);
  writeFileSync(store.pathOf("more", 0), "12345");
  expect(await codeOf(store.finish(more, arrived, () => {}))).toBe("protocol");
  const late = await store.reserve("late", ann, ownerAt("127.0.0.1"), amount);
  writeFileSync(store.pathOf("late", 0), "1234");
  expect(await codeOf(store.finish(late, arrived, refuse))).toBe("muted");
  expect(place.listed).toEqual([]);
  expect(store.usedBytes).toBe(0);
});

test("several entries are added together, or none of them", async () => {
  const place = new Place();
  const store = place.store();
  const amount = { bytes: 2, files: 2, entries: 2 };
  const upload = await store.reserve("both", ann, ownerAt("127.0.0.1"), amount);
  writeFileSync(store.pathOf("both", 0), "1");
  const arrived = [0, 1].map((n) => ({ place: n, name: `f${n}`, isFolder: false }));
  // The second one has never arrived.
  expect(await codeOf(store.finish(upload, arrived, () => {}))).toBe("storage");
  expect(place.listed).toEqual([]);
  expect(store.usedBytes).toBe(0);
  expect(readdirSync(join(place.folder, ".parley-shared", "items"))).toEqual([]);
});

test("expired entries are removed, unless they have been changed", async () => {
  const place = new Place();
  const store = place.store();
  await put(store, "old.txt", "old");
  await put(store, "changed.txt", "old");
  place.nowMs += 60_000;
  await put(store, "new.txt", "new");
  utimesSync(place.at("changed.txt"), 1, 1);
  const removed = await store.sweep(30_000);
  expect(removed.map(({ name }) => name)).toEqual(["old.txt"]);
  expect(place.listed.sort()).toEqual(["changed.txt", "new.txt"]);
});

test("a system clock that is set wrong removes nothing, not even after a restart", async () => {
  const place = new Place();
  let [steadyMs, systemMs] = [0, Date.now()];
  const pass = (ms: number): void => {
    steadyMs += ms;
    systemMs += ms;
  };
  const open = (): UploadStore =>
    new UploadStore({
      folder: place.folder,
      quotaBytes: 100 * MB,
      nowMs: () => systemMs,
      startClock: (startMs) =>
        retentionClock(
          startMs,
          () => steadyMs,
          () => systemMs,
        ),
      log: silentLog,
    });
  const store = open();
  const keepMs = 30 * dayMs;
  await put(store, "a.txt", "a");
  const here = ownerAt("127.0.0.1");
  await store.reserve("partial", ann, here, { bytes: 10, files: 1, entries: 1 });
  store.leave("partial");
  expect(await store.sweep(keepMs)).toEqual([]);
  systemMs += 40 * dayMs;
  for (const one of [store, open()]) {
    for (let i = 0; i < 4; i++) {
      pass(limits.sweepMs);
      expect(await one.sweep(keepMs)).toEqual([]);
    }
  }
  expect(existsSync(store.pathOf("partial", 0).replace(/0$/, ""))).toBe(true);
  systemMs -= 40 * dayMs;
  const last = open();
  for (let days = 0; days < 29; days++) {
    pass(dayMs);
    expect(await last.sweep(keepMs)).toEqual([]);
  }
  pass(2 * dayMs);
  expect((await last.sweep(keepMs)).map(({ name }) => name)).toEqual(["a.txt"]);
  expect(place.listed).toEqual([]);
});

test("servers of one folder whose system clocks differ remove nothing early, and keep nothing for ever", async () => {
  const place = new Place();
  let passedMs = 0;
  const server = (wrongMs: number): UploadStore => {
    const systemMs = (): number => 1_800_000_000_000 + wrongMs + passedMs;
    const startClock = (startMs: number) => retentionClock(startMs, () => passedMs, systemMs);
    const { folder } = place;
    return new UploadStore({
      folder,
      quotaBytes: 100 * MB,
      nowMs: systemMs,
      startClock,
      log: silentLog,
    });
  };
  const stores = [server(0), server(40 * dayMs), server(-dayMs), server(2 * 3_600_000)];
  const keepMs = 30 * dayMs;
  const sweepAll = async () => (await Promise.all(stores.map((one) => one.sweep(keepMs)))).flat();
  for (const [i, store] of stores.entries()) await put(store, `${i}.txt`, "x");
  // The clock that they share follows the one that is ahead, at twice real time.
  for (; passedMs < 14 * dayMs; passedMs += dayMs / 2) expect(await sweepAll()).toEqual([]);
  expect(place.listed).toHaveLength(stores.length);
  for (const [i, store] of stores.entries()) await put(store, `late${i}.txt`, "x");
  expect(await sweepAll()).toEqual([]);
  const gone = new Set<string>();
  for (; passedMs < 47 * dayMs; passedMs += dayMs / 2) {
    for (const { name } of await sweepAll()) gone.add(name);
    if (passedMs < 28 * dayMs)
      expect([...gone].some((name) => name.startsWith("late"))).toBe(false);
  }
  expect(gone.size).toBe(2 * stores.length);
  expect(place.listed).toEqual([]);
});

test("the clock's reading is never written through a link", async () => {
  const place = new Place();
  const store = place.store();
  await put(store, "a.txt", "a");
  const outside = join(base, "outside");
  writeFileSync(outside, "not ours");
  symlinkSync(outside, place.at(".parley-shared/clock.new"));
  await store.sweep(undefined);
  expect(readFileSync(outside, "utf8")).toBe("not ours");
  expect(readFileSync(place.at(".parley-shared/clock"), "utf8")).toBe(String(place.nowMs));
});

skipUnless(Bun.which("mkfifo") !== null, "no mkfifo")(
  "a FIFO among the records is not waited for",
  async () => {
    const place = new Place();
    const store = place.store();
    await put(store, "a.txt", "a");
    const root = place.at(".parley-shared");
    mkdirSync(join(root, "uploads", "x"));
    rmSync(join(root, "clock"), { force: true });
    for (const path of ["items/x", "uploads/x/row", "clock"]) {
      expect(Bun.spawnSync(["mkfifo", join(root, path)]).exitCode).toBe(0);
    }
    const other = place.store();
    await other.refresh();
    expect([...other.items].map(({ name }) => name)).toEqual(["a.txt"]);
    expect(await other.sweep(undefined)).toEqual([]);
  },
);

const dayMs = 86_400_000;
