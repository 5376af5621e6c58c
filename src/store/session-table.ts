// What is known of sessions, in memory: by ID and by name, the ones unseen for longest forgotten first.

import type { SessionRecord } from "../chat/history.ts";
import { isBlank } from "./store.ts";

/** Over the bound by this part, the table is cut back at once and not only when somebody tidies up. */
const slack = 1.125;

export class SessionTable {
  #records = new Map<string, SessionRecord>();
  /** IDs by folded name; several sessions may have had one name, one after the other. */
  #names = new Map<string, Set<string>>();
  #cursor: MapIterator<SessionRecord> | undefined;
  readonly #max: number;
  readonly #forgotten: (id: string) => void;

  /** `forgotten` hears which session is no longer known. */
  constructor(max: number, forgotten: (id: string) => void) {
    this.#max = max;
    this.#forgotten = forgotten;
  }

  get(id: string): SessionRecord | undefined {
    const record = this.#records.get(id);
    return record === undefined ? undefined : { ...record };
  }

  /** Of several the one seen last. */
  named(folded: string, sinceMs: number): SessionRecord | undefined {
    let found: SessionRecord | undefined;
    for (const id of this.#names.get(folded) ?? []) {
      const record = this.#records.get(id)!;
      if (record.seenMs < sinceMs) continue;
      if (found === undefined || isLater(record, found)) found = record;
    }
    return found === undefined ? undefined : { ...found };
  }

  put(record: SessionRecord): void {
    const { id, name, n, mail, seenMs } = record;
    const before = this.#records.get(id);
    if (isBlank(record)) {
      if (before !== undefined) this.#forget(before);
      return;
    }
    if (before !== undefined) {
      if (before.name !== name) {
        this.#unname(before);
        before.name = name;
        this.#name(before);
      }
      before.n = n;
      before.mail = mail;
      before.seenMs = seenMs;
      return;
    }
    const kept = { id, name, n, mail, seenMs };
    this.#records.set(id, kept);
    this.#name(kept);
    if (this.#records.size > this.#max * slack) this.#forgetOldest();
  }

  /**
   * Forgets, among the next `limit` sessions, those not seen since `sinceMs`, or since `goodbyeMs` if they have said goodbye;
   * true until all have been looked at.
   */
  tidy(sinceMs: number, goodbyeMs: number, limit: number): boolean {
    if (this.#records.size > this.#max) this.#forgetOldest();
    this.#cursor ??= this.#records.values();
    for (let i = 0; i < limit; i++) {
      const { done, value } = this.#cursor.next();
      if (done === true) {
        this.#cursor = undefined;
        return false;
      }
      if (value.seenMs < (value.name === "" ? goodbyeMs : sinceMs)) this.#forget(value);
    }
    return true;
  }

  #forgetOldest(): void {
    const byAge = [...this.#records.values()].sort((a, b) => (isLater(a, b) ? 1 : -1));
    for (const record of byAge.slice(0, byAge.length - this.#max)) this.#forget(record);
  }

  #forget(record: SessionRecord): void {
    this.#records.delete(record.id);
    this.#unname(record);
    this.#forgotten(record.id);
  }

  #name({ id, name }: SessionRecord): void {
    if (name === "") return;
    const ids = this.#names.get(name);
    if (ids === undefined) this.#names.set(name, new Set([id]));
    else ids.add(id);
  }

  #unname({ id, name }: SessionRecord): void {
    const ids = this.#names.get(name);
    ids?.delete(id);
    if (ids?.size === 0) this.#names.delete(name);
  }
}

/** Seen later; between equals the IDs decide, so that every store says the same. */
function isLater(a: SessionRecord, b: SessionRecord): boolean {
  return a.seenMs === b.seenMs ? a.id > b.id : a.seenMs > b.seenMs;
}
