// Sessions in memory, by ID and by name. If there are too many, the network with the most sessions
// loses those unseen for longest.

import { widestNetworkOf } from "../../addresses.ts";
import { accountMark } from "../../chat/accounts/account-store.ts";
import type { SessionRecord, Sessions, SessionUpdate } from "../../chat/turn/store.ts";
import { history } from "../../limits.ts";

/**
 * A table that exceeds its limit by this factor is trimmed immediately, without waiting for the
 * next sweep.
 */
const slack = 1.125;

/**
 * `clockMs`: when the record was last written, by the store's clock. `before` and `after`: the
 * sessions that had the same name before and after this one.
 */
type Entry = SessionRecord & {
  clockMs: number;
  before: Entry | undefined;
  after: Entry | undefined;
};

export class MemorySessions implements Sessions {
  readonly #entries = new Map<string, Entry>();
  /**
   * By folded name; several sessions may have had one name, one after the other. The one whose
   * record was written last.
   */
  readonly #byName = new Map<string, Entry>();
  #sweepCursor: MapIterator<Entry> | undefined;
  /** Entries other than mailboxes of accounts. */
  #count = 0;
  readonly #maxSessions: number;
  readonly #onDelete: (id: string) => void;

  constructor(maxSessions: number, onDelete: (id: string) => void) {
    this.#maxSessions = maxSessions;
    this.#onDelete = onDelete;
  }

  load(id: string): SessionRecord | undefined {
    const entry = this.#entries.get(id);
    return entry === undefined ? undefined : recordOf(entry);
  }

  find(name: string, sinceMs: number): SessionRecord | undefined {
    let found: Entry | undefined;
    let entry = this.#byName.get(name);
    // One stranger can give a name to thousands of sessions.
    for (let i = 0; i < history.maxNamesakes && entry !== undefined; i++) {
      const isHeld = entry.seenMs >= sinceMs;
      if (isHeld && (found === undefined || isLater(entry, found))) found = entry;
      entry = entry.before;
    }
    return found === undefined ? undefined : recordOf(found);
  }

  /** A session that leaves without having sent or received anything is not kept. */
  put(update: SessionUpdate, clockMs: number): void {
    const { id, name, n, refused, network, seenMs, continues } = update;
    const entry = this.#entries.get(id);
    const before = continues && this.#entries.get(continues.session);
    const mail = Math.max(entry?.mail ?? 0, before?.mail ?? 0);
    if (name === "" && n === 0 && mail === 0) {
      if (entry !== undefined) this.#delete(entry);
      return;
    }
    if (entry === undefined) {
      return this.#add({ id, name, n, refused, mail, network, seenMs, clockMs, ...alone });
    }
    const isFirst = this.#byName.get(name) === entry;
    if (!isFirst) this.#removeName(entry);
    Object.assign(entry, { name, n, refused, mail, network, seenMs, clockMs });
    if (!isFirst) this.#addName(entry);
  }

  /** Assigns the next mail number. An unknown session gets a record. */
  nextMail(id: string, timeMs: number, clockMs: number): number {
    return ++this.ensure(id, timeMs, clockMs).mail;
  }

  /** The record of a session, which is new if it is unknown. */
  ensure(id: string, timeMs: number, clockMs: number): SessionRecord {
    const entry = this.#entries.get(id);
    if (entry !== undefined) return entry;
    const unknown = { name: "", n: 0, mail: 0, network: "", ...alone };
    const added = { ...unknown, id, seenMs: timeMs, clockMs };
    this.#add(added);
    return added;
  }

  /**
   * Examines the next `limit` sessions and deletes those unseen since `unseenMs`, or since
   * `goodbyeMs` if they said goodbye. Mailboxes of accounts are kept. True until all sessions have
   * been examined.
   */
  sweep(unseenMs: number, goodbyeMs: number, limit: number): boolean {
    if (this.#count > this.#maxSessions) this.#deleteSurplus();
    this.#sweepCursor ??= this.#entries.values();
    for (let i = 0; i < limit; i++) {
      const { done, value: entry } = this.#sweepCursor.next();
      if (done === true) {
        this.#sweepCursor = undefined;
        return false;
      }
      if (isAccount(entry)) continue;
      if (entry.clockMs < (entry.name === "" ? goodbyeMs : unseenMs)) this.#delete(entry);
    }
    return true;
  }

  #add(entry: Entry): void {
    this.#entries.set(entry.id, entry);
    this.#addName(entry);
    if (!isAccount(entry)) this.#count++;
    if (this.#count > this.#maxSessions * slack) this.#deleteSurplus();
  }

  /**
   * An entry's rank is its position among those of its network, newest first. The highest ranks are
   * deleted first; among equal ranks, the oldest.
   */
  #deleteSurplus(): void {
    const sessions = [...this.#entries.values()].filter((entry) => !isAccount(entry));
    const newestFirst = sessions.sort((a, b) => b.clockMs - a.clockMs);
    const counts = new Map<string, number>();
    const ranked = newestFirst.map((entry) => {
      const network = widestNetworkOf(entry.network);
      const rank = counts.get(network) ?? 0;
      counts.set(network, rank + 1);
      return { entry, rank };
    });
    // Sorting is stable: among equal ranks the newest stays first.
    ranked.sort((a, b) => a.rank - b.rank);
    for (const { entry } of ranked.slice(this.#maxSessions)) this.#delete(entry);
  }

  /** Deletes a session with its mailbox, if there is one. */
  delete(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) this.#delete(entry);
  }

  #delete(entry: Entry): void {
    this.#entries.delete(entry.id);
    if (!isAccount(entry)) this.#count--;
    this.#removeName(entry);
    this.#onDelete(entry.id);
  }

  #addName(entry: Entry): void {
    if (entry.name === "") return;
    const before = this.#byName.get(entry.name);
    entry.before = before;
    if (before !== undefined) before.after = entry;
    this.#byName.set(entry.name, entry);
  }

  /** In constant time: one stranger can give a name to thousands of sessions. */
  #removeName(entry: Entry): void {
    const { name, before, after } = entry;
    if (before !== undefined) before.after = after;
    if (after !== undefined) after.before = before;
    else if (before !== undefined) this.#byName.set(name, before);
    else if (name !== "") this.#byName.delete(name);
    entry.before = entry.after = undefined;
  }
}

const alone = { before: undefined, after: undefined };

function isAccount({ id }: SessionRecord): boolean {
  return id.startsWith(accountMark);
}

function recordOf({ id, name, n, refused, mail, network, seenMs }: Entry): SessionRecord {
  return { id, name, n, refused, mail, network, seenMs };
}

/** Ties are broken by ID, so that every store gives the same answer. */
function isLater(a: SessionRecord, b: SessionRecord): boolean {
  return a.seenMs === b.seenMs ? a.id > b.id : a.seenMs > b.seenMs;
}
