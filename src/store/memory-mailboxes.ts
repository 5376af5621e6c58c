// Private messages in memory, packed as JSON so that their size is known. A full mailbox loses the
// oldest messages from the sender who fills most of it; past the total limit, the largest mailbox
// does. Knows nothing about sessions.

import type { PrivateMessage } from "../chat/events.ts";
import type { Mailboxes } from "../chat/store.ts";
import { isTrimDue, surplusMail } from "./mailbox-shares.ts";

type PackedMessage = { mail: number; from: string; packed: Uint8Array };
type Mailbox = {
  /** Ascending by `mail`. */
  messages: PackedMessage[];
  bytes: number;
  bytesBySender: Map<string, number>;
};
type Arrival = { session: string; mail: number; clockMs: number };

/** Entries of deleted messages are cleared out when they outnumber the live ones by this much. */
const maxStaleArrivals = 1_024;

export class MemoryMailboxes implements Mailboxes {
  readonly #boxes = new Map<string, Mailbox>();
  /**
   * Sessions by the number of leading zeros in the size of their mailbox, so that the mailboxes in
   * one set differ by less than a factor of two.
   */
  readonly #sessionsBySize = Array.from({ length: 33 }, () => new Set<string>());
  /** Every message in order of arrival, deleted ones included. */
  #arrivals: Arrival[] = [];
  #firstArrival = 0;
  #bytes = 0;
  #count = 0;
  readonly #maxMessages: number;
  readonly #maxBytes: number;

  /** Each mailbox keeps `maxMessages`, and all of them together `maxBytes`. */
  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  append(session: string, message: PrivateMessage, clockMs: number): void {
    let box = this.#boxes.get(session);
    if (box === undefined) {
      box = { messages: [], bytes: 0, bytesBySender: new Map() };
      this.#boxes.set(session, box);
    }
    const { mail, from } = message;
    const packed = Buffer.from(JSON.stringify(message));
    box.messages.push({ mail, from, packed });
    this.#resize(session, box, from, packed.length);
    this.#count++;
    this.#arrivals.push({ session, mail, clockMs });
    if (box.messages.length > this.#maxMessages && isTrimDue(mail, this.#maxMessages)) {
      const surplus = surplusMail(box.messages, this.#maxMessages);
      for (const number of surplus) this.#remove(session, box, number);
    }
    while (this.#bytes > this.#maxBytes) this.#shrinkLargest();
    if (this.#arrivals.length - this.#firstArrival > this.#count + maxStaleArrivals) {
      this.#clearStaleArrivals();
    }
  }

  after(session: string, mail: number, limit: number): readonly PrivateMessage[] {
    const messages = this.#boxes.get(session)?.messages ?? [];
    const from = indexOf(messages, mail + 1);
    return messages.slice(from, from + limit).map(unpack);
  }

  delete(session: string): void {
    const box = this.#boxes.get(session);
    if (box === undefined) return;
    this.#count -= box.messages.length;
    this.#sessionsBySize[Math.clz32(box.bytes)]!.delete(session);
    this.#bytes -= box.bytes;
    this.#boxes.delete(session);
  }

  /** Deletes at most `limit` messages that arrived before `clockMs`; true if there may be more. */
  sweep(clockMs: number, limit: number): boolean {
    for (let i = 0; i < limit; i++) {
      const arrival = this.#arrivals[this.#firstArrival];
      if (arrival === undefined || arrival.clockMs >= clockMs) return false;
      this.#firstArrival++;
      const box = this.#boxes.get(arrival.session);
      if (box !== undefined) this.#remove(arrival.session, box, arrival.mail);
      if (this.#firstArrival <= maxStaleArrivals) continue;
      this.#arrivals.splice(0, this.#firstArrival);
      this.#firstArrival = 0;
    }
    return true;
  }

  /** Mailboxes in the largest size class take turns. */
  #shrinkLargest(): void {
    for (const sessions of this.#sessionsBySize) {
      for (const session of sessions) {
        const box = this.#boxes.get(session)!;
        let most = { from: "", bytes: 0 };
        for (const [from, bytes] of box.bytesBySender) {
          if (bytes > most.bytes) most = { from, bytes };
        }
        const oldest = box.messages.find(({ from }) => from === most.from)!;
        return this.#remove(session, box, oldest.mail);
      }
    }
  }

  /**
   * Accounts for a message from `from` being added or removed, and moves the mailbox to the end of
   * its size class.
   */
  #resize(session: string, box: Mailbox, from: string, byBytes: number): void {
    this.#sessionsBySize[Math.clz32(box.bytes)]!.delete(session);
    box.bytes += byBytes;
    this.#bytes += byBytes;
    if (box.bytes > 0) this.#sessionsBySize[Math.clz32(box.bytes)]!.add(session);
    const bytes = (box.bytesBySender.get(from) ?? 0) + byBytes;
    if (bytes > 0) box.bytesBySender.set(from, bytes);
    else box.bytesBySender.delete(from);
  }

  #remove(session: string, box: Mailbox, mail: number): void {
    const index = indexOf(box.messages, mail);
    const message = box.messages[index];
    if (message === undefined || message.mail !== mail) return;
    box.messages.splice(index, 1);
    this.#count--;
    this.#resize(session, box, message.from, -message.packed.length);
    if (box.messages.length === 0) this.#boxes.delete(session);
  }

  #clearStaleArrivals(): void {
    const isKept = ({ session, mail }: Arrival): boolean => {
      const messages = this.#boxes.get(session)?.messages ?? [];
      return messages[indexOf(messages, mail)]?.mail === mail;
    };
    this.#arrivals = this.#arrivals.slice(this.#firstArrival).filter(isKept);
    this.#firstArrival = 0;
  }
}

/** The index of the first message numbered `mail` or higher, by binary search. */
function indexOf(messages: readonly PackedMessage[], mail: number): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle]!.mail < mail) low = middle + 1;
    else high = middle;
  }
  return low;
}

function unpack({ packed }: PackedMessage): PrivateMessage {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.length);
  const message: PrivateMessage = JSON.parse(bytes.toString());
  // JSON has no undefined.
  return { ...message, alias: message.alias };
}
