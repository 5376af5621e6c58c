// Messages for a client that takes one receive for one message (docs/dialects.md "Framing"): one send a message, a gap
// between two. Past a bound the rest is joined by line ends, so that a busy room stays affordable. Pure.

import { output } from "../../limits.ts";

export class PacedQueue {
  /** One entry a send. Those that will be joined stay apart until then: they are shared between sessions, and a growing text
   * would be copied again and again. */
  #waiting: (string | string[])[] = [];
  /** No send before this time. */
  #nextSendMs = -Infinity;
  /** UTF-16 units that wait. */
  chars = 0;

  push(text: string): void {
    this.chars += text.length;
    const last = this.#waiting.length - 1;
    if (!this.full) {
      this.#waiting.push(text);
      return;
    }
    const before = this.#waiting[last]!;
    if (typeof before === "string") this.#waiting[last] = [before, text];
    else before.push(text);
  }

  get full(): boolean {
    return this.#waiting.length >= output.unframedWaiting;
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** The next message if it may leave at `nowMs`; the one after it waits for `gapMs` more. */
  take(nowMs: number, gapMs: number = output.unframedGapMs): string | undefined {
    if (this.empty || nowMs < this.#nextSendMs) return undefined;
    this.#nextSendMs = nowMs + gapMs;
    const next = this.#waiting.shift()!;
    if (typeof next === "string") {
      this.chars -= next.length;
      return next;
    }
    for (const text of next) this.chars -= text.length;
    return joinedByLineEnds(next);
  }

  /**
   * Everything that waits in one piece: for a client that has turned out to be framed, or is about to be left. `line` gives
   * each message the end that it needs.
   */
  takeAll(line: (text: string) => string): string {
    const all = this.#waiting.flat().map(line).join("");
    this.#waiting = [];
    this.chars = 0;
    return all;
  }
}

function joinedByLineEnds(texts: readonly string[]): string {
  let joined = "";
  let ended = true;
  for (const text of texts) {
    joined += ended ? text : `\n${text}`;
    ended = text.endsWith("\n");
  }
  return joined;
}
