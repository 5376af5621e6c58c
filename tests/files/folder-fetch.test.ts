// What a folder's fetch says, and whether it fits: against a list without a server.

import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ParleyError } from "../../src/errors.ts";
import { Download } from "../../src/files/download.ts";
import type { FileTarget } from "../../src/files/fetch-events.ts";
import { fetchFolder, type TreeClient } from "../../src/files/folder-fetch.ts";
import { checkRoom } from "../../src/files/free-room.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("folder-fetch");
const mebibyte = 1_048_576;
const options = { force: false, byContent: false, sha256: false, onEvent() {} };

/** A sender of a folder with one large file in it; `save` stands for fetching that. */
function senderOf(
  size: number,
  save: (path: string, target: FileTarget) => void,
  mode = 0o644,
): TreeClient {
  const entry = { path: "big", size, modified: 0, mode };
  return {
    async listTree(_name, _after, onPage) {
      onPage({ type: "tree", entries: [entry] });
    },
    async fetch(_name: string, target: FileTarget) {
      if (target.kind === "file") save(target.path, target);
    },
    receive: () => Promise.reject(new Error("There is no small file")),
    throwIfStopped() {},
    isSealed: false,
    isBlocked: false,
    onWork() {},
  };
}

test("a disk that fills up meanwhile is named as its user names it", async () => {
  const path = join(base, "photos");
  mkdirSync(path);
  const client = senderOf(9 * mebibyte, (file) => {
    checkRoom(dirname(file), basename(file), 2, { bytes: 1, blockBytes: 1 });
  });
  const error: unknown = await fetchFolder(client, "photos", path, options).catch((why) => why);
  expect(error).toBeInstanceOf(ParleyError);
  expect(String(error)).toContain(`'big' needs 2 B, and '${path}' has room for 1 B`);
});

skipUnless(process.platform !== "win32", "no permissions of POSIX")(
  "a private file is private from its first byte on",
  async () => {
    const path = join(base, "private");
    mkdirSync(path);
    const client = senderOf(
      9 * mebibyte,
      (file, target) => {
        const about = { resume: true, sha256: false, sender: () => undefined, onEvent() {} };
        const download = new Download("big", target, about);
        expect(statSync(`${file}.part`).mode & 0o777).toBe(0o600);
        download.close();
      },
      0o600,
    );
    await fetchFolder(client, "photos", path, options);
  },
);

const disk = join(base, "disk");
mkdirSync(disk);
const isMounted =
  process.getuid?.() === 0 &&
  spawnSync("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", disk]).status === 0;
afterAll(() => {
  if (isMounted) spawnSync("umount", [disk]);
});

skipUnless(isMounted, "a small disk needs root, mount(8) and tmpfs")(
  "what an interrupted fetch has left of a file does not count as room that it needs",
  async () => {
    const fetched: string[] = [];
    const client = senderOf(30 * mebibyte, (file) => fetched.push(basename(file)));
    const path = join(disk, "photos");
    mkdirSync(path);
    writeFileSync(join(path, "big.part"), new Uint8Array(20 * mebibyte));
    // It belongs to another program, as long as there is no journal.
    await expect(fetchFolder(client, "photos", path, options)).rejects.toThrow("has room for");
    writeFileSync(join(path, "big.part.journal"), "");
    await fetchFolder(client, "photos", path, options);
    expect(fetched).toEqual(["big"]);
  },
);
