// Time that jumps from event to event. Simultaneous events run in the order in which they were
// scheduled.

type Event = { atMs: number; order: number; run: () => void };

export class VirtualClock {
  nowMs = 1_700_000_000_000;
  #order = 0;
  /** A binary heap, earliest first. */
  readonly #heap: Event[] = [];

  /** `settle` is called after each event. */
  constructor(readonly settle: () => void = () => {}) {}

  /**
   * Runs `run` after `delayMs`, rounded to whole milliseconds. Events can't be cancelled; `run`
   * checks whether it is still wanted.
   */
  after(delayMs: number, run: () => void): void {
    const event = {
      atMs: this.nowMs + Math.max(0, Math.round(delayMs)),
      order: this.#order++,
      run,
    };
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isEarlier(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  /**
   * Lets `ms` pass, running at most `maxEvents` events; throws if there are more, since something
   * never ends.
   */
  pass(ms: number, maxEvents = 2_000_000): void {
    const untilMs = this.nowMs + ms;
    for (let events = 0; ; events++) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) break;
      if (events === maxEvents) throw new Error(`More than ${maxEvents} events in ${ms} ms`);
      this.#pop();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
      this.settle();
    }
    this.nowMs = untilMs;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isEarlier(heap[child + 1]!, heap[child]!)) child++;
      if (!isEarlier(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isEarlier(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
