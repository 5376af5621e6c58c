// Consecutive messages of one sender in one room, the unit in which messages are gathered, logged and rendered. What is the
// same for all of them exists once. Pure.

import type { Said } from "./events.ts";

export class SaidRun {
  readonly type = "said";
  readonly texts: string[];
  /** UTF-16 units of all texts. */
  chars: number;
  #textsJson: string | undefined;

  /**
   * `seq` is the number of the first message, 0 until the log has given it; `n` the counter of the first, if its sender counts;
   * `author` the session that said it, 0 when it comes from the history.
   */
  constructor(
    readonly room: string,
    public seq: number,
    readonly timeMs: number,
    readonly from: string,
    readonly alias: string | undefined,
    readonly n: number | undefined,
    readonly author: number,
    text: string,
  ) {
    this.texts = [text];
    this.chars = text.length;
  }

  get length(): number {
    return this.texts.length;
  }

  /** Adds a message that continues this run. Not after `textsJson` has been read. */
  push(text: string): void {
    this.texts.push(text);
    this.chars += text.length;
  }

  /** The texts as the inside of a JSON array: `"a","b"`. Made once; the log and the native protocol share it. */
  get textsJson(): string {
    // Faster than to look at each text for what must be escaped.
    this.#textsJson ??= JSON.stringify(this.texts).slice(1, -1);
    return this.#textsJson;
  }

  /** Message `i` of the run by itself. */
  at(i: number): Said {
    const { room, seq, timeMs, from, alias, n, author } = this;
    return {
      type: "said",
      room,
      seq: seq + i,
      timeMs,
      from,
      alias,
      text: this.texts[i]!,
      n: n === undefined ? undefined : n + i,
      author,
    };
  }
}
