// One fetch of a name at a time; the locks of the dead are nobody's.

import { afterAll, expect, test } from "bun:test";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { ParleyError } from "../../src/errors.ts";
import { FetchLock } from "../../src/files/fetch-lock.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-lock-"));
const target = join(folder, "file");
const path = `${target}.part.lock`;
const host = hostname().replaceAll(/\s/g, "-");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof ParleyError ? error.code : String(error);
  }
  return "none";
}

test("is taken once, and again after its release", () => {
  const lock = FetchLock.take(target);
  expect(codeOf(() => FetchLock.take(target))).toBe("locked");
  lock.release();
  expect(existsSync(path)).toBe(false);
  FetchLock.take(target).release();
  expect(readdirSync(folder)).toEqual([]);
});

test("a dead process's lock is taken over", async () => {
  const child = Bun.spawn([process.execPath, "-e", ""]);
  await child.exited;
  writeFileSync(path, `${child.pid} 12345 ${host}`);
  const lock = FetchLock.take(target);
  expect(readFileSync(path, "utf8").split(" ")[0]).toBe(String(process.pid));
  lock.release();
  expect(readdirSync(folder)).toEqual([]);
});

test("a living process that has got a dead one's number does not keep its lock", () => {
  if (process.platform !== "linux") return;
  writeFileSync(path, `${process.ppid} 1 ${host}`);
  FetchLock.take(target).release();
});

test("what is no lock of ours is replaced, another machine's is not", () => {
  writeFileSync(path, `nonsense - ${host}`);
  FetchLock.take(target).release();
  writeFileSync(path, `${process.pid} 1 elsewhere`);
  expect(codeOf(() => FetchLock.take(target))).toBe("locked");
  rmSync(path);
});

test("nobody waits for a FIFO, nor writes through a link, in the place of a lock", () => {
  const victim = join(folder, "victim");
  writeFileSync(victim, "theirs");
  symlinkSync(victim, `${path}.${process.pid}`);
  FetchLock.take(target).release();
  expect(readFileSync(victim, "utf8")).toBe("theirs");
  rmSync(victim);
  if (Bun.which("mkfifo") === null) return;
  Bun.spawnSync(["mkfifo", path]);
  expect(codeOf(() => FetchLock.take(target))).toBe("locked");
  rmSync(path);
  expect(readdirSync(folder)).toEqual([]);
});

test("of many processes at once one gets a stale lock", async () => {
  writeFileSync(path, `999999999 1 ${host}`);
  const program = `
    const { FetchLock } = await import(${JSON.stringify(join(import.meta.dir, "../../src/files/fetch-lock.ts"))});
    try { FetchLock.take(${JSON.stringify(target)}); process.stdout.write("got"); for await (const _ of process.stdin); }
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
  rmSync(path, { force: true });
});

test("a folder that is not there is said", () => {
  expect(codeOf(() => FetchLock.take(join(folder, "no", "x")))).toBe("storage");
});
