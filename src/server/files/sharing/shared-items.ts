// The entries of the shared folder that people have put there, by their IDs and by name. Pure.

import { sharing as limits } from "../../../limits.ts";
import { foldedItem } from "./item-name.ts";
import type { SharedItem } from "./rows.ts";

export class SharedItems implements Iterable<SharedItem> {
  readonly #byId = new Map<string, SharedItem>();
  /** By `wordsOf` their names; several only if another program has renamed one. */
  readonly #byName = new Map<string, Map<string, SharedItem>>();

  get byId(): ReadonlyMap<string, SharedItem> {
    return this.#byId;
  }

  [Symbol.iterator](): Iterator<SharedItem> {
    return this.#byId.values();
  }

  /** The clock's reading of the newest one (upload-clock.ts). */
  get newestMs(): number | undefined {
    let newestMs: number | undefined;
    for (const { clockMs } of this) newestMs = Math.max(newestMs ?? clockMs, clockMs);
    return newestMs;
  }

  find(name: string): SharedItem | undefined {
    // Comparing longer names takes longer, and nothing has them.
    if (name.length > limits.maxNameBytes) return undefined;
    const found = [...(this.#byName.get(wordsOf(name))?.values() ?? [])];
    return found.find((item) => item.name === name) ?? found[0];
  }

  keep(item: SharedItem): void {
    this.#byId.set(item.id, item);
    const words = wordsOf(item.name);
    const same = this.#byName.get(words);
    if (same === undefined) this.#byName.set(words, new Map([[item.id, item]]));
    else same.set(item.id, item);
  }

  /** False: it was dropped before. */
  drop({ id, name }: SharedItem): boolean {
    const words = wordsOf(name);
    const same = this.#byName.get(words);
    same?.delete(id);
    if (same?.size === 0) this.#byName.delete(words);
    return this.#byId.delete(id);
  }
}

/** Equal for names that mean the same. Commands are split into words: several spaces are one. */
function wordsOf(name: string): string {
  return foldedItem(name).trim().replace(/\s+/g, " ");
}
