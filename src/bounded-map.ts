// A bounded Map that evicts the least recently used entries. Pure.

export class BoundedMap<Key, Value> {
  /** Least recently used first. */
  readonly #entries = new Map<Key, { readonly value: Value; readonly cost: number }>();
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
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  /** Makes the entry the most recently used; returns those evicted, oldest first. */
  set(key: Key, value: Value): [key: Key, value: Value][] {
    this.delete(key);
    const cost = this.#costOf(value);
    this.#entries.set(key, { value, cost });
    this.#cost += cost;
    const evicted: [Key, Value][] = [];
    for (const [oldest, entry] of this.#entries) {
      if (this.#cost <= this.#max || this.#entries.size === 1) break;
      evicted.push([oldest, entry.value]);
      this.delete(oldest);
    }
    return evicted;
  }

  delete(key: Key): boolean {
    this.#cost -= this.#entries.get(key)?.cost ?? 0;
    return this.#entries.delete(key);
  }

  *values(): Iterable<Value> {
    for (const { value } of this.#entries.values()) yield value;
  }

  clear(): void {
    this.#entries.clear();
    this.#cost = 0;
  }
}
