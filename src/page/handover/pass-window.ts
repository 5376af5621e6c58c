// How much data may be in flight through a channel: a WebSocket has no backpressure, and does not
// report when it has drained. Therefore pings follow the data, and the other end's pongs show how
// far it has come. They also wake a page in the background, whose timers hardly run. Pure.

import { pageFiles as limits } from "../../limits.ts";

/** The channels that share one connection. */
export class PassBudget {
  readonly #windows = new Set<PassWindow>();

  open(): PassWindow {
    const window = new PassWindow(() => limits.maxPassChars / Math.max(1, this.#windows.size));
    this.#windows.add(window);
    return window;
  }

  close(window: PassWindow): void {
    this.#windows.delete(window);
  }
}

export class PassWindow {
  readonly #most: () => number;
  #chars: number = limits.firstPassChars;
  #unconfirmedChars = 0;
  /** Sent since the last ping. */
  #sinceChars = 0;
  readonly #pings: { chars: number; atMs: number }[] = [];

  /** `most`: the maximum of the window. */
  constructor(most: () => number) {
    this.#most = most;
  }

  get hasRoom(): boolean {
    return this.#unconfirmedChars < this.#limit;
  }

  /** Whether far more is in flight than an end that reads would ever leave. */
  get isOverrun(): boolean {
    return this.#unconfirmedChars > 2 * limits.maxPassChars;
  }

  handleSent(chars: number): void {
    this.#unconfirmedChars += chars;
    this.#sinceChars += chars;
  }

  /** Whether to send a ping now; call it after each change, so that there is always progress. */
  pollPing(nowMs: number): boolean {
    const isDue = this.#sinceChars >= this.#limit / limits.pingsPerWindow;
    if (!isDue && (this.hasRoom || this.#sinceChars === 0)) return false;
    this.#pings.push({ chars: this.#sinceChars, atMs: nowMs });
    this.#sinceChars = 0;
    return true;
  }

  /** The other end has received everything sent before its ping. */
  handlePong(nowMs: number): void {
    const ping = this.#pings.shift();
    if (ping === undefined) return;
    this.#unconfirmedChars -= ping.chars;
    const delayMs = nowMs - ping.atMs;
    // Chat messages wait behind it: on a slow path less may be in flight.
    if (delayMs > limits.slowPassMs) this.#chars = Math.max(limits.minPassChars, this.#chars / 2);
    else if (delayMs < limits.slowPassMs / 2)
      this.#chars = Math.min(limits.maxPassChars, this.#chars * 1.25);
  }

  get #limit(): number {
    return Math.max(limits.minPassChars, Math.min(this.#chars, this.#most()));
  }
}
