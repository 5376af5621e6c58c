// The names in folders of the shared folder, sorted and cached while the folder is unchanged.

import { type BigIntStats, readdirSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import type { EncodedName } from "../../io/open-folder.ts";
import { files, folder as limits } from "../../limits.ts";
import { shownName } from "./file-names.ts";
import { slicedSort } from "./sliced-sort.ts";

/** Hidden as in `ls`: configuration and partial files. */
export function isHidden(name: string): boolean {
  return name.startsWith(".");
}

/** Receives the number of hidden names in a folder, if there are any. */
type OnHidden = ((count: number) => void) | undefined;

/** Names as they are shown: decoded as UTF-8, or as Latin-1 if they are not UTF-8. */
export async function namesIn(path: EncodedName, onHidden?: OnHidden): Promise<string[]> {
  return visible(await readdir(path), () => readdir(path, { encoding: "buffer" }), onHidden);
}

async function visible(
  all: readonly string[],
  readEncoded: () => Promise<Buffer[]> | Buffer[],
  onHidden: OnHidden,
): Promise<string[]> {
  const names = all.filter((name) => !isHidden(name));
  if (names.length < all.length) onHidden?.(all.length - names.length);
  // A name that is not UTF-8 was decoded lossily. Reading raw names takes longer, so it is done
  // only if necessary.
  if (!names.some((name) => name.includes("\ufffd"))) return names;
  const encoded = await readEncoded();
  return [...new Set(encoded.map(shownName).filter((name) => !isHidden(name)))];
}

/**
 * Changes whenever a name is added or removed; undefined right after a change, while timestamps
 * can't yet tell two changes apart.
 */
export function folderVersion(path: EncodedName, nowMs: number): string | undefined {
  return versionOf(statSync(path, { bigint: true }), nowMs);
}

function versionOf(stat: BigIntStats, nowMs: number): string | undefined {
  const { dev, ino, mtimeNs, ctimeNs, mtimeMs } = stat;
  const isSettled = nowMs - Number(mtimeMs) > limits.settledMs;
  return isSettled ? `${dev} ${ino} ${mtimeNs} ${ctimeNs}` : undefined;
}

/** Names by folder, so that paging through a list reads each folder only once. */
export class FolderNames {
  readonly #known = new Map<string, { version: string; names: readonly string[] }>();
  readonly #onHidden: OnHidden;
  #count = 0;

  constructor(onHidden?: OnHidden) {
    this.#onHidden = onHidden;
  }

  /**
   * Visible names, sorted by code unit. `key` identifies the folder. Throws the file system's
   * errors.
   */
  async of(key: string, path: EncodedName): Promise<readonly string[]> {
    const stat = statSync(path, { bigint: true });
    const version = versionOf(stat, Date.now());
    const known = this.#known.get(key);
    if (known !== undefined && known.version === version) return known.names;
    this.#forget(key);
    const isSmall = stat.size <= limits.smallFolderBytes;
    const names = isSmall
      ? await smallFolder(path, this.#onHidden)
      : await slicedSort(await namesIn(path, this.#onHidden));
    if (version !== undefined) this.#keep(key, version, names);
    return names;
  }

  #keep(key: string, version: string, names: readonly string[]): void {
    this.#forget(key);
    // A folder without names takes memory too.
    this.#count += names.length + 1;
    this.#known.set(key, { version, names });
    for (const [oldest] of this.#known) {
      if (this.#count <= files.keptNames) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    this.#known.delete(key);
    this.#count -= known.names.length + 1;
  }
}

/** Index of the first name greater than `after`; the names must be sorted. */
export function firstAfter(names: readonly string[], after: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? "") <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Synchronous: the way through the thread pool and back takes longer than reading a small folder.
 */
async function smallFolder(path: EncodedName, onHidden: OnHidden): Promise<readonly string[]> {
  const readEncoded = () => readdirSync(path, { encoding: "buffer" });
  const names = await visible(readdirSync(path), readEncoded, onHidden);
  return names.sort();
}
