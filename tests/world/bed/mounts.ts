// File systems for single tests: small ones that fill up, and ones that lack features of ext4.

import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { run, succeeds } from "./command.ts";
import type { Scope } from "./scope.ts";

/** A file system in memory with that many KiB. */
export function mountSmall(scope: Scope, name: string, kib: number): string {
  const path = scope.folder(name);
  mkdirSync(path);
  run("mount", "-t", "tmpfs", "-o", `size=${kib}k`, "tmpfs", path);
  scope.defer(() => unmount(path));
  return path;
}

/** A file system in memory with that many files and folders at most, its own included. */
export function mountFewFiles(scope: Scope, name: string, files: number): string {
  const path = scope.folder(name);
  mkdirSync(path);
  run("mount", "-t", "tmpfs", "-o", `size=64m,nr_inodes=${files}`, "tmpfs", path);
  scope.defer(() => unmount(path));
  return path;
}

/** A folder on a larger file system (btrfs) with a quota of that many MiB. */
export function mountQuota(scope: Scope, name: string, mib: number): string {
  const disk = mountImage(scope, `${name}-disk`, 256, ["mkfs.btrfs", "-q"], []);
  run("btrfs", "quota", "enable", disk);
  const path = join(disk, name);
  run("btrfs", "subvolume", "create", path);
  run("btrfs", "qgroup", "limit", `${mib}M`, path);
  return path;
}

/** ext4 without a journal, and a function after which it is read-only, as after an error. */
export function mountFailing(scope: Scope, name: string): { path: string; fail: () => void } {
  const options = ["-o", "errors=remount-ro"];
  const make = ["mkfs.ext4", "-q", "-O", "^has_journal"];
  const path = mountImage(scope, name, 64, make, options);
  const device = run("findmnt", "--noheadings", "--output", "SOURCE", path).trim();
  const trigger = `/sys/fs/ext4/${basename(device)}/trigger_fs_error`;
  return { path, fail: () => writeFileSync(trigger, "a test") };
}

/** A file system of its own in a file. */
function mountImage(
  scope: Scope,
  name: string,
  mib: number,
  make: readonly string[],
  options: readonly string[],
): string {
  const path = scope.folder(name);
  const image = `${path}.img`;
  mkdirSync(path);
  writeFileSync(image, "");
  truncateSync(image, mib * 1024 * 1024);
  run(...make, image);
  run("mount", "-o", "loop", ...options, image, path);
  scope.defer(() => unmount(path));
  return path;
}

/** exFAT: no links, no permissions, case-insensitive, times to 10 ms. */
export function mountExfat(scope: Scope, name: string): string {
  const path = scope.folder(name);
  const image = `${path}.img`;
  mkdirSync(path);
  writeFileSync(image, "");
  truncateSync(image, 64 * 1024 * 1024);
  run("mkfs.exfat", image);
  const loop = run("losetup", "--find", "--show", image).trim();
  scope.defer(() => void run("losetup", "--detach", loop));
  if (!succeeds("mount", "-t", "exfat", loop, path)) run("mount.exfat-fuse", loop, path);
  scope.defer(() => unmount(path));
  return path;
}

/**
 * A folder through FUSE, like network mounts: no hard links, different locks, and slow if
 * `bytesPerSecond` is given.
 */
export function mountFuse(scope: Scope, name: string, bytesPerSecond?: number): string {
  const path = scope.folder(name);
  const source = `${path}.source`;
  for (const folder of [path, source]) mkdirSync(folder);
  const slow = bytesPerSecond === undefined ? [] : [`--write-rate=${bytesPerSecond}`];
  run("bindfs", ...slow, source, path);
  scope.defer(() => unmount(path));
  return path;
}

/** A read-only view of a folder. */
export function mountReadOnly(scope: Scope, name: string, source: string): string {
  const path = scope.folder(name);
  mkdirSync(path);
  run("mount", "--bind", source, path);
  scope.defer(() => unmount(path));
  run("mount", "-o", "remount,bind,ro", path);
  return path;
}

/** Lazily, in case a terminating process still has a file open there. */
function unmount(path: string): void {
  const { exitCode } = Bun.spawnSync(["umount", path], { stdout: "ignore", stderr: "ignore" });
  if (exitCode !== 0) run("umount", "--lazy", path);
}
