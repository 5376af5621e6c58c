// All offers of files, by ID and by the people they are from and to, within bounds. Knows no
// session; offer-commands.ts decides.

import { offerBook as limits, offers } from "../../limits.ts";
import { BoundedMap } from "../../bounded-map.ts";
import type { OfferEnd } from "../../protocol/messages.ts";
import { ShareCounts } from "../../share-counts.ts";
import type { ShareOwner } from "../../share-owner.ts";
import { ShareBuckets } from "../rates/share-buckets.ts";
import type { Call } from "./call.ts";
import type { CodeOffer } from "./code-offer.ts";
import type { FileOffer } from "./file-offer.ts";
import { frameChars, type FrameQueue } from "./frame-queue.ts";

/** What frames are relayed for. */
export type Passing = FileOffer | CodeOffer | Call;

/** An offer that ended while one of the two was disconnected, who is told later. */
export type EndedOffer = Pick<FileOffer, "id" | "from" | "to"> & {
  readonly reason: OfferEnd;
  /** Its sender has ended it, and knows. */
  readonly isBySender: boolean;
  /** The connection on which its sender was told, and the identity key of that session. */
  told: { readonly connection: number; readonly key: string } | undefined;
  readonly untilMs: number;
};

export class OfferBook {
  readonly #offers = new Map<string, FileOffer>();
  readonly #owners = new ShareCounts(limits.maxPerOwner, limits.maxOffers / 3);
  readonly #rates = new ShareBuckets(
    { perSecond: limits.newPerMinute / 60, burst: limits.newAtOnce },
    limits.owners,
  );
  /** Characters of waiting frames, in total and per owner of the offer. */
  #waitingChars = 0;
  readonly #waitingByOwner = new ShareCounts(
    limits.maxOwnerWaitingChars,
    limits.maxAllWaitingChars / 3,
  );
  /** Offers with frames that wait for the output of one of their ends. */
  readonly waiting = new Set<Passing>();
  readonly #ended = new BoundedMap<string, EndedOffer>(limits.maxEnded);

  get size(): number {
    return this.#offers.size;
  }

  get waitingChars(): number {
    return this.#waitingChars;
  }

  get(id: string): FileOffer | undefined {
    return this.#offers.get(id);
  }

  [Symbol.iterator](): Iterator<FileOffer> {
    return this.#offers.values();
  }

  /** Why that person can't make another offer to the other one; undefined if they can. */
  refusal(by: string, to: string, owner: ShareOwner, nowMs: number): string | undefined {
    if (this.#offers.size >= limits.maxOffers) {
      return "The server has as many offers as it can hold: try again later";
    }
    const full = this.#owners.full(owner);
    if (full !== undefined) {
      return `${full.label} has ${full.count} offers already: wait for one to end`;
    }
    let mine = 0;
    const theirs = new ShareCounts(limits.maxToRecipientPerOwner, limits.maxToRecipientPerOwner);
    let all = 0;
    for (const { from, to: recipient, owner: other } of this) {
      if (from.person === by) mine++;
      if (recipient.person !== to) continue;
      all++;
      theirs.add(other);
    }
    if (mine >= limits.maxBySender) {
      return `You have ${mine} offers already: wait for one to end`;
    }
    if (all >= limits.maxToRecipient) {
      return `${all} offers wait for that person already: try again later`;
    }
    const own = theirs.full(owner);
    if (own !== undefined) {
      return `${own.count} offers of ${own.label} wait for that person already: try again later`;
    }
    if (this.#rates.take(owner, nowMs) > 0) {
      return "Too many offers in a row: try again in a few seconds";
    }
    return undefined;
  }

  add(offer: FileOffer): void {
    this.#ended.delete(offer.id);
    this.#offers.set(offer.id, offer);
    this.#owners.add(offer.owner);
  }

  /** Nobody is told of it later. */
  remove(offer: FileOffer): void {
    if (!this.#offers.delete(offer.id)) return;
    this.#owners.remove(offer.owner);
    this.clearFrames(offer);
  }

  /** The offer is over. */
  end(offer: FileOffer, ended: Pick<EndedOffer, "reason" | "isBySender" | "told">, nowMs: number) {
    this.remove(offer);
    const { id, from, to } = offer;
    this.#ended.set(id, { id, from, to, ...ended, untilMs: nowMs + offers.awayMs });
  }

  /** Undefined: there was no such offer recently. */
  endedOffer(id: string, nowMs: number): EndedOffer | undefined {
    const ended = this.#ended.get(id);
    return ended !== undefined && nowMs < ended.untilMs ? ended : undefined;
  }

  /** The offers that have ended recently. */
  *ended(nowMs: number): Iterable<EndedOffer> {
    for (const one of this.#ended.values()) if (nowMs < one.untilMs) yield one;
  }

  /**
   * Queues a frame, or returns the offer that has to end: this one, if too much waits for its end
   * or its owner. If too much waits for all, another may have to make room for it.
   */
  queue(offer: Passing, queue: FrameQueue, frame: string): Passing | undefined {
    const chars = frameChars(frame);
    const isOver =
      queue.chars + chars > limits.maxWaitingChars ||
      this.#waitingByOwner.full(offer.owner, chars) !== undefined;
    if (isOver) return offer;
    if (this.#waitingChars + chars > limits.maxAllWaitingChars) return this.#largest() ?? offer;
    queue.push(frame);
    this.#count(offer, chars);
    this.waiting.add(offer);
    return undefined;
  }

  /** Of the owner whose offers have most waiting, the one with most. */
  #largest(): Passing | undefined {
    const chars = new Map<string, number>();
    const largest = new Map<string, Passing>();
    for (const offer of this.waiting) {
      const key = offer.owner.kept.at(-1)?.key ?? "";
      chars.set(key, (chars.get(key) ?? 0) + charsOf(offer));
      const other = largest.get(key);
      if (other === undefined || charsOf(offer) > charsOf(other)) largest.set(key, offer);
    }
    const [most] = [...chars].toSorted(([, a], [, b]) => b - a);
    return most && largest.get(most[0]);
  }

  /** Takes the next frame of this queue. */
  take(offer: Passing, queue: FrameQueue): string | undefined {
    const frame = queue.shift();
    if (frame !== undefined) this.#count(offer, -frameChars(frame));
    return frame;
  }

  clearFrames(offer: Passing): void {
    this.#count(offer, -charsOf(offer));
    offer.toSender.clear();
    offer.toRecipient.clear();
    this.waiting.delete(offer);
  }

  #count({ owner }: Passing, chars: number): void {
    this.#waitingChars += chars;
    if (chars > 0) this.#waitingByOwner.add(owner, chars);
    else if (chars < 0) this.#waitingByOwner.remove(owner, -chars);
  }
}

function charsOf({ toSender, toRecipient }: Passing): number {
  return toSender.chars + toRecipient.chars;
}
