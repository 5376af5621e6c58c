// Drives the hub: one flush at the end of every turn of the event loop that left something to send, and ticks when they are due.

import type { Hub } from "../chat/hub.ts";
import { TokenBucket } from "../chat/token-bucket.ts";
import { output } from "../limits.ts";
import { unixMs } from "../io/clock.ts";

export class Turns {
  #hub: Hub | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerMs = Infinity;

  #flushes = new TokenBucket(output.flushesPerSecond, output.flushBurst, performance.now());

  /**
   * For the hub's `wake`: the flush runs after all input of this turn has been read. When turns follow each other faster than
   * people can notice, several share a flush: one write of many messages costs little more than a write of one.
   */
  readonly wake = (): void => {
    if (this.#flushes.take(1, performance.now())) setImmediate(this.#flush);
    else setTimeout(this.#flush, 1);
  };

  start(hub: Hub): void {
    this.#hub = hub;
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#hub = undefined;
  }

  readonly #flush = (): void => {
    this.#hub?.flush(unixMs());
    this.#schedule();
  };

  readonly #tick = (): void => {
    this.#timer = undefined;
    this.#timerMs = Infinity;
    this.#hub?.tick(unixMs());
    this.#schedule();
  };

  #schedule(): void {
    if (this.#hub === undefined) return;
    const dueMs = this.#hub.nextTickMs;
    if (dueMs >= this.#timerMs) return;
    clearTimeout(this.#timer);
    this.#timerMs = dueMs;
    this.#timer = setTimeout(this.#tick, Math.max(1, dueMs - unixMs()));
  }
}
