// Walks through the shared folder's subfolders: everything in order, from any position on, nothing
// hidden and nothing behind a link, without delaying other work; and batches read from them.

import { expect, setDefaultTimeout, spyOn, test } from "bun:test";
import * as fc from "fast-check";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { lookOf } from "../../../src/io/file-calls.ts";
import { OpenFolder } from "../../../src/io/open-folder.ts";
import { files, folder, transfer } from "../../../src/limits.ts";
import type { TransferMessage, TreeEntry } from "../../../src/protocol/messages.ts";
import { BatchSource } from "../../../src/server/files/batch-source.ts";
import { ShareCounts } from "../../../src/share-counts.ts";
import { ownerAt } from "../../../src/share-owner.ts";
import { SharedTree } from "../../../src/server/files/shared-tree.ts";
import { TreeLists } from "../../../src/server/files/tree-lists.ts";
import { Batch, type BatchedFile } from "../../../src/transfer/tree/batch.ts";
import { Manifest } from "../../../src/transfer/tree/manifest.ts";
import { comparePaths } from "../../../src/transfer/tree/tree-path.ts";
import { testFolder } from "../../test-folder.ts";
import { until } from "../../until.ts";
import { goodTree } from "../../transfer/tree/trees.ts";

setDefaultTimeout(180_000);

const base = testFolder("tree");
let folders = 0;

function newFolder(): string {
  const path = join(base, String(++folders));
  mkdirSync(path);
  return path;
}

function put(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  utimesSync(path, 1_700_000_000, 1_700_000_000);
}

async function all(tree: SharedTree, name = "", after?: string): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  for await (const slice of tree.walk(name, after)) entries.push(...slice);
  return entries;
}

const paths = (entries: readonly TreeEntry[]) => entries.map(({ path }) => path);

test("a walk lists every tree in a manifest's order, and resumes at any position", async () => {
  await fc.assert(
    fc.asyncProperty(goodTree, fc.nat(), async (entries, at) => {
      const root = newFolder();
      const made: TreeEntry[] = [];
      for (const entry of entries) {
        const names = entry.path.split("/");
        if (names.some((name) => Buffer.byteLength(name) > 255 || name.startsWith("."))) continue;
        if (entry.kind === "folder") mkdirSync(join(root, entry.path));
        else writeFileSync(join(root, entry.path), "x".repeat(entry.size));
        made.push(entry);
      }
      const found = await all(new SharedTree(root, []));
      expect(paths(found)).toEqual(paths(made));
      expect(found.map(({ size }) => size)).toEqual(made.map(({ size }) => size));
      const manifest = new Manifest();
      for (const entry of found) expect(manifest.add(entry)).toBeUndefined();
      const after = found[at % Math.max(1, found.length)]?.path ?? "";
      const rest = found.filter(({ path }) => after === "" || comparePaths(path, after) > 0);
      expect(
        paths(await all(new SharedTree(root, []), "", after === "" ? undefined : after)),
      ).toEqual(paths(rest));
    }),
    { seed: 21, numRuns: 60 },
  );
});

test("hidden names are skipped; links and devices are reported, never entered", async () => {
  const root = newFolder();
  put(join(root, "a/b/file"), "content");
  put(join(root, "a/.git/config"), "hidden");
  put(join(root, "z/.hidden"), "hidden");
  symlinkSync("../z", join(root, "a/inside"));
  symlinkSync("/etc", join(root, "a/outside"));
  symlinkSync("a/b/file", join(root, "file"));
  expect((await all(new SharedTree(root, []))).map(({ path, kind }) => [path, kind])).toEqual([
    ["a", "folder"],
    ["a/b", "folder"],
    ["a/b/file", undefined],
    ["a/inside", "link"],
    ["a/outside", "link"],
    ["file", "link"],
    ["z", "folder"],
  ]);
  for (const name of ["a/inside", "a/outside", "a/.git", "..", "a/../z", "no", "a/b/file"]) {
    await expect(all(new SharedTree(root, []), name)).rejects.toThrow();
  }
  for (const name of [
    "a/inside/.hidden",
    "a/outside/passwd",
    "a/.git/config",
    "z/.hidden",
    "a/b",
  ]) {
    expect(() => new SharedTree(root, []).open(name)).toThrow("No file");
  }
});

test("a folder whose paths no recipient accepts is reported, and does not spoil the rest", async () => {
  const root = newFolder();
  put(join(root, "a"), "x");
  put(join(root, "z"), "x");
  // Paths of at most 3 072 characters, and of 128 names.
  const before = process.cwd();
  process.chdir(root);
  const name = "d".repeat(200);
  for (let i = 0; i < 16; i++) {
    mkdirSync(name);
    process.chdir(name);
  }
  writeFileSync("leaf", "x");
  process.chdir(root);
  for (let i = 0; i < 130; i++) {
    mkdirSync("n");
    process.chdir("n");
  }
  process.chdir(before);
  const manifest = new Manifest();
  const entries = await all(new SharedTree(root, []));
  for (const entry of entries) expect(manifest.add(entry)).toBeUndefined();
  expect(entries.filter(({ kind }) => kind === undefined).map(({ path }) => path)).toEqual([
    "a",
    "z",
  ]);
  const others = entries.filter(({ kind }) => kind === "other").map(({ path }) => path);
  expect(others.map((path) => [path.split("/").length, path.length])).toEqual([
    [15, 15 * 201 - 1],
    [128, 255],
  ]);
});

test("a walk that resumes after its position has disappeared", async () => {
  const root = newFolder();
  for (const name of ["a/1", "a/3", "b/1", "c"]) put(join(root, name), "x");
  const tree = new SharedTree(root, []);
  expect(paths(await all(tree, "", "a/2"))).toEqual(["a/3", "b", "b/1", "c"]);
  expect(paths(await all(tree, "", "aa/9/9"))).toEqual(["b", "b/1", "c"]);
  expect(paths(await all(tree, "", "a/1/2/3"))).toEqual(["a/3", "b", "b/1", "c"]);
  expect(paths(await all(tree, "", "b"))).toEqual(["b/1", "c"]);
  expect(paths(await all(tree, "", "c"))).toEqual([]);
  expect(paths(await all(tree, "b"))).toEqual(["1"]);
});

test("withheld files are in no list, under any of their names", async () => {
  const root = newFolder();
  put(join(root, "a/chat.db"), "secret");
  put(join(root, "state/server.pem"), "secret");
  linkSync(join(root, "a/chat.db"), join(root, "copy"));
  const tree = new SharedTree(root, [join(root, "a/chat.db"), join(root, "state")]);
  expect(paths(await all(tree))).toEqual(["a"]);
  expect(() => tree.open("a/chat.db")).toThrow("No file");
  expect(() => tree.open("state/server.pem")).toThrow("No file");
  await expect(all(tree, "state")).rejects.toThrow();
});

test("a walk that can't begin leaves room for others", async () => {
  const root = newFolder();
  put(join(root, "a"), "x");
  const state = `${root}-state`;
  const tree = new SharedTree(root, [state]);
  symlinkSync(state, state);
  for (let n = 0; n < files.maxWalks; n++) await expect(all(tree)).rejects.toThrow();
  unlinkSync(state);
  expect(paths(await all(tree))).toEqual(["a"]);
});

test("a file with the inode of a withheld one, on another device, is listed", async () => {
  const root = newFolder();
  put(join(root, "a"), "a");
  put(join(root, "b"), "b");
  const { ino } = lstatSync(join(root, "a"));
  using look = spyOn(OpenFolder.prototype, "look");
  look.mockImplementation((name) => ({ ...lookOf(lstatSync(join(root, String(name)))), ino }));
  expect(paths(await all(new SharedTree(root, [join(root, "a")])))).toEqual(["b"]);
});

test("a file that no transfer carries does not cost the folder that it is in", async () => {
  const root = newFolder();
  put(join(root, "a"), "a");
  for (const [name, more] of [
    ["most", 0],
    ["too-large", 1],
  ] as const) {
    writeFileSync(join(root, name), "");
    truncateSync(join(root, name), transfer.maxFileBytes + more);
  }
  const manifest = new Manifest();
  for (const entry of await all(new SharedTree(root, []))) {
    expect(manifest.add(entry)).toBeUndefined();
  }
  expect(manifest.nodes.map(({ name }) => name)).toEqual(["a", "most"]);
});

test("other work continues while a large tree is listed", async () => {
  const root = newFolder();
  for (let i = 0; i < 5_000; i++) put(join(root, `d${i % 10}`, `f${i}`), "");
  // Between two looks at the clock, a third of a slice passes.
  let nowMs = 0;
  using _ = spyOn(performance, "now").mockImplementation(() => (nowMs += folder.walkSliceMs / 3));
  let turns = 0;
  const state = { isOver: false };
  const turn = (): void => {
    turns++;
    if (!state.isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const slices: { entries: number; turn: number }[] = [];
  for await (const { length } of new SharedTree(root, []).walk("")) {
    slices.push({ entries: length, turn: turns });
  }
  state.isOver = true;
  expect(slices.reduce((sum, { entries }) => sum + entries, 0)).toBe(5_010);
  expect(Math.max(...slices.map(({ entries }) => entries))).toBeLessThan(5 * folder.walkStep);
  expect(new Set(slices.map((slice) => slice.turn)).size).toBeGreaterThanOrEqual(slices.length - 1);
});

/** The files were changed long enough ago for a further change to show in their times. */
async function settled(root: string, names: readonly string[]): Promise<void> {
  const isSettled = (name: string): boolean =>
    Date.now() - statSync(join(root, name)).ctimeMs >= files.settleMs;
  await until(() => names.every(isSettled));
}

function batchOf(root: string, names: string[], modified = 1_700_000_000_000) {
  const batch = new Batch<BatchedFile>();
  for (const path of names) batch.add({ path, size: path.length, modified });
  const gone: number[] = [];
  const tree = new SharedTree(root, []);
  const options = { name: "", batch, version: "v", cursor: tree.cursor(), root: [] };
  return {
    source: new BatchSource({ ...options, onGone: (index) => gone.push(index) }),
    gone,
    batch,
  };
}

test("a batch consists of its files in sequence, from any position on", async () => {
  const root = newFolder();
  const names = ["a/one", "a/three", "b/c/d/e", "f"];
  for (const name of names) put(join(root, name), name);
  await settled(root, names);
  const { source, gone } = batchOf(root, names);
  const whole = names.join("");
  for (let from = 0; from <= whole.length; from++) {
    const bytes = new Uint8Array(whole.length - from);
    expect(source.read(bytes, from)).toBe(bytes.length);
    expect(Buffer.from(bytes).toString()).toBe(whole.slice(from));
  }
  expect(gone).toEqual([]);
  source.close();
});

test("a file that differs from the listed one is read as zeros, and reported once", async () => {
  const root = newFolder();
  const names = ["changed", "gone", "link", "longer", "same", "through/link"];
  for (const name of names) put(join(root, name), name);
  put(join(root, "elsewhere/link"), "through/link");
  await settled(root, names);
  const { source, gone } = batchOf(root, names);
  writeFileSync(join(root, "changed"), "CHANGED");
  rmSync(join(root, "gone"));
  rmSync(join(root, "link"));
  symlinkSync("same", join(root, "link"));
  put(join(root, "longer"), "longer and longer");
  renameSync(join(root, "through"), join(root, "away"));
  symlinkSync("elsewhere", join(root, "through"));
  for (let pass = 0; pass < 2; pass++) {
    const bytes = new Uint8Array(source.size);
    source.read(bytes, 0);
    const shown = Buffer.from(bytes).toString().replaceAll("\0", "-");
    expect(shown).toBe("---------------------same------------");
  }
  expect(gone.sort()).toEqual([0, 1, 2, 3, 5]);
  source.close();
});

test("a file that changes between two reads, with its old size and time", async () => {
  const root = newFolder();
  put(join(root, "file"), "file");
  await settled(root, ["file"]);
  const { source, gone } = batchOf(root, ["file"]);
  const bytes = new Uint8Array(2);
  source.read(bytes, 0);
  expect(gone).toEqual([]);
  put(join(root, "file"), "FILE");
  source.read(bytes, 2);
  expect(gone).toEqual([0]);
  source.close();
});

/** The lists of one connection, with everything it has sent. */
function connection(root: string) {
  const tree = new SharedTree(root, []);
  const sent: TransferMessage[] = [];
  const room = { files: 0 };
  const control = { send: (message: TransferMessage) => void sent.push(message) };
  return {
    tree,
    sent,
    room,
    lists: new TreeLists(tree, control, ownerAt("127.0.0.1"), new ShareCounts(1, 1), room),
  };
}

const token = "A".repeat(22);

test("a batch of listed files needs no second walk; another list is sent first", async () => {
  const root = newFolder();
  for (const name of ["a/1", "a/2", "b/1", "c"]) put(join(root, name), name);
  const { tree, sent, room, lists } = connection(root);
  await lists.list("", undefined, 1);
  const walk = spyOn(tree, "walk");
  const expected = new Batch<BatchedFile>();
  for (const path of ["a/2", "b/1"]) expected.add({ path, size: 3, modified: 1_700_000_000_000 });
  const version = expected.version((text) =>
    new Bun.CryptoHasher("sha256").update(text).digest("base64url"),
  );
  const request = { type: "fetch" as const, name: "", token, ref: 2 };
  const bounds = { after: "a/1", until: "b/1" };
  const first = await lists.open({ ...request, batch: { ...bounds, version } }, () => {});
  expect(first?.file).toMatchObject({ size: 6, version });
  expect(walk).not.toHaveBeenCalled();
  first?.file.close();
  sent.length = 0;
  put(join(root, "a/3"), "more");
  const second = await lists.open({ ...request, batch: { ...bounds, version: "old" } }, () => {});
  expect(walk).toHaveBeenCalledTimes(1);
  expect(sent.flatMap((page) => (page.type === "tree" ? paths(page.entries) : []))).toEqual([
    "a/2",
    "a/3",
    "b/1",
  ]);
  expect(sent.every((page) => page.type === "tree" && page.more === true && page.ref === 2)).toBe(
    true,
  );
  expect(second?.file.size).toBe(10);
  expect(room.files).toBe(4);
  second?.file.close();
  lists.close();
  expect(room.files).toBe(0);
});

test("the number of folders that a connection lists at once is limited", async () => {
  const root = newFolder();
  put(join(root, "a"), "a");
  const { lists } = connection(root);
  const running = Array.from({ length: 4 }, () => lists.list("", undefined, 1));
  await expect(lists.list("", undefined, 1)).rejects.toThrow("4 folders at once");
  await Promise.all(running);
  await lists.list("", undefined, 1);
});
