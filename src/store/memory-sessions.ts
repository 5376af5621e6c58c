// What is known of sessions, in memory: by ID and by name, the ones unseen for longest forgotten
// first.

import type { Directory, SessionRecord, Sessions, SessionUpdate } from "../chat/store.ts";

/** Over the bound by this factor, the table is cut back at once and not only by the next sweep. */
const slack = 1.125;

type Entry = { record: SessionRecord; clockMs: number };

export class MemorySessions implements Sessions, Directory {
  readonly #entries = new Map<string, Entry>();
  /** IDs by folded name; several sessions may have had one name, one after the other. */
  readonly #names = new Map<string, Set<string>>();
  #cursor: MapIterator<Entry> | undefined;
  readonly #max: number;
  readonly #onForget: (id: string) => void;

  /** `onForget` hears which session is no longer known. */
  constructor(max: number, onForget: (id: string) => void) {
    this.#max = max;
    this.#onForget = onForget;
  }

  load(id: string): SessionRecord | undefined {
    const entry = this.#entries.get(id);
    return entry === undefined ? undefined : { ...entry.record };
  }

  find(name: string, sinceMs: number): SessionRecord | undefined {
    let found: SessionRecord | undefined;
    for (const id of this.#names.get(name) ?? []) {
      const { record } = this.#entries.get(id)!;
      if (record.seenMs < sinceMs) continue;
      if (found === undefined || isLater(record, found)) found = record;
    }
    return found === undefined ? undefined : { ...found };
  }

  /** A session that has said nothing, got nothing and is gone is not kept at all. */
  put(update: SessionUpdate, clockMs: number): void {
    const { id, name, n, network, seenMs } = update;
    const entry = this.#entries.get(id);
    const mail = entry?.record.mail ?? 0;
    if (name === "" && n === 0 && mail === 0) {
      if (entry !== undefined) this.#forget(entry.record);
      return;
    }
    if (entry === undefined) {
      return this.#add({ record: { id, name, n, mail, network, seenMs }, clockMs });
    }
    if (entry.record.name !== name) {
      this.#removeName(entry.record);
      this.#addName(id, name);
    }
    Object.assign(entry.record, { name, n, network, seenMs });
    entry.clockMs = clockMs;
  }

  /** The number of the next message to a session; one that is not known becomes known by it. */
  nextMail(id: string, timeMs: number, clockMs: number): number {
    const entry = this.#entries.get(id);
    if (entry !== undefined) return ++entry.record.mail;
    this.#add({ record: { id, name: "", n: 0, mail: 1, network: "", seenMs: timeMs }, clockMs });
    return 1;
  }

  /**
   * Forgets, among the next `limit` sessions, those not seen since `unseenMs`, or since `goodbyeMs`
   * if they have said goodbye; true until all have been looked at.
   */
  sweep(unseenMs: number, goodbyeMs: number, limit: number): boolean {
    if (this.#entries.size > this.#max) this.#forgetOldest();
    this.#cursor ??= this.#entries.values();
    for (let i = 0; i < limit; i++) {
      const { done, value: entry } = this.#cursor.next();
      if (done === true) {
        this.#cursor = undefined;
        return false;
      }
      const { record, clockMs } = entry;
      if (clockMs < (record.name === "" ? goodbyeMs : unseenMs)) this.#forget(record);
    }
    return true;
  }

  #add(entry: Entry): void {
    this.#entries.set(entry.record.id, entry);
    this.#addName(entry.record.id, entry.record.name);
    if (this.#entries.size > this.#max * slack) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const byAge = [...this.#entries.values()].sort((a, b) => a.clockMs - b.clockMs);
    for (const { record } of byAge.slice(0, byAge.length - this.#max)) this.#forget(record);
  }

  #forget(record: SessionRecord): void {
    this.#entries.delete(record.id);
    this.#removeName(record);
    this.#onForget(record.id);
  }

  #addName(id: string, name: string): void {
    if (name === "") return;
    const ids = this.#names.get(name);
    if (ids === undefined) this.#names.set(name, new Set([id]));
    else ids.add(id);
  }

  #removeName({ id, name }: SessionRecord): void {
    const ids = this.#names.get(name);
    ids?.delete(id);
    if (ids?.size === 0) this.#names.delete(name);
  }
}

/** Seen later; between equals the IDs decide, so that every store says the same. */
function isLater(a: SessionRecord, b: SessionRecord): boolean {
  return a.seenMs === b.seenMs ? a.id > b.id : a.seenMs > b.seenMs;
}
