// Output for a client that treats each receive as one message (docs/dialects.md "Framing"): one
// send per message, with a gap in between. Beyond a bound, messages are joined by line endings,
// which keeps busy rooms affordable; user lists are not, since a client knows one by its beginning.
// Pure.

import { output } from "../../limits.ts";

export class PacedQueue {
  /**
   * One entry per send. Texts to be joined stay separate until then: they are shared between
   * sessions, and appending would copy them again and again.
   */
  #waiting: (string | string[])[] = [];
  /**
   * The newest list, if there were too many messages for it to keep its place: it follows them, on
   * its own.
   */
  #list: string | undefined;
  /** Whether the last entry is a list. */
  #endsWithList = false;
  /** Earliest time of the next send. */
  #nextSendMs = -Infinity;
  /** The last send, until a later turn shows a time at which it was over. */
  #sent: { turnMs: number; gapMs: number } | undefined;
  /** UTF-16 code units waiting. */
  chars = 0;

  push(text: string, isList = false): void {
    this.chars += text.length;
    if (isList && (this.full || this.#list !== undefined)) {
      this.chars -= this.#list?.length ?? 0;
      this.#list = text;
      return;
    }
    if (!this.full) {
      this.#waiting.push(text);
      this.#endsWithList = isList;
      return;
    }
    const last = this.#waiting.length - 1;
    const before = this.#waiting[last]!;
    if (typeof before !== "string") before.push(text);
    else if (this.#endsWithList) {
      this.#waiting[last] = text;
      this.#endsWithList = false;
      if (this.#list === undefined) this.#list = before;
      else this.chars -= before.length;
    } else this.#waiting[last] = [before, text];
  }

  get full(): boolean {
    return this.#waiting.length >= output.unframedWaiting;
  }

  get empty(): boolean {
    return this.#waiting.length === 0 && this.#list === undefined;
  }

  /** Whether `take` has nothing to do, now or at a later time. */
  get settled(): boolean {
    return this.empty && this.#sent === undefined;
  }

  /**
   * The next message if it is due; the one after it is due `gapMs` later. `nowMs` is the beginning
   * of a turn, which may take long and send at its end: the gap is counted from the next turn.
   */
  take(nowMs: number, gapMs: number = output.unframedGapMs): string | undefined {
    if (this.#sent !== undefined) {
      if (nowMs <= this.#sent.turnMs) return undefined;
      this.#nextSendMs = nowMs + this.#sent.gapMs;
      this.#sent = undefined;
    }
    if (this.empty || nowMs < this.#nextSendMs) return undefined;
    this.#sent = { turnMs: nowMs, gapMs };
    const next = this.#waiting.shift() ?? this.#takeList();
    if (typeof next === "string") {
      this.chars -= next.length;
      return next;
    }
    for (const text of next) this.chars -= text.length;
    return joinedByLineEnds(next);
  }

  #takeList(): string {
    const list = this.#list ?? "";
    this.#list = undefined;
    return list;
  }

  /**
   * The whole queue in one piece: for a client that turned out to be framed, or is being
   * disconnected. `line` adds the line ending.
   */
  takeAll(line: (text: string) => string): string {
    if (this.#list !== undefined) this.#waiting.push(this.#takeList());
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
