// A set of byte ranges, kept sorted, disjoint and merged. Pure. Callers bound the number of ranges,
// since every hole requires a segment in flight.

/** Half-open byte ranges [start, end). Changes at the front, where most happen, are cheap. */
export class RangeSet {
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  private total = 0;

  constructor(ranges: readonly (readonly [start: number, end: number])[] = []) {
    for (const [start, end] of ranges) this.add(start, end);
  }

  /** Bytes in the set. */
  get bytes(): number {
    return this.total;
  }

  /** Number of ranges. */
  get count(): number {
    return this.starts.length;
  }

  get isEmpty(): boolean {
    return this.starts.length === 0;
  }

  /** First byte in the set; Infinity if it is empty. */
  get firstByte(): number {
    return this.starts[0] ?? Infinity;
  }

  /** Length of the first range; 0 if the set is empty. */
  get firstLength(): number {
    return this.starts.length === 0 ? 0 : this.ends[0]! - this.starts[0]!;
  }

  add(start: number, end: number): void {
    if (end <= start) return;
    // Merge every range that touches [start, end).
    const from = this.firstEndingAtOrAfter(start);
    let to = from;
    let low = start;
    let high = end;
    while (to < this.starts.length && this.starts[to]! <= end) {
      low = Math.min(low, this.starts[to]!);
      high = Math.max(high, this.ends[to]!);
      this.total -= this.ends[to]! - this.starts[to]!;
      to++;
    }
    this.total += high - low;
    if (to === from + 1) {
      this.starts[from] = low;
      this.ends[from] = high;
      return;
    }
    this.starts.splice(from, to - from, low);
    this.ends.splice(from, to - from, high);
  }

  /**
   * Removes [start, end); calls `removed` for each part that was in the set. Returns the number of
   * bytes removed.
   */
  remove(start: number, end: number, removed?: (start: number, end: number) => void): number {
    if (end <= start) return 0;
    let bytes = 0;
    let i = this.firstEndingAtOrAfter(start + 1);
    while (i < this.starts.length && this.starts[i]! < end) {
      const s = this.starts[i]!;
      const e = this.ends[i]!;
      const low = Math.max(s, start);
      const high = Math.min(e, end);
      bytes += high - low;
      removed?.(low, high);
      if (low === s && high === e) {
        this.drop(i);
      } else if (low === s) {
        this.starts[i++] = high;
      } else if (high === e) {
        this.ends[i++] = low;
      } else {
        this.ends[i] = low;
        this.starts.splice(i + 1, 0, high);
        this.ends.splice(i + 1, 0, e);
        i += 2;
      }
    }
    this.total -= bytes;
    return bytes;
  }

  /** Merges the first two ranges, to bound the size of a set. */
  fillFirstGap(): void {
    if (this.starts.length > 1) this.add(this.ends[0]!, this.starts[1]!);
  }

  /** Visits every part of [start, end) that is in the set, in order. */
  overlap(start: number, end: number, visit: (start: number, end: number) => void): void {
    if (end <= start) return;
    for (let i = this.firstEndingAtOrAfter(start + 1); i < this.starts.length; i++) {
      const s = this.starts[i]!;
      if (s >= end) return;
      visit(Math.max(s, start), Math.min(this.ends[i]!, end));
    }
  }

  /** Whether any byte of [start, end) is in the set. */
  meets(start: number, end: number): boolean {
    if (end <= start) return false;
    const i = this.firstEndingAtOrAfter(start + 1);
    return i < this.starts.length && this.starts[i]! < end;
  }

  /** The ranges, as a copy. */
  toArray(): [start: number, end: number][] {
    return this.starts.map((start, i) => [start, this.ends[i]!]);
  }

  private drop(i: number): void {
    if (i === 0) {
      this.starts.shift();
      this.ends.shift();
    } else {
      this.starts.splice(i, 1);
      this.ends.splice(i, 1);
    }
  }

  /** Index of the first range that ends at or after `position` (binary search, the front first). */
  private firstEndingAtOrAfter(position: number): number {
    const { ends } = this;
    if (ends.length === 0 || ends[0]! >= position) return 0;
    let low = 1;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[middle]! >= position) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
