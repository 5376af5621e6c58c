// How much may be on its way through a channel: a WebSocket can't be told to wait, and tells nobody when
// it has drained. So what is sent is followed by pings, and the other end's pongs say how far it has
// come. They also wake a page in the background, whose timers hardly run. Pure.

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

  /** `most`: the largest that it may become. */
  constructor(most: () => number) {
    this.#most = most;
  }

  get hasRoom(): boolean {
    return this.#unconfirmedChars < this.#limit;
  }

  /** Far more is on its way than ever waits for an end that reads. */
  get isOverrun(): boolean {
    return this.#unconfirmedChars > 2 * limits.maxPassChars;
  }

  handleSent(chars: number): void {
    this.#unconfirmedChars += chars;
    this.#sinceChars += chars;
  }

  /** Whether a ping is to be sent now; ask after each change, so that there is always a way on. */
  pollPing(nowMs: number): boolean {
    const isDue = this.#sinceChars >= this.#limit / limits.pingsPerWindow;
    if (!isDue && (this.hasRoom || this.#sinceChars === 0)) return false;
    this.#pings.push({ chars: this.#sinceChars, atMs: nowMs });
    this.#sinceChars = 0;
    return true;
  }

  /** The other end has all that was sent before its ping. */
  handlePong(nowMs: number): void {
    const ping = this.#pings.shift();
    if (ping === undefined) return;
    this.#unconfirmedChars -= ping.chars;
    const delayMs = nowMs - ping.atMs;
    // What is said waits behind it: on a slow path less may be on its way.
    if (delayMs > limits.slowPassMs) this.#chars = Math.max(limits.minPassChars, this.#chars / 2);
    else if (delayMs < limits.slowPassMs / 2)
      this.#chars = Math.min(limits.maxPassChars, this.#chars * 1.25);
  }

  get #limit(): number {
    return Math.max(limits.minPassChars, Math.min(this.#chars, this.#most()));
  }
}
