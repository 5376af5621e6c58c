// A set of byte ranges [start, end): sorted, apart from each other, joined when they touch. What has come of a file.
// Pure; every operation is a binary search and a splice.

export class ByteRanges {
  /** start0, end0, start1, end1, … ascending. */
  readonly #bounds: number[] = [];

  /** Number of separate ranges. */
  get count(): number {
    return this.#bounds.length / 2;
  }

  add(start: number, end: number): void {
    if (start >= end) return;
    const bounds = this.#bounds;
    // nearly everything comes in order: longer by a piece, or behind the last one
    const last = bounds.length - 1;
    if (last < 0 || start > (bounds[last] ?? 0)) {
      bounds.push(start, end);
      return;
    }
    const from = this.#firstEndingAt(start);
    let to = from;
    let low = start;
    let high = end;
    while (to < bounds.length && (bounds[to] ?? 0) <= end) {
      low = Math.min(low, bounds[to] ?? 0);
      high = Math.max(high, bounds[to + 1] ?? 0);
      to += 2;
    }
    if (to - from === 2) {
      bounds[from] = low;
      bounds[from + 1] = high;
    } else bounds.splice(from, to - from, low, high);
  }

  remove(start: number, end: number): void {
    if (start >= end) return;
    const bounds = this.#bounds;
    const kept: number[] = [];
    const from = this.#firstEndingAt(start + 1);
    let to = from;
    while (to < bounds.length && (bounds[to] ?? 0) < end) {
      const low = bounds[to] ?? 0;
      const high = bounds[to + 1] ?? 0;
      if (low < start) kept.push(low, start);
      if (high > end) kept.push(end, high);
      to += 2;
    }
    bounds.splice(from, to - from, ...kept);
  }

  /** End of the range that holds `at`; `at` itself if none does. */
  endFrom(at: number): number {
    const i = this.#firstEndingAt(at + 1);
    const start = this.#bounds[i] ?? Number.POSITIVE_INFINITY;
    return start <= at ? (this.#bounds[i + 1] ?? at) : at;
  }

  has(start: number, end: number): boolean {
    return start >= end || this.endFrom(start) >= end;
  }

  /** Sum of the lengths. */
  total(): number {
    let sum = 0;
    for (const [start, end] of this) sum += end - start;
    return sum;
  }

  /** What lies between the ranges, within [0, size). */
  missing(size: number): [start: number, end: number][] {
    const gaps: [number, number][] = [];
    let at = 0;
    for (const [start, end] of this) {
      if (start >= size) break;
      if (start > at) gaps.push([at, start]);
      at = end;
    }
    if (at < size) gaps.push([at, size]);
    return gaps;
  }

  *[Symbol.iterator](): Generator<readonly [start: number, end: number]> {
    for (let i = 0; i < this.#bounds.length; i += 2) {
      yield [this.#bounds[i] ?? 0, this.#bounds[i + 1] ?? 0];
    }
  }

  /** Index of the first range whose end is at or after `at`. */
  #firstEndingAt(at: number): number {
    let low = 0;
    let high = this.#bounds.length / 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#bounds[middle * 2 + 1] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low * 2;
  }
}
