// Reproducible archives, byte for byte the same for the same files: tar.xz by GNU tar and xz, zip
// by fflate, and Debian packages, which are an `ar` of two tar.xz (deb(5)).

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { $ } from "bun";
import { zipSync, type Zippable } from "fflate";

export type ArchivedFile = {
  /** Relative, with slashes. */
  path: string;
  content: Uint8Array | string;
  isExecutable?: boolean;
};

/** `atSeconds`: the modification time of every file, in Unix seconds. */
export async function tarXz(
  files: readonly ArchivedFile[],
  atSeconds: number,
): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), "parley-release-"));
  try {
    for (const { path, content, isExecutable } of files) {
      const target = join(folder, path);
      mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
      writeFileSync(target, content);
      chmodSync(target, isExecutable === true ? 0o755 : 0o644);
    }
    const same = ["--sort=name", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner"];
    const time = `--mtime=@${atSeconds}`;
    const mode = "--mode=u=rwX,go=rX";
    // Not in one pipe, where nobody would hear that tar has failed.
    const tar = await $`tar -C ${folder} ${same} ${time} ${mode} -cf - .`.quiet();
    const packed = await $`xz -6 -T1 --check=crc64 -c < ${tar.stdout}`.quiet();
    return new Uint8Array(packed.stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function zip(files: readonly ArchivedFile[], atSeconds: number): Uint8Array {
  // Zip stores local times without a zone; fflate writes those of this process.
  const utc = new Date(atSeconds * 1000);
  const mtime = new Date(utc.getTime() + utc.getTimezoneOffset() * 60_000);
  const entries = files
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ path, content }) => [path, [bytesOf(content), { mtime, level: 9 }]] as const);
  return zipSync(Object.fromEntries(entries) as Zippable);
}

/** `control`: metadata for dpkg; `files`: what it installs, below `/`. */
export async function debianPackage(
  control: readonly ArchivedFile[],
  files: readonly ArchivedFile[],
  atSeconds: number,
): Promise<Uint8Array> {
  const members: (readonly [string, Uint8Array])[] = [
    ["debian-binary", bytesOf("2.0\n")],
    ["control.tar.xz", await tarXz(control, atSeconds)],
    ["data.tar.xz", await tarXz(files, atSeconds)],
  ];
  return Buffer.concat([
    bytesOf("!<arch>\n"),
    ...members.flatMap(([name, content]) => [
      bytesOf(arHeader(name, content.length, atSeconds)),
      content,
      bytesOf(content.length % 2 === 0 ? "" : "\n"),
    ]),
  ]);
}

function arHeader(name: string, bytes: number, atSeconds: number): string {
  const fields: [string | number, number][] = [
    [name, 16],
    [atSeconds, 12],
    [0, 6],
    [0, 6],
    ["100644", 8],
    [bytes, 10],
  ];
  return `${fields.map(([value, width]) => String(value).padEnd(width)).join("")}\`\n`;
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}
