// Partial files: one fetch at a time, whichever process dies; nothing is written through a link or
// replaced by accident; only a verified file is moved into place. Also on file systems without
// locks and hard links.

import { beforeEach, describe, expect, spyOn, test } from "bun:test";
import * as fs from "node:fs";
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ParleyError } from "../../src/errors.ts";
import { moveInto } from "../../src/files/move-into.ts";
import { PartLock } from "../../src/files/part-lock.ts";
import { PartialFile } from "../../src/files/partial-file.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

let folder = "";
let target = "";
let part = "";

beforeEach(() => {
  folder = testFolder("part");
  target = join(folder, "file");
  part = `${target}.part`;
});

const unsupported = () => "unsupported" as const;
const noLinks = () => {
  throw Object.assign(new Error("no links"), { code: "EPERM" });
};

const head = { name: "file", size: 5, version: "v", chunkBytes: 65_536, sender: null };
const bytes = Buffer.from("hello");
const hash = "0123456789abcdef";
const modifiedMs = 1_700_000_000_123;

function begun(): PartialFile {
  const file = PartialFile.open(target, true);
  file.begin(head);
  file.write(0, bytes);
  file.record([[0, hash]]);
  return file;
}

function errorOf(work: () => unknown): ParleyError | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof ParleyError) return error;
    throw error;
  }
  return undefined;
}

describe("one fetch of a name at a time", () => {
  test("a second one is refused, until the first has closed", () => {
    const file = begun();
    expect(errorOf(() => PartialFile.open(target, true))?.code).toBe("locked");
    file.close();
    const next = PartialFile.open(target, true);
    expect(next.left?.head).toEqual(head);
    expect([...(next.left?.chunks ?? [])]).toEqual([[0, hash]]);
    next.finish(false, modifiedMs);
    expect(readdirSync(folder)).toEqual(["file"]);
    expect(statSync(target).mtimeMs).toBe(modifiedMs);
  });

  test("one that has not started leaves nothing", () => {
    PartialFile.open(target, true).close();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a process that is killed leaves no lock", async () => {
    const program = `
      const { PartialFile } = await import(${JSON.stringify(join(import.meta.dir, "../../src/files/partial-file.ts"))});
      const file = PartialFile.open(${JSON.stringify(target)}, true);
      file.begin(${JSON.stringify(head)});
      process.stdout.write("open");
      for await (const _ of process.stdin);`;
    const child = Bun.spawn([process.execPath, "-e", program], { stdin: "pipe", stdout: "pipe" });
    await child.stdout.getReader().read();
    expect(errorOf(() => PartialFile.open(target, true))?.code).toBe("locked");
    child.kill("SIGKILL");
    await child.exited;
    PartialFile.open(target, true).close();
    expect(readdirSync(folder).toSorted()).toEqual(["file.part", "file.part.journal"]);
  });

  test("of many simultaneous processes only one gets it", async () => {
    const program = `
      const { PartialFile } = await import(${JSON.stringify(join(import.meta.dir, "../../src/files/partial-file.ts"))});
      try { PartialFile.open(${JSON.stringify(target)}, true); process.stdout.write("got"); for await (const _ of process.stdin); }
      catch (error) { process.stdout.write(error.code); }`;
    const children = Array.from({ length: 6 }, () =>
      Bun.spawn([process.execPath, "-e", program], { stdin: "pipe", stdout: "pipe" }),
    );
    const words = await Promise.all(
      children.map(async (child) => {
        const { value } = await child.stdout.getReader().read();
        return Buffer.from(value ?? []).toString();
      }),
    );
    for (const child of children) void child.stdin.end();
    await Promise.all(children.map((child) => child.exited));
    expect(words.toSorted()).toEqual(["got", "locked", "locked", "locked", "locked", "locked"]);
  });

  test("if the file system has no such lock, a lock file has the same effect", () => {
    writeFileSync(part, "");
    const fd = openSync(part, "r+");
    const lock = PartLock.take(fd, part, unsupported);
    expect(errorOf(() => PartLock.take(fd, part, unsupported))?.code).toBe("locked");
    lock.release();
    PartLock.take(fd, part, unsupported).release();
    closeSync(fd);
    expect(readdirSync(folder)).toEqual(["file.part"]);
  });
});

describe("another program's `NAME.part`", () => {
  test("is left alone, and the fetch resumes beside it", () => {
    writeFileSync(part, "theirs");
    const killed = begun();
    expect(killed.part).toBe(`${target}.2.part`);
    killed.close();
    const resumed = PartialFile.open(target, true);
    expect(resumed.left?.head).toEqual(head);
    resumed.finish(false, modifiedMs);
    expect(readFileSync(part, "utf8")).toBe("theirs");
    expect(readdirSync(folder).toSorted()).toEqual(["file", "file.part"]);
  });

  test("is left alone when it is a folder, and when it is empty", () => {
    mkdirSync(part);
    writeFileSync(`${target}.2.part`, "");
    begun().finish(false, modifiedMs);
    expect(readdirSync(folder).toSorted()).toEqual(["file", "file.2.part", "file.part"]);
  });

  test("does not keep a fetch from what it has begun before", () => {
    writeFileSync(part, "theirs");
    begun().close();
    rmSync(part);
    const resumed = PartialFile.open(target, true);
    expect(resumed.part).toBe(`${target}.2.part`);
    expect(resumed.left?.head).toEqual(head);
    resumed.close();
  });

  test("is left alone when what a killed fetch left beside it is removed", () => {
    writeFileSync(part, "theirs");
    begun().close();
    // Killed once the file had its name, and the other one had not been removed.
    linkSync(`${target}.2.part`, target);
    writeFileSync(`${target}.3.part.journal`, "");
    PartialFile.removeLeftovers(target);
    expect(readdirSync(folder).toSorted()).toEqual(["file", "file.part"]);
  });

  test("is an error if there are many of them", () => {
    const names = ["file.part", ...Array.from({ length: 8 }, (_, i) => `file.${i + 2}.part`)];
    for (const name of names) writeFileSync(join(folder, name), "theirs");
    const error = errorOf(() => PartialFile.open(target, true));
    expect([error?.code, error?.message]).toEqual(["storage", expect.stringContaining("-o")]);
    expect(readdirSync(folder).toSorted()).toEqual(names.toSorted());
  });
});

describe("nothing is written through", () => {
  test("a hard link of the partial file or its journal: both are replaced", () => {
    const theirs = join(folder, "theirs");
    writeFileSync(theirs, "their words");
    linkSync(theirs, part);
    linkSync(theirs, `${part}.journal`);
    begun().finish(false, modifiedMs);
    expect(readFileSync(theirs, "utf8")).toBe("their words");
    expect(readFileSync(target, "utf8")).toBe("hello");
  });

  test("a symbolic link", () => {
    const theirs = join(folder, "theirs");
    writeFileSync(theirs, "their words");
    symlinkSync(theirs, part);
    const error = errorOf(() => PartialFile.open(target, true));
    expect([error?.code, error?.message]).toEqual(["storage", expect.stringContaining("link")]);
    expect(readFileSync(theirs, "utf8")).toBe("their words");
  });

  skipUnless(Bun.which("mkfifo") !== null, "no mkfifo")("a FIFO, which is not waited for", () => {
    Bun.spawnSync(["mkfifo", part]);
    expect(errorOf(() => PartialFile.open(target, true))?.code).toBe("storage");
  });
});

describe("the name", () => {
  test("goes only to the file that was verified", () => {
    const file = begun();
    renameSync(part, join(folder, "moved"));
    writeFileSync(part, "other words");
    const error = errorOf(() => file.finish(false, modifiedMs));
    expect([error?.code, error?.message]).toEqual(["storage", expect.stringContaining("replaced")]);
    expect(existsSync(target)).toBe(false);
    expect(readFileSync(part, "utf8")).toBe("other words");
    file.close();
  });

  test("is not taken from a file that was created meanwhile, unless replacing is allowed", () => {
    const file = begun();
    writeFileSync(target, "mine");
    expect(errorOf(() => file.finish(false, modifiedMs))?.code).toBe("differs");
    expect(readFileSync(target, "utf8")).toBe("mine");
    file.close();
    const again = PartialFile.open(target, true);
    again.finish(true, modifiedMs);
    expect([readFileSync(target, "utf8"), readdirSync(folder)]).toEqual(["hello", ["file"]]);
  });

  const ways = [
    ["an atomic rename", undefined, undefined],
    ["hard links", unsupported, undefined],
    ["neither", unsupported, noLinks],
  ] as const;
  test.each(ways)("is given with %s, and never replaces a file", (_, rename, link) => {
    writeFileSync(part, "new");
    expect(moveInto(part, target, false, rename, link)).toBe(true);
    expect([readdirSync(folder), readFileSync(target, "utf8")]).toEqual([["file"], "new"]);
    writeFileSync(part, "newer");
    expect(moveInto(part, target, false, rename, link)).toBe(false);
    expect([readFileSync(part, "utf8"), readFileSync(target, "utf8")]).toEqual(["newer", "new"]);
    expect(moveInto(part, target, true, rename, link)).toBe(true);
    expect(readFileSync(target, "utf8")).toBe("newer");
  });
});

describe("after a death just before the end", () => {
  test("the remains of a complete file are removed", () => {
    begun().close();
    linkSync(part, target);
    PartialFile.removeLeftovers(target);
    expect(readdirSync(folder)).toEqual(["file"]);
    writeFileSync(`${part}.journal`, "");
    PartialFile.removeLeftovers(target);
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  test("a partial file of other content stays", () => {
    begun().close();
    writeFileSync(target, "hello");
    PartialFile.removeLeftovers(target);
    expect(readdirSync(folder).toSorted()).toEqual(["file", "file.part", "file.part.journal"]);
  });
});

/** Makes a call of the file system fail for some of its paths or descriptors. */
type Call = "lstatSync" | "rmSync" | "fstatSync" | "closeSync";
const failing = (call: Call, when: (path: unknown) => boolean) => {
  const real = fs[call] as (...args: unknown[]) => unknown;
  return spyOn(fs, call).mockImplementation(((...args: unknown[]) => {
    if (when(args[0])) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
    return real(...args);
  }) as never);
};

describe("a disk that fails", () => {
  test("once the file is in place costs no more than what the next fetch removes", () => {
    const file = begun();
    failing("rmSync", (path) => path === `${part}.journal`);
    file.finish(false, modifiedMs);
    expect(readFileSync(target, "utf8")).toBe("hello");
  });

  test("only once the file is closed, as over a network, leaves nothing under its name", () => {
    const file = begun();
    const closing = failing("closeSync", () => true);
    const error = errorOf(() => file.finish(false, modifiedMs));
    closing.mockRestore();
    expect([error?.code, error?.message]).toEqual([
      "storage",
      expect.stringContaining("the partial file is kept, fetch again to resume"),
    ]);
    expect([existsSync(target), existsSync(part)]).toEqual([false, true]);
    file.close();
    const again = PartialFile.open(target, true);
    expect(again.left?.chunks).toEqual(new Map([[0, hash]]));
    again.close();
  });

  test("while it is looked for is reported", () => {
    failing("lstatSync", (path) => path === part);
    const error = errorOf(() => PartialFile.open(target, true));
    expect([error?.code, error?.message]).toEqual([
      "storage",
      `Cannot write '${target}': the disk failed. Choose another place with -o`,
    ]);
  });

  test("while it is created does not leave it as another program's file", () => {
    let looks = 0;
    // The first look is at the journal.
    failing("fstatSync", () => ++looks === 2);
    expect(errorOf(() => PartialFile.open(target, true))?.code).toBe("storage");
    const next = begun();
    expect(next.part).toBe(part);
    next.finish(false, modifiedMs);
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

test("a missing folder is reported, and not created", () => {
  const error = errorOf(() => PartialFile.open(join(folder, "no", "x"), true));
  expect([error?.code, error?.message]).toEqual([
    "storage",
    expect.stringContaining("there is no folder"),
  ]);
  mkdirSync(join(folder, "no"));
  PartialFile.open(join(folder, "no", "x"), true).close();
});
