// Private messages in memory, packed as JSON so that their size is known, per recipient, with one order of age over all. When there
// are too many, who has the most loses the oldest: whoever fills one box takes nothing from the others.
// Knows nothing of sessions: a key is a key.

import type { PrivateMessage } from "../chat/events.ts";

/** What one recipient has: messages `first` and on, without gaps. */
type Box = { first: number; packed: Uint8Array[]; bytes: number };
type Entry = { key: string; mail: number; timeMs: number };

/** Entries whose message is gone already are cleared out when they are this many more than the messages. */
const staleEntries = 1_024;

export class Mailboxes {
  #boxes = new Map<string, Box>();
  /** Keys of the boxes by the leading zeros of their bytes: those of one set differ by less than a factor of two. */
  readonly #bySize = Array.from({ length: 33 }, () => new Set<string>());
  /** All messages, the oldest first; entries of messages that are gone already stay until their turn comes. */
  #order: Entry[] = [];
  #head = 0;
  #bytes = 0;
  #count = 0;
  readonly #maxPerBox: number;
  readonly #maxBytes: number;

  constructor(maxPerBox: number, maxBytes: number) {
    this.#maxPerBox = maxPerBox;
    this.#maxBytes = maxBytes;
  }

  append(key: string, message: PrivateMessage): void {
    let box = this.#boxes.get(key);
    if (box !== undefined && message.mail !== box.first + box.packed.length) {
      this.forgetBox(key);
      box = undefined;
    }
    if (box === undefined) {
      box = { first: message.mail, packed: [], bytes: 0 };
      this.#boxes.set(key, box);
    }
    const packed = Buffer.from(JSON.stringify(message));
    box.packed.push(packed);
    this.#resize(key, box, packed.length);
    this.#count++;
    this.#order.push({ key, mail: message.mail, timeMs: message.timeMs });
    if (box.packed.length > this.#maxPerBox) this.#shift(key, box);
    while (this.#bytes > this.#maxBytes) this.#shrinkLargest();
    if (this.#order.length - this.#head > this.#count + staleEntries) this.#clearOrder();
  }

  after(key: string, mail: number, limit: number): PrivateMessage[] {
    const box = this.#boxes.get(key);
    if (box === undefined) return [];
    const from = Math.max(0, mail + 1 - box.first);
    return box.packed.slice(from, from + limit).map(unpack);
  }

  forgetBox(key: string): void {
    const box = this.#boxes.get(key);
    if (box === undefined) return;
    this.#count -= box.packed.length;
    this.#resize(key, box, -box.bytes);
    this.#boxes.delete(key);
  }

  /** Forgets at most `limit` messages from before `timeMs`; true if there may be more. */
  forgetBefore(timeMs: number, limit: number): boolean {
    for (let i = 0; i < limit; i++) {
      const oldest = this.#order[this.#head];
      if (oldest === undefined || oldest.timeMs >= timeMs) return false;
      this.#forgetOldest();
    }
    return true;
  }

  #forgetOldest(): void {
    const entry = this.#order[this.#head++];
    if (entry === undefined) return;
    const box = this.#boxes.get(entry.key);
    if (box !== undefined && box.first === entry.mail) this.#shift(entry.key, box);
    if (this.#head > staleEntries) {
      this.#order.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** The largest boxes, within a factor of two, take turns. */
  #shrinkLargest(): void {
    for (const keys of this.#bySize) {
      for (const key of keys) {
        const box = this.#boxes.get(key)!;
        return this.#shift(key, box);
      }
    }
  }

  /** Keeps account of a box that grows, or shrinks; it becomes the last of its size. */
  #resize(key: string, box: Box, byBytes: number): void {
    this.#bySize[Math.clz32(box.bytes)]!.delete(key);
    box.bytes += byBytes;
    this.#bytes += byBytes;
    if (box.bytes > 0) this.#bySize[Math.clz32(box.bytes)]!.add(key);
  }

  #shift(key: string, box: Box): void {
    this.#resize(key, box, -(box.packed.shift()?.length ?? 0));
    this.#count--;
    box.first++;
    if (box.packed.length === 0) this.#boxes.delete(key);
  }

  #clearOrder(): void {
    const isKept = ({ key, mail }: Entry): boolean =>
      mail >= (this.#boxes.get(key)?.first ?? Infinity);
    this.#order = this.#order.slice(this.#head).filter(isKept);
    this.#head = 0;
  }
}

function unpack(packed: Uint8Array): PrivateMessage {
  const message = JSON.parse(
    Buffer.from(packed.buffer, packed.byteOffset, packed.length).toString(),
  ) as PrivateMessage;
  // JSON has no undefined.
  return { ...message, alias: message.alias ?? undefined };
}
