// File systems for single tests: small ones that fill up, and ones that lack features of ext4.

import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
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
