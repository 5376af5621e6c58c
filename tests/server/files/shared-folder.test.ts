// The shared folder serves its regular files and nothing else, whatever name is requested.

import { beforeAll, expect, spyOn, test } from "bun:test";
import * as fs from "node:fs";
import * as fsPromises from "node:fs/promises";
import { appendFileSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ParleyError } from "../../../src/errors.ts";
import { folder as limits } from "../../../src/limits.ts";
import { SharedFolder } from "../../../src/server/files/shared-folder.ts";
import { dataFilePaths } from "../../../src/store/sqlite/file.ts";
import { skipUnless } from "../../skip.ts";
import { testFolder } from "../../test-folder.ts";
import { turns } from "../../turns.ts";

const base = testFolder("folder");
const path = join(base, "FILES");
const plain = [
  "a.txt",
  "zwei Wörter.txt",
  "日本.txt",
  'it\'s "quoted".txt',
  "-rf",
  "%2e%2e",
  "a\nb",
  ...(process.platform === "win32" ? [] : ["back\\slash.txt"]),
];

beforeAll(() => {
  mkdirSync(join(path, "sub"), { recursive: true });
  for (const name of plain) writeFileSync(join(path, name), `content of ${name}`);
  writeFileSync(join(path, "sub", "inner.txt"), "inner");
  writeFileSync(join(base, "secret.txt"), "secret");
  mkdirSync(join(base, "FILES-too"));
  writeFileSync(join(base, "FILES-too", "near.txt"), "near");
  symlinkSync("a.txt", join(path, "link-inside"));
  symlinkSync(join("sub", "inner.txt"), join(path, "link-below"));
  symlinkSync("../secret.txt", join(path, "link-out"));
  symlinkSync("../FILES-too/near.txt", join(path, "link-near"));
  symlinkSync("/etc/passwd", join(path, "link-absolute"));
  symlinkSync("nowhere", join(path, "link-broken"));
  symlinkSync("loop", join(path, "loop"));
  symlinkSync("/dev/zero", join(path, "link-device"));
});

function refusal(name: string): string {
  try {
    new SharedFolder(path).open(name).close();
  } catch (error) {
    if (error instanceof ParleyError) return error.code;
    throw error;
  }
  return "opened";
}

async function all(folder: SharedFolder): Promise<string[]> {
  const names: string[] = [];
  for (let after = ""; ;) {
    const page = await folder.list(after);
    names.push(...page.files.map(({ name }) => name));
    if (page.next === undefined) return names;
    after = page.next;
  }
}

test("lists regular files by code unit, with links that stay inside", async () => {
  const names = await all(new SharedFolder(path));
  expect(names).toEqual([...plain, "link-inside", "link-below"].sort());
});

test("also lists folders on request, with a slash, except hidden ones and links", async () => {
  mkdirSync(join(path, ".hidden-folder"));
  symlinkSync("sub", join(path, "link-to-sub"));
  const folder = new SharedFolder(path);
  const { files } = await folder.list("", true);
  const names = files.map(({ name }) => name);
  expect(names.filter((name) => name.endsWith("/"))).toEqual(["sub/"]);
  expect(names.filter((name) => !name.endsWith("/"))).toEqual(await all(folder));
  expect(files.find(({ name }) => name === "sub/")).toMatchObject({ size: 0 });
  expect((await folder.list("sub", true)).files.map(({ name }) => name)).not.toContain("sub/");
  expect(() => folder.open("sub")).toThrow("is a folder on the server: its name is 'sub/'");
  rmSync(join(path, "link-to-sub"));
});

test.each(plain)("opens %p", (name) => {
  const file = new SharedFolder(path).open(name);
  const bytes = new Uint8Array(100);
  expect(Buffer.from(bytes.subarray(0, file.read(bytes, 0))).toString()).toBe(`content of ${name}`);
  file.close();
});

test("opens a file of a subfolder", () => {
  const file = new SharedFolder(path).open("sub/inner.txt");
  expect(file.name).toBe("sub/inner.txt");
  expect(file.read(new Uint8Array(100), 0)).toBe(file.size);
  expect(file.unchanged()).toBe(true);
  file.close();
});

const refused = [
  "../secret.txt",
  "../FILES/a.txt",
  "../FILES-too/near.txt",
  "/etc/passwd",
  "./a.txt",
  "sub//inner.txt",
  "sub/",
  "/sub/inner.txt",
  "./sub/inner.txt",
  "sub/../a.txt",
  "../..",
  ".",
  "",
  "sub",
  "a.txt\0",
  "..\\secret.txt",
  "link-out",
  "link-near",
  "link-absolute",
  "link-broken",
  "link-device",
  "loop",
  "missing",
  "x".repeat(5_000),
];

test.each(refused)("%p is not found", (name) => {
  expect(refusal(name)).toBe("not-found");
});

skipUnless(Bun.which("mkfifo") !== null, "no mkfifo")(
  "a FIFO is neither listed nor waited for",
  async () => {
    const fifo = join(path, "fifo");
    Bun.spawnSync(["mkfifo", fifo]);
    symlinkSync("fifo", join(path, "link-fifo"));
    expect(refusal("fifo")).toBe("not-found");
    expect(refusal("link-fifo")).toBe("not-found");
    expect(await all(new SharedFolder(path))).not.toContain("fifo");
    rmSync(join(path, "link-fifo"));
    rmSync(fifo);
  },
);

test("a file that can be opened but not examined is closed again", () => {
  const closing = spyOn(fs, "closeSync");
  const opening = spyOn(fs, "openSync");
  const looking = spyOn(fs, "fstatSync").mockImplementation(() => {
    throw Object.assign(new Error("EIO: i/o error, fstat"), { code: "EIO" });
  });
  const code = refusal("a.txt");
  const opened = opening.mock.results.map(({ value }) => Number(value));
  const closed = closing.mock.calls.map(([fd]) => fd);
  for (const spy of [closing, opening, looking]) spy.mockRestore();
  expect([code, opened.length]).toEqual(["unreadable", 1]);
  expect(closed).toEqual(opened);
});

test("a file that is written to, truncated or touched is no longer the opened one", () => {
  const change = join(path, "change");
  const folder = new SharedFolder(path);
  const versions = new Set<string>();
  const changes: (() => void)[] = [
    () => appendFileSync(change, "more"),
    () => writeFileSync(change, "x"),
    () => utimesSync(change, 1, 1),
  ];
  writeFileSync(change, "original");
  for (const make of changes) {
    const file = folder.open("change");
    versions.add(file.version);
    expect(file.unchanged()).toBe(true);
    make();
    expect(file.unchanged()).toBe(false);
    file.close();
    expect(file.unchanged()).toBe(false);
  }
  expect(versions.size).toBe(changes.length);
  rmSync(change);
});

test("the version reflects a change that keeps size and modification time", () => {
  const change = join(path, "same");
  writeFileSync(change, "one");
  utimesSync(change, 1_000, 1_000);
  const folder = new SharedFolder(path);
  const before = folder.open("same");
  writeFileSync(change, "two");
  utimesSync(change, 1_000, 1_000);
  const after = folder.open("same");
  expect([before.size, before.modified]).toEqual([after.size, after.modified]);
  expect(after.version).not.toBe(before.version);
  expect(before.unchanged()).toBe(false);
  before.close();
  after.close();
  rmSync(change);
});

test("a name is found however its accents are encoded, the exact one first", () => {
  const accents = join(base, "accents");
  mkdirSync(accents);
  writeFileSync(join(accents, "cafe\u0301"), "decomposed");
  const folder = new SharedFolder(accents);
  const sizeOf = (name: string): number => {
    const file = folder.open(name);
    file.close();
    return file.size;
  };
  expect([sizeOf("caf\u00e9"), sizeOf("cafe\u0301")]).toEqual([10, 10]);
  if (process.platform !== "linux") return;
  writeFileSync(join(accents, "caf\u00e9"), "composed");
  expect([sizeOf("caf\u00e9"), sizeOf("cafe\u0301")]).toEqual([8, 10]);
});

const isLinux = process.platform === "linux";

skipUnless(isLinux, "names are any bytes on Linux only")(
  "a name that is not UTF-8 is listed as Latin-1, and opened by that",
  async () => {
    const legacy = join(base, "legacy");
    mkdirSync(legacy);
    const encoded = Buffer.concat([Buffer.from(`${legacy}/caf`), Buffer.of(0xe9)]);
    writeFileSync(encoded, "latin");
    writeFileSync(join(legacy, "th\u00e9"), "utf-8");
    const folder = new SharedFolder(legacy);
    expect(await all(folder)).toEqual(["caf\u00e9", "th\u00e9"]);
    const bytes = new Uint8Array(10);
    for (const [name, content] of [
      ["caf\u00e9", "latin"],
      ["th\u00e9", "utf-8"],
    ] as const) {
      const file = folder.open(name);
      expect(Buffer.from(bytes.subarray(0, file.read(bytes, 0))).toString()).toBe(content);
      file.close();
    }
    expect(() => folder.open("th\u00e8")).toThrow("No file");
  },
);

skipUnless(isLinux, "only /proc says what was opened")(
  "a folder that is exchanged for a link while a file is opened leads nowhere else",
  async () => {
    const race = join(base, "race");
    mkdirSync(join(race, "files", "sub"), { recursive: true });
    mkdirSync(join(race, "outside"));
    writeFileSync(join(race, "files", "sub", "s.txt"), "inside");
    writeFileSync(join(race, "outside", "s.txt"), "secret");
    symlinkSync("sub/s.txt", join(race, "files", "link"));
    symlinkSync("../outside", join(race, "files", "trap"));
    const program = `
      const { renameSync } = require("node:fs");
      process.chdir(${JSON.stringify(join(race, "files"))});
      console.log("ready");
      for (let i = 0; i < 20_000; i++) {
        renameSync("sub", "aside"); renameSync("trap", "sub");
        renameSync("sub", "trap"); renameSync("aside", "sub");
      }
      console.log("done");`;
    const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
    const output = child.stdout.getReader();
    await output.read();
    const folder = new SharedFolder(join(race, "files"));
    const bytes = new Uint8Array(10);
    const seen = new Map<string, number>();
    while (child.exitCode === null) {
      for (let i = 0; i < 100; i++) {
        let content = "refused";
        try {
          const file = folder.open("link");
          content = Buffer.from(bytes.subarray(0, file.read(bytes, 0))).toString();
          file.close();
        } catch (error) {
          if (!(error instanceof ParleyError)) throw error;
        }
        seen.set(content, (seen.get(content) ?? 0) + 1);
      }
      await turns();
    }
    expect(seen.get("inside")).toBeGreaterThan(0);
    expect(seen.get("secret")).toBeUndefined();
  },
  180_000,
);

test("a folder is read again only after changes", async () => {
  const quiet = join(base, "quiet");
  mkdirSync(quiet);
  writeFileSync(join(quiet, "a"), "");
  utimesSync(quiet, 1_000, 1_000);
  const folder = new SharedFolder(quiet);
  const now = performance.now.bind(performance);
  using clock = spyOn(performance, "now");
  let laterMs = 0;
  clock.mockImplementation(() => now() + laterMs);
  const reading = spyOn(fsPromises, "readdir");
  for (const names of [["a"], ["a"]]) {
    expect(await all(folder)).toEqual(names);
    laterMs += limits.listingMs;
  }
  expect(reading).toHaveBeenCalledTimes(1);
  writeFileSync(join(quiet, "b"), "");
  expect(await all(folder)).toEqual(["a", "b"]);
  writeFileSync(join(quiet, "c"), "");
  laterMs += limits.listingMs;
  expect(await all(folder)).toEqual(["a", "b", "c"]);
  reading.mockRestore();
});

test("a list has what was put there before it was asked for, even if another one is being read", async () => {
  const changing = join(base, "changing");
  mkdirSync(changing);
  const folder = new SharedFolder(changing);
  const readdir = fsPromises.readdir.bind(fsPromises) as (path: string) => Promise<string[]>;
  let after: Promise<readonly string[]> | undefined;
  const reading = spyOn(fsPromises, "readdir").mockImplementationOnce((async (path: string) => {
    const names = await readdir(path);
    writeFileSync(join(changing, "new.txt"), "");
    folder.handleChange();
    after = all(folder);
    return names;
  }) as never);
  const before = await all(folder);
  reading.mockRestore();
  expect([before, await after, await all(folder)]).toEqual([[], ["new.txt"], ["new.txt"]]);
});

test("10 000 files are listed for little processor time, and other work continues meanwhile", async () => {
  const many = join(base, "many");
  mkdirSync(many);
  for (let i = 0; i < 10_000; i++) writeFileSync(join(many, `file ${i}`), "");
  const folder = new SharedFolder(many);
  let turns = 0;
  const ticker = setInterval(() => turns++, 1);
  const before = process.cpuUsage();
  const names = await all(folder);
  const { user, system } = process.cpuUsage(before);
  clearInterval(ticker);
  expect(names.length).toBe(10_000);
  expect(names).toEqual(names.toSorted());
  expect((user + system) / 1000).toBeLessThan(2_000);
  expect(turns).toBeGreaterThan(10);
});

test("a thousand requests cost one walk, whatever they request, until the listing expires", async () => {
  const count = 1_500;
  const asked = join(base, "asked");
  mkdirSync(asked);
  for (let i = 0; i < count; i++) writeFileSync(join(asked, String(10_000 + i)), "");
  const folder = new SharedFolder(asked);
  // However long the disk takes. A whole number: the sum of another and the time until a listing
  // expires may be rounded down.
  const startMs = Math.ceil(performance.now());
  using clock = spyOn(performance, "now").mockReturnValue(startMs);
  const looking = spyOn(fs, "lstatSync");
  const walk = async () => {
    const after = Array.from({ length: 1_000 }, (_, i) => (i % 2 === 0 ? "" : String(10_000 + i)));
    const pages = await Promise.all(after.map((name) => folder.list(name)));
    const looks = looking.mock.calls.length;
    looking.mockClear();
    return { pages, looks };
  };
  const first = await walk();
  // Each request may re-examine the file at which it yielded.
  expect(first.looks).toBeLessThan(count + 1_000);
  for (const [i, { files, next }] of first.pages.entries()) {
    const from = i % 2 === 0 ? 0 : i + 1;
    const to = Math.min(count, from + limits.pageFiles);
    expect(files.length).toBe(to - from);
    expect(files[0]?.name).toBe(String(10_000 + from));
    expect(next).toBe(to < count ? String(10_000 + to - 1) : undefined);
  }
  writeFileSync(join(asked, "10000"), "grown");
  const again = await walk();
  expect(again.looks).toBe(0);
  expect(again.pages[0]?.files[0]?.size).toBe(0);
  clock.mockReturnValue(startMs + limits.listingMs);
  expect((await folder.list()).files[0]?.size).toBe(5);
});

test("a page has at most as many files and bytes as limits allow", async () => {
  const long = join(base, "long");
  mkdirSync(long);
  for (let i = 0; i < 1_200; i++) writeFileSync(join(long, `${"\u0001".repeat(200)}${i}`), "");
  const page = await new SharedFolder(long).list();
  expect(page.files.length).toBeLessThanOrEqual(limits.pageFiles);
  expect(JSON.stringify(page).length).toBeLessThan(limits.pageBytes + 4_096);
  expect((await all(new SharedFolder(long))).length).toBe(1_200);
});

test("a missing folder has no files", async () => {
  const folder = new SharedFolder(join(base, "nowhere"));
  expect(await folder.list()).toEqual({ files: [] });
  expect(() => folder.open("a")).toThrow("No file");
});

skipUnless(process.platform === "linux", "no ulimit in sh")(
  "without a free descriptor a file is not called missing",
  async () => {
    const program = `
      const { SharedFolder } = await import(${JSON.stringify(join(import.meta.dir, "../../../src/server/files/shared-folder.ts"))});
      const { closeSync, openSync } = require("node:fs");
      const folder = new SharedFolder(${JSON.stringify(path)});
      const taken = [];
      try { for (;;) taken.push(openSync("/dev/null")); } catch {}
      const said = [];
      try { folder.open("a.txt"); } catch (error) { said.push(error.code + " " + error.message); }
      await folder.list().catch((error) => said.push(error.code));
      for (const fd of taken) closeSync(fd);
      said.push(folder.open("a.txt").size, (await folder.list()).files.length > 0);
      console.log(JSON.stringify(said));`;
    const child = Bun.spawn(
      ["sh", "-c", 'ulimit -n 128; exec "$@"', "sh", process.execPath, "-e", program],
      { stdout: "pipe" },
    );
    expect(JSON.parse(await new Response(child.stdout).text())).toEqual([
      "full The server is too busy to read its shared folder: try again later.",
      "full",
      "content of a.txt".length,
      true,
    ]);
  },
);

test("dotfiles and the server's own data are neither listed nor opened", async () => {
  const path = testFolder("withheld");
  for (const name of ["a.txt", ".env", "chat.db", "chat.db-wal"])
    writeFileSync(join(path, name), name);
  symlinkSync("chat.db", join(path, "link.db"));
  const folder = new SharedFolder(path, dataFilePaths(join(path, "chat.db")));
  expect(await all(folder)).toEqual(["a.txt"]);
  for (const name of [".env", "chat.db", "chat.db-wal", "link.db"]) {
    expect(() => folder.open(name)).toThrow("No file");
  }
});
