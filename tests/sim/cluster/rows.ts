// The rows of the simulated database, like in PostgreSQL (src/store/postgres/schema.ts), in tables
// that can be rolled back: a failed transaction leaves nothing behind.

export type ServerRow = {
  readonly id: string;
  readonly pin: string;
  /** Empty: unknown. */
  readonly address: string;
  readonly expiresMs: number;
  readonly isOver: boolean;
  readonly hasLeft: boolean;
  readonly batch: number;
  readonly reply: string;
};
export type RoomRow = {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  readonly presence: number;
  readonly erased: number;
  /** When something was last said. */
  readonly saidMs: number;
};
/** An erased text; `last`: the room's highest number at that time. */
export type ErasureRow = { readonly n: number; readonly seq: number; readonly last: number };
export type BatchRow = {
  readonly first: number;
  readonly count: number;
  readonly timeMs: number;
  /** By the clock by which data ages, and in truth. */
  readonly clockMs: number;
  readonly trueMs: number;
  readonly runs: string;
};
export type SessionRow = {
  readonly id: string;
  readonly name: string;
  readonly n: number;
  readonly refused: string | null;
  readonly mail: number;
  readonly network: string;
  readonly seenMs: number;
  readonly clockMs: number;
  readonly server: string | undefined;
  readonly claim: number;
  /** The account that has taken over its mailbox. */
  readonly account?: string | undefined;
};
export type MailRow = {
  readonly mail: number;
  readonly timeMs: number;
  /** As in `BatchRow`. */
  readonly clockMs: number;
  readonly trueMs: number;
  readonly id: number;
  readonly person: string;
  readonly name: string;
  readonly network: string;
  readonly sender: string;
  readonly message: string;
};
export type NameRow = {
  readonly folded: string;
  readonly holder: string;
  readonly server: string;
  readonly sinceMs: number;
};
/** The outcome of a claim; `n` null: the name was not free, or the claim was withdrawn. */
export type ClaimedRow = {
  readonly n: number | null;
  readonly claim: number | null;
  readonly at: number;
};
export type MemberRow = {
  readonly room: string;
  readonly folded: string;
  readonly server: string;
  readonly name: string;
  /** JSON. */
  readonly about: string | null;
  readonly rank: string | null;
};
/** A user at a server, for lookups by name. */
export type PersonRow = {
  readonly folded: string;
  readonly server: string;
  readonly name: string;
  readonly key: string;
  readonly person: string;
  readonly about: string;
};
export type SignalRow = { readonly id: number; readonly server: string; readonly signal: string };

/** The undo operations of a transaction's statements, last first. */
export type Undo = (() => void)[];

export class Table<K, R> {
  readonly #rows = new Map<K, R>();

  get(key: K): R | undefined {
    return this.#rows.get(key);
  }

  keys(): Iterable<K> {
    return this.#rows.keys();
  }

  values(): Iterable<R> {
    return this.#rows.values();
  }

  entries(): Iterable<[K, R]> {
    return this.#rows.entries();
  }

  get size(): number {
    return this.#rows.size;
  }

  put(key: K, row: R, undo: Undo): void {
    const before = this.#rows.get(key);
    undo.push(() => {
      if (before === undefined) this.#rows.delete(key);
      else this.#rows.set(key, before);
    });
    this.#rows.set(key, row);
  }

  delete(key: K, undo: Undo): void {
    const before = this.#rows.get(key);
    if (before === undefined) return;
    undo.push(() => this.#rows.set(key, before));
    this.#rows.delete(key);
  }
}
