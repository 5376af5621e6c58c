// Private messages in memory, packed as JSON so that their size is known. A mailbox that is full,
// or the largest when all of them together are, loses the oldest of whoever has the most in it: a
// flood takes nothing from others. Knows no sessions.

import type { PrivateMessage } from "../chat/events.ts";
import type { Mailboxes } from "../chat/store.ts";
import { isTrimDue, surplusMail } from "./mailbox-shares.ts";

type Letter = { mail: number; from: string; packed: Uint8Array };
/** What one recipient has, ascending; `bySender` counts its bytes. */
type Mailbox = { letters: Letter[]; bytes: number; bySender: Map<string, number> };
type Arrival = { session: string; mail: number; clockMs: number };

/**
 * Arrivals whose letter is gone already are dropped when they are this many more than the letters.
 */
const staleArrivals = 1_024;

export class MemoryMailboxes implements Mailboxes {
  readonly #boxes = new Map<string, Mailbox>();
  /**
   * Sessions by the leading zeros of their mailbox's bytes: those of one set differ by less than a
   * factor of two.
   */
  readonly #bySize = Array.from({ length: 33 }, () => new Set<string>());
  /**
   * All letters in the order of arrival; those of letters that are gone stay until their turn
   * comes.
   */
  #arrivals: Arrival[] = [];
  #head = 0;
  #bytes = 0;
  #count = 0;
  readonly #maxPerBox: number;
  readonly #maxBytes: number;

  constructor(maxPerBox: number, maxBytes: number) {
    this.#maxPerBox = maxPerBox;
    this.#maxBytes = maxBytes;
  }

  append(session: string, message: PrivateMessage, clockMs: number): void {
    let box = this.#boxes.get(session);
    if (box === undefined) {
      box = { letters: [], bytes: 0, bySender: new Map() };
      this.#boxes.set(session, box);
    }
    const { mail, from } = message;
    const packed = Buffer.from(JSON.stringify(message));
    box.letters.push({ mail, from, packed });
    this.#resize(session, box, from, packed.length);
    this.#count++;
    this.#arrivals.push({ session, mail, clockMs });
    if (box.letters.length > this.#maxPerBox && isTrimDue(mail, this.#maxPerBox)) {
      const gone = surplusMail(box.letters, this.#maxPerBox);
      for (const number of gone) this.#remove(session, box, number);
    }
    while (this.#bytes > this.#maxBytes) this.#shrinkLargest();
    if (this.#arrivals.length - this.#head > this.#count + staleArrivals) this.#dropStale();
  }

  after(session: string, mail: number, limit: number): readonly PrivateMessage[] {
    const letters = this.#boxes.get(session)?.letters ?? [];
    const from = indexOf(letters, mail + 1);
    return letters.slice(from, from + limit).map(unpack);
  }

  forget(session: string): void {
    const box = this.#boxes.get(session);
    if (box === undefined) return;
    this.#count -= box.letters.length;
    this.#bySize[Math.clz32(box.bytes)]!.delete(session);
    this.#bytes -= box.bytes;
    this.#boxes.delete(session);
  }

  /** Forgets at most `limit` letters that came before `clockMs`; true if there may be more. */
  sweep(clockMs: number, limit: number): boolean {
    for (let i = 0; i < limit; i++) {
      const arrival = this.#arrivals[this.#head];
      if (arrival === undefined || arrival.clockMs >= clockMs) return false;
      this.#head++;
      const box = this.#boxes.get(arrival.session);
      if (box !== undefined) this.#remove(arrival.session, box, arrival.mail);
      if (this.#head <= staleArrivals) continue;
      this.#arrivals.splice(0, this.#head);
      this.#head = 0;
    }
    return true;
  }

  /** The largest mailboxes, within a factor of two, take turns. */
  #shrinkLargest(): void {
    for (const sessions of this.#bySize) {
      for (const session of sessions) {
        const box = this.#boxes.get(session)!;
        let most = { from: "", bytes: 0 };
        for (const [from, bytes] of box.bySender) if (bytes > most.bytes) most = { from, bytes };
        const oldest = box.letters.find(({ from }) => from === most.from)!;
        return this.#remove(session, box, oldest.mail);
      }
    }
  }

  /** Keeps account of a mailbox that grows, or shrinks; it becomes the last of its size. */
  #resize(session: string, box: Mailbox, from: string, byBytes: number): void {
    this.#bySize[Math.clz32(box.bytes)]!.delete(session);
    box.bytes += byBytes;
    this.#bytes += byBytes;
    if (box.bytes > 0) this.#bySize[Math.clz32(box.bytes)]!.add(session);
    const bytes = (box.bySender.get(from) ?? 0) + byBytes;
    if (bytes > 0) box.bySender.set(from, bytes);
    else box.bySender.delete(from);
  }

  #remove(session: string, box: Mailbox, mail: number): void {
    const index = indexOf(box.letters, mail);
    const letter = box.letters[index];
    if (letter === undefined || letter.mail !== mail) return;
    box.letters.splice(index, 1);
    this.#count--;
    this.#resize(session, box, letter.from, -letter.packed.length);
    if (box.letters.length === 0) this.#boxes.delete(session);
  }

  #dropStale(): void {
    const isKept = ({ session, mail }: Arrival): boolean => {
      const letters = this.#boxes.get(session)?.letters ?? [];
      return letters[indexOf(letters, mail)]?.mail === mail;
    };
    this.#arrivals = this.#arrivals.slice(this.#head).filter(isKept);
    this.#head = 0;
  }
}

/** Where the first letter numbered `mail` or higher is, by binary search. */
function indexOf(letters: readonly Letter[], mail: number): number {
  let low = 0;
  let high = letters.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (letters[middle]!.mail < mail) low = middle + 1;
    else high = middle;
  }
  return low;
}

function unpack({ packed }: Letter): PrivateMessage {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.length);
  const message: PrivateMessage = JSON.parse(bytes.toString());
  // JSON has no undefined.
  return { ...message, alias: message.alias };
}
