// Since when a client has had its own name without anybody else having had it in between: while it
// is offline the name is reserved, but not forever.

import { history } from "../../../src/limits.ts";

export class KeptName {
  /** Infinite: it has another name. */
  sinceMs = Infinity;
  #seenMs = -Infinity;

  constructor(readonly own: string) {}

  /** What it is called, online. */
  note(name: string | undefined, nowMs: number): void {
    const isReserved = nowMs - this.#seenMs < history.mailHoldMs / 2;
    this.#seenMs = nowMs;
    if (name !== this.own) this.sinceMs = Infinity;
    else if (this.sinceMs === Infinity || !isReserved) this.sinceMs = nowMs;
  }
}
