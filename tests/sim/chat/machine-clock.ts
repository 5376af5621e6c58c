// The clocks of a simulated machine, which differ from the true time: its system clock is wrong and
// is set now and then, the steady clock of a process begins at it and is never set.

import { stampClock } from "../../../src/io/clock.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const hourMs = 3_600_000;
/** How much system clocks are wrong. */
const mostWrongMs = [0, 800, 4_000, hourMs, 400 * 24 * hourMs];

/** The shown time of a message differs by no more from the time at which it was sent and stored. */
const lateMs = 1_500;

export class MachineClock {
  readonly #clock: VirtualClock;
  readonly #random: () => number;
  /** By how much the system clock has been ahead, and since when, the last one last. */
  readonly #errors: { readonly errorMs: number; readonly sinceMs: number }[] = [];

  constructor(clock: VirtualClock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
    this.set();
  }

  /** Unix time as the machine has it. */
  get systemMs(): number {
    return this.#clock.nowMs + this.errorMs;
  }

  get errorMs(): number {
    return this.#errors.at(-1)?.errorMs ?? 0;
  }

  /** The time that a process has, which looks at the system clock now and then. */
  get earliestMs(): number {
    return this.#clock.nowMs + Math.min(...this.#errors.slice(-2).map(({ errorMs }) => errorMs));
  }

  /** The highest that its system clock may have shown. */
  get latestMs(): number {
    return this.#clock.nowMs + Math.max(...this.#errors.map(({ errorMs }) => errorMs));
  }

  /** Somebody sets the system clock: to the right time, or another one. */
  set(isRight = false): void {
    const errorMs = isRight ? 0 : this.#anyErrorMs();
    this.#errors.push({ errorMs, sinceMs: this.#clock.nowMs });
  }

  /** For a message that was sent and stored at these times: whether it may show that time. */
  mayShow(shownMs: number, sentMs: number, storedMs: number): boolean {
    return this.#errors.some(({ errorMs, sinceMs }, i) => {
      const untilMs = this.#errors[i + 1]?.sinceMs ?? Infinity;
      if (sinceMs > storedMs || untilMs < sentMs - lateMs) return false;
      const trueMs = shownMs - errorMs;
      return trueMs >= sentMs - lateMs && trueMs <= storedMs + lateMs;
    });
  }

  #anyErrorMs(): number {
    const most = mostWrongMs[Math.floor(this.#random() * mostWrongMs.length)]!;
    return Math.round((2 * this.#random() - 1) * most);
  }
}

/** The clocks of a process that starts now. */
export class ProcessClock {
  readonly #clock: VirtualClock;
  readonly #aheadMs: number;
  /** Unix time at a steady time, as in src/io/clock.ts. */
  readonly stampMs: (steadyMs: number) => number;

  /** `aheadMs`: by how much its steady clock is ahead of the true time. */
  constructor(clock: VirtualClock, systemMs: () => number, aheadMs: number) {
    this.#clock = clock;
    this.#aheadMs = aheadMs;
    this.stampMs = stampClock(systemMs);
  }

  get steadyMs(): number {
    return this.#clock.nowMs + this.#aheadMs;
  }
}
