// A bounded Map that evicts the least recently used entries. Pure.

type Entry<Key, Value> = {
  readonly key: Key;
  readonly value: Value;
  readonly cost: number;
  older: Entry<Key, Value> | undefined;
  newer: Entry<Key, Value> | undefined;
};

export class BoundedMap<Key, Value> {
  /**
   * Not in the order of use: to move an entry to the end of a Map leaves a hole, and to find the
   * first entry behind thousands of holes takes ten times as long as all the rest.
   */
  readonly #entries = new Map<Key, Entry<Key, Value>>();
  /** The least recently used. */
  #oldest: Entry<Key, Value> | undefined;
  #newest: Entry<Key, Value> | undefined;
  readonly #max: number;
  readonly #costOf: (value: Value) => number;
  #cost = 0;

  /**
   * `max`: maximum number of entries or, with `costOf`, maximum sum of their costs. The newest
   * entry stays, whatever its cost.
   */
  constructor(max: number, costOf: (value: Value) => number = () => 1) {
    this.#max = max;
    this.#costOf = costOf;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Makes the entry the most recently used. */
  get(key: Key): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry !== this.#newest) {
      this.#unlink(entry);
      this.#append(entry);
    }
    return entry.value;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  /** Makes the entry the most recently used; returns those evicted, oldest first. */
  set(key: Key, value: Value): [key: Key, value: Value][] {
    this.delete(key);
    const entry = { key, value, cost: this.#costOf(value), older: undefined, newer: undefined };
    this.#entries.set(key, entry);
    this.#append(entry);
    this.#cost += entry.cost;
    const evicted: [Key, Value][] = [];
    while (this.#cost > this.#max && this.#oldest !== undefined && this.#oldest !== entry) {
      evicted.push([this.#oldest.key, this.#oldest.value]);
      this.delete(this.#oldest.key);
    }
    return evicted;
  }

  delete(key: Key): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#unlink(entry);
    this.#cost -= entry.cost;
    return this.#entries.delete(key);
  }

  /** Least recently used first. */
  *values(): Iterable<Value> {
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer) yield entry.value;
  }

  clear(): void {
    this.#entries.clear();
    this.#oldest = undefined;
    this.#newest = undefined;
    this.#cost = 0;
  }

  #append(entry: Entry<Key, Value>): void {
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink({ older, newer }: Entry<Key, Value>): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}
