// A simulated network in virtual time: an event queue, and links that lose, delay, reorder,
// duplicate, corrupt and limit datagrams. Knows nothing of their meaning.

import type { Random } from "./random.ts";

/** Events ordered by time; ties in the order of creation. */
export class Timeline {
  nowUs = 0;
  steps = 0;
  private readonly heap: { atUs: number; order: number; run: () => void }[] = [];
  private order = 0;

  at(atUs: number, run: () => void): void {
    const { heap } = this;
    const event = { atUs: Math.max(atUs, this.nowUs), order: this.order++, run };
    let i = heap.length;
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up]!;
      if (parent.atUs < event.atUs || (parent.atUs === event.atUs && parent.order < event.order))
        break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = event;
  }

  /** Runs the next event; false if there is none. */
  step(): boolean {
    const { heap } = this;
    const top = heap[0];
    if (!top) return false;
    const last = heap.pop()!;
    if (heap.length > 0) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
        if (before(last, heap[child]!)) break;
        heap[i] = heap[child]!;
        i = child;
      }
      heap[i] = last;
    }
    this.nowUs = top.atUs;
    this.steps++;
    top.run();
    return true;
  }
}

function before(a: { atUs: number; order: number }, b: { atUs: number; order: number }): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}

export interface LoopConfig {
  /** The cost of one datagram or timer to the process. */
  taskUs: number;
  /**
   * Mean time between pauses of the process (hashing, another process on its core), and their mean
   * length. Infinity: never.
   */
  stallEveryUs: number;
  stallUs: number;
  /** Cost of a task at the start, and for how long: code that has not been compiled yet. */
  cold?: { taskUs: number; forUs: number };
}

/** A process with one event loop: input that arrives while it is busy waits, in order. */
export class EventLoop {
  private freeAtUs = 0;
  private stallAtUs: number;

  constructor(
    private readonly timeline: Timeline,
    private readonly random: Random,
    private readonly config: LoopConfig = { taskUs: 0, stallEveryUs: Infinity, stallUs: 0 },
  ) {
    this.stallAtUs = this.config.stallEveryUs * random();
  }

  run(task: () => void): void {
    const { timeline, random, config } = this;
    let atUs = Math.max(timeline.nowUs, this.freeAtUs);
    while (atUs >= this.stallAtUs) {
      const endUs = this.stallAtUs + 2 * random() * config.stallUs;
      atUs = Math.max(atUs, endUs);
      this.stallAtUs = endUs + 2 * random() * config.stallEveryUs;
    }
    const { cold } = config;
    const isCold = cold !== undefined && atUs < cold.forUs;
    this.freeAtUs = atUs + (isCold ? cold.taskUs : config.taskUs);
    if (atUs === timeline.nowUs) task();
    else timeline.at(atUs, task);
  }
}

export interface LinkConfig {
  /** Bottleneck, in bytes per second; 0 for none. */
  bytesPerSecond: number;
  /** Queue before the bottleneck, in bytes; more is dropped. */
  queueBytes: number;
  delayUs: number;
  /** Extra uniform delay, which causes reordering. */
  jitterUs: number;
  /** Shares, 0…1. */
  loss: number;
  duplicate: number;
  /** Share of datagrams that take `reorderUs` longer. */
  reorder: number;
  reorderUs: number;
  /** Share of datagrams in which one byte is changed. */
  corrupt: number;
  /** The probability that a burst of losses begins at a datagram, and its mean length. */
  burst: number;
  burstLength: number;
  /** Larger UDP payloads are dropped. */
  mtuBytes: number;
  /** Everything in [from, to) is dropped. */
  blackouts: [fromUs: number, toUs: number][];
}

export const perfectLink: LinkConfig = {
  bytesPerSecond: 0,
  queueBytes: Infinity,
  delayUs: 0,
  jitterUs: 0,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  reorderUs: 0,
  corrupt: 0,
  burst: 0,
  burstLength: 1,
  mtuBytes: Infinity,
  blackouts: [],
};

/** IP and UDP headers that the bottleneck carries with each datagram. */
const headerBytes = 28;

/** One direction. Loss is before the bottleneck, as on a radio link in front of a router. */
export class Link {
  private freeAtUs = 0;
  private burstLeft = 0;
  sent = 0;
  sentBytes = 0;
  dropped = 0;
  overflowed = 0;
  /** Largest and summed wait before the bottleneck, since `resetQueue`. */
  queueMaxUs = 0;
  queueSumUs = 0;
  queueSamples = 0;

  constructor(
    private readonly timeline: Timeline,
    private readonly random: Random,
    readonly config: LinkConfig,
  ) {}

  resetQueue(): void {
    this.queueMaxUs = 0;
    this.queueSumUs = 0;
    this.queueSamples = 0;
  }

  /** Sends a copy of `bytes`; `deliver` is called for each that arrives. */
  send(bytes: Uint8Array, deliver: (bytes: Uint8Array) => void): void {
    const { config, random, timeline } = this;
    const { nowUs } = timeline;
    this.sent++;
    this.sentBytes += bytes.length;
    if (this.isLost(bytes.length)) {
      this.dropped++;
      return;
    }
    const copies = config.duplicate > 0 && random() < config.duplicate ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      let leaveUs = nowUs;
      if (config.bytesPerSecond > 0) {
        const wireBytes = bytes.length + headerBytes;
        const startUs = Math.max(nowUs, this.freeAtUs);
        const queued = ((startUs - nowUs) * config.bytesPerSecond) / 1e6;
        if (queued + wireBytes > config.queueBytes) {
          this.overflowed++;
          return;
        }
        this.queueMaxUs = Math.max(this.queueMaxUs, startUs - nowUs);
        this.queueSumUs += startUs - nowUs;
        this.queueSamples++;
        leaveUs = startUs + (wireBytes * 1e6) / config.bytesPerSecond;
        this.freeAtUs = leaveUs;
      }
      let arriveUs = leaveUs + config.delayUs;
      if (config.jitterUs > 0) arriveUs += random() * config.jitterUs;
      if (config.reorder > 0 && random() < config.reorder) arriveUs += config.reorderUs;
      const copy = bytes.slice();
      if (config.corrupt > 0 && random() < config.corrupt) {
        copy[Math.floor(random() * copy.length)]! ^= 1 + Math.floor(random() * 255);
      }
      timeline.at(arriveUs, () => deliver(copy));
    }
  }

  private isLost(length: number): boolean {
    const { config, random } = this;
    const { nowUs } = this.timeline;
    if (length > config.mtuBytes) return true;
    if (config.blackouts.some(([from, to]) => nowUs >= from && nowUs < to)) return true;
    if (this.burstLeft > 0) {
      this.burstLeft--;
      return true;
    }
    if (config.burst > 0 && random() < config.burst) {
      this.burstLeft = Math.floor(random() * 2 * config.burstLength);
      return true;
    }
    return config.loss > 0 && random() < config.loss;
  }
}
