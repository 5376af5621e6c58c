// The messages of a session that the server has not acknowledged: numbered without gaps, sent within a window, sent again from
// where a refusal or a lost connection asks for it (go-back-N). Knows no lines, no rooms' rules and no time.

import { client as limits } from "../limits.ts";

/** One message on its way. `room` is where it has to be said; undefined for chosen recipients. */
export type Entry = {
  readonly id: number;
  readonly room: string | undefined;
  readonly to: readonly string[] | undefined;
  readonly text: string;
  /** Refused for good: it keeps its number as long as those before it are open, but is never reported again. */
  refused: boolean;
};

export class Unacknowledged {
  // entries[i] has the number headN + i; the first `sent` of them are on their way.
  #entries: Entry[] = [];
  #headN = 1;
  #sent = 0;
  #sentChars = 0;
  #lastId = 0;
  // Numbers of this session's latest messages, so that their echo is recognised after the acknowledgement too.
  readonly #ids = new Map<number, number>();

  /** Messages that are neither acknowledged nor refused for good, on their way or not. */
  get open(): number {
    return this.#entries.reduce((count, entry) => count + (entry.refused ? 0 : 1), 0);
  }

  /** How many more fit. */
  get space(): number {
    return limits.queueMessages - this.#entries.length;
  }

  get inFlight(): number {
    return this.#sent;
  }

  /** Number of the first message that is not acknowledged. */
  get headN(): number {
    return this.#headN;
  }

  /** Queues a message and answers its id; undefined when the queue is full. */
  push(message: {
    room: string | undefined;
    to: readonly string[] | undefined;
    text: string;
  }): number | undefined {
    if (this.space <= 0) return undefined;
    const id = ++this.#lastId;
    this.#entries.push({ id, ...message, refused: false });
    return id;
  }

  /** The next message to send, whether or not the window has room for it. */
  get next(): Entry | undefined {
    return this.#entries[this.#sent];
  }

  get windowFull(): boolean {
    return this.#sent >= limits.windowMessages || this.#sentChars >= limits.windowChars;
  }

  /** Marks `next` as sent and answers its number. */
  sendNext(): number {
    const entry = this.#entries[this.#sent];
    const n = this.#headN + this.#sent;
    if (entry === undefined) return n;
    this.#sent++;
    this.#sentChars += entry.text.length;
    this.#remember(n, entry.id);
    return n;
  }

  /** Everything sent up to number `n` is in the log. Answers the id of the last message that this is news for. */
  acknowledge(n: number): number | undefined {
    const count = Math.min(n - this.#headN + 1, this.#sent);
    const last = count > 0 ? this.#entries[count - 1]?.id : undefined;
    if (count > 0) this.#removeHead(count);
    this.#trim();
    return last;
  }

  /** Message `n` will never be said. Answers it, unless that is known already or it is not on its way. */
  refuse(n: number): Entry | undefined {
    const index = n - this.#headN;
    const entry = index < this.#sent ? this.#entries[index] : undefined;
    if (entry === undefined || entry.refused) {
      this.#trim();
      return undefined;
    }
    entry.refused = true;
    this.#trim();
    return entry;
  }

  /** Message `n` and those after it have to be sent again. False if `n` is not on its way (an old answer). */
  rewind(n: number): boolean {
    const index = n - this.#headN;
    if (index < 0 || index >= this.#sent) return false;
    for (const entry of this.#entries.slice(index, this.#sent)) {
      this.#sentChars -= entry.text.length;
    }
    this.#sent = index;
    return true;
  }

  /**
   * A new connection, on which the server has `serverN` messages of this session. Those are acknowledged, the others get the
   * numbers after it, in their order. A server that has forgotten the session answers a smaller number than was acknowledged:
   * then nothing more is. `first`: nothing was sent before, so that nothing can be acknowledged. Answers like `acknowledge`.
   */
  resume(serverN: number, first: boolean): number | undefined {
    const count = first ? 0 : Math.min(serverN - this.#headN + 1, this.#entries.length);
    const last = count > 0 ? this.#entries[count - 1]?.id : undefined;
    if (first || serverN < this.#headN - 1) this.#ids.clear();
    this.#entries = this.#entries.slice(Math.max(count, 0)).filter((entry) => !entry.refused);
    this.#headN = serverN + 1;
    this.#sent = 0;
    this.#sentChars = 0;
    return last;
  }

  /** Takes out the messages for `room` that have not been sent. */
  dropRoom(room: string): Entry[] {
    const waiting = this.#entries.slice(this.#sent);
    this.#entries = [
      ...this.#entries.slice(0, this.#sent),
      ...waiting.filter((entry) => entry.room !== room),
    ];
    return waiting.filter((entry) => entry.room === room);
  }

  /** Id of this session's message with the number `n`, if it is one of the latest. */
  idOf(n: number): number | undefined {
    return this.#ids.get(n);
  }

  #removeHead(count: number): void {
    for (const entry of this.#entries.splice(0, count)) this.#sentChars -= entry.text.length;
    this.#headN += count;
    this.#sent -= count;
  }

  // A refused message at the head has nothing open before it: its number is used up on both sides.
  #trim(): void {
    while (this.#sent > 0 && this.#entries[0]?.refused === true) this.#removeHead(1);
  }

  #remember(n: number, id: number): void {
    this.#ids.delete(n);
    this.#ids.set(n, id);
    if (this.#ids.size <= 2 * limits.windowMessages) return;
    for (const oldest of this.#ids.keys()) {
      this.#ids.delete(oldest);
      return;
    }
  }
}
