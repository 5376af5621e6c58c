// Private messages in memory, packed as JSON so that their size is known. mailbox-shares.ts decides
// what a full mailbox loses; beyond the total limit, the network with the most bytes in all
// mailboxes loses its oldest messages. Knows nothing about sessions.

import { widestNetworkOf } from "../../addresses.ts";
import type { OwnMailbox } from "../../chat/accounts/account-store.ts";
import type { PrivateMessage } from "../../chat/events.ts";
import type { Mail, MailCount, MailEntry, Mailboxes } from "../../chat/turn/store.ts";
import {
  beforeCopies,
  isTrimDue,
  ownersAt,
  surplusCopies,
  surplusMail,
} from "../mailbox-shares.ts";
import { MailQueue, type StoredMail } from "../mail-queue.ts";

type Sender = { bytes: number; queue: MailQueue };
type Network = { bytes: number; senders: Map<string, Sender> };

export class MemoryMailboxes implements Mailboxes {
  /** By session ID; each mailbox is ascending by `mail`. Received messages, and copies. */
  readonly #boxes = new Map<string, StoredMail[]>();
  readonly #copies = new Map<string, StoredMail[]>();
  /** All messages, by the widest network of the sender and by the sender's name. */
  readonly #networks = new Map<string, Network>();
  readonly #arrivals = new MailQueue();
  #bytes = 0;
  readonly #maxMessages: number;
  readonly #maxBytes: number;

  /** Each mailbox keeps `maxMessages` and as many copies, and all of them together `maxBytes`. */
  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  /** Appends a received message. */
  append(item: Mail, mail: number, clockMs: number): void {
    const box = boxOf(this.#boxes, item.session);
    this.#add(box, item, mail, clockMs);
    if (box.length > this.#maxMessages && isTrimDue(mail, this.#maxMessages)) {
      for (const number of surplusMail(box, this.#maxMessages)) {
        this.#remove(box[indexOf(box, number)]!);
      }
    }
    this.#shrink();
  }

  /** Appends a copy of a sent message, and returns its number. */
  appendCopy(item: Mail, clockMs: number): number {
    const box = boxOf(this.#copies, item.session);
    const mail = (box.at(-1)?.mail ?? beforeCopies) + 1;
    this.#add(box, item, mail, clockMs);
    const last = surplusCopies(mail, this.#maxMessages);
    if (last !== undefined) {
      for (const stored of box.slice(0, indexOf(box, last + 1))) this.#remove(stored);
    }
    this.#shrink();
    return mail;
  }

  after(session: string, mail: number, limit: number): readonly PrivateMessage[] {
    const messages = this.#boxes.get(session) ?? [];
    const from = indexOf(messages, mail + 1);
    return messages.slice(from, from + limit).map(unpack);
  }

  countAfter(session: string, mail: number): MailCount {
    const messages = this.#boxes.get(session) ?? [];
    const from = indexOf(messages, mail + 1);
    const last = Math.max(mail, messages.at(-1)?.mail ?? 0);
    return { count: messages.length - from, last };
  }

  list(session: string): readonly MailEntry[] {
    const [copies = [], received = []] = [this.#copies.get(session), this.#boxes.get(session)];
    return [...copies, ...received].map(({ entry }) => entry);
  }

  pick(session: string, numbers: readonly number[]): readonly PrivateMessage[] {
    return numbers.flatMap((mail) => {
      const box = this.#boxesOf(mail).get(session) ?? [];
      const found = box[indexOf(box, mail)];
      return found?.mail === mail ? [unpack(found)] : [];
    });
  }

  /** The messages after `received` are in the mailbox `to` from now on. */
  takeOver(to: string, { session, received }: OwnMailbox): void {
    const box = this.#boxes.get(session) ?? [];
    const moved = box.splice(indexOf(box, received + 1));
    if (box.length === 0) this.#boxes.delete(session);
    for (const stored of moved) stored.session = to;
    if (moved.length > 0) boxOf(this.#boxes, to).push(...moved);
  }

  delete(session: string): void {
    for (const boxes of [this.#boxes, this.#copies]) {
      for (const stored of boxes.get(session)?.slice() ?? []) this.#remove(stored);
    }
  }

  /** Deletes at most `limit` messages that arrived before `clockMs`; true if there may be more. */
  sweep(clockMs: number, limit: number): boolean {
    for (let i = 0; i < limit; i++) {
      const { oldest } = this.#arrivals;
      if (oldest === undefined || oldest.clockMs >= clockMs) return false;
      this.#remove(oldest);
    }
    return true;
  }

  #boxesOf(mail: number): Map<string, StoredMail[]> {
    return mail > 0 ? this.#boxes : this.#copies;
  }

  #add(box: StoredMail[], item: Mail, mail: number, clockMs: number): void {
    const { session, network, message } = item;
    const packed = Buffer.from(JSON.stringify({ ...message, mail }));
    const { from } = message;
    const entry = entryOf(item, mail);
    const stored = { session, mail, network, from, clockMs, entry, packed, isDeleted: false };
    box.push(stored);
    this.#arrivals.push(stored);
    this.#senderOf(stored).queue.push(stored);
    this.#resize(stored, packed.length);
  }

  #shrink(): void {
    while (this.#bytes > this.#maxBytes) this.#shrinkLargest();
  }

  /** Within a network, the sender with the most bytes loses the oldest message. */
  #shrinkLargest(): void {
    const network = this.#largestNetwork();
    const sender = network === undefined ? undefined : largest(network.senders.values());
    const oldest = sender?.queue.oldest;
    if (oldest === undefined) throw new Error(`${this.#bytes} bytes of mail have no owner`);
    this.#remove(oldest);
  }

  #largestNetwork(): Network | undefined {
    let found: Network | undefined;
    let most = 0;
    for (const [key, network] of this.#networks) {
      const each = network.bytes / ownersAt(key, network.senders.size);
      if (each > most) [found, most] = [network, each];
    }
    return found;
  }

  #senderOf({ network, from }: StoredMail): Sender {
    const key = widestNetworkOf(network);
    let found = this.#networks.get(key);
    if (found === undefined) this.#networks.set(key, (found = { bytes: 0, senders: new Map() }));
    let sender = found.senders.get(from);
    if (sender === undefined) {
      sender = { bytes: 0, queue: new MailQueue() };
      found.senders.set(from, sender);
    }
    return sender;
  }

  /** Accounts for an added or removed message. */
  #resize(stored: StoredMail, byBytes: number): void {
    const key = widestNetworkOf(stored.network);
    const network = this.#networks.get(key)!;
    const sender = network.senders.get(stored.from)!;
    this.#bytes += byBytes;
    network.bytes += byBytes;
    sender.bytes += byBytes;
    if (sender.bytes === 0) network.senders.delete(stored.from);
    if (network.bytes === 0) this.#networks.delete(key);
  }

  #remove(stored: StoredMail): void {
    const boxes = this.#boxesOf(stored.mail);
    const box = boxes.get(stored.session)!;
    box.splice(indexOf(box, stored.mail), 1);
    if (box.length === 0) boxes.delete(stored.session);
    this.#senderOf(stored).queue.deleted(stored);
    this.#arrivals.deleted(stored);
    this.#resize(stored, -stored.packed.length);
  }
}

function boxOf(boxes: Map<string, StoredMail[]>, session: string): StoredMail[] {
  let box = boxes.get(session);
  if (box === undefined) boxes.set(session, (box = []));
  return box;
}

function entryOf({ message: { timeMs, id = 0, from }, other }: Mail, mail: number): MailEntry {
  return { mail, timeMs, id, person: other?.person ?? "", name: other?.name ?? from };
}

function largest<Part extends { readonly bytes: number }>(parts: Iterable<Part>): Part | undefined {
  let most: Part | undefined;
  for (const part of parts) if (most === undefined || part.bytes > most.bytes) most = part;
  return most;
}

/** The index of the first message numbered `mail` or higher, by binary search. */
function indexOf(messages: readonly StoredMail[], mail: number): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle]!.mail < mail) low = middle + 1;
    else high = middle;
  }
  return low;
}

function unpack({ packed }: StoredMail): PrivateMessage {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.length);
  const message: PrivateMessage = JSON.parse(bytes.toString());
  // Restores `alias`: JSON has no undefined.
  return { ...message, alias: message.alias };
}
