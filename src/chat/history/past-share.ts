// How fast one share owner may fill a bounded log, in which old messages are displaced by new ones.
// A message is charged by the fraction of the log that it fills, unless almost nothing in there
// belongs to others: a bot in a room of its own displaces nobody's messages. Pure.

import { BoundedMap } from "../../bounded-map.ts";
import { history as limits } from "../../limits.ts";
import type { Share, ShareOwner } from "../../share-owner.ts";
import { TokenBucket } from "../rates/token-bucket.ts";

/** Capacity of a log. */
export type PastSize = { messages: number; bytes: number };

/** One owner's part of a log. `weight`: of its messages, in the unit of `PastShare`. */
type Part = { weight: number; readonly charged: TokenBucket };

/** Beyond this, weights are scaled down before they lose precision. */
const maxUnit = 1e100;

export class PastShare {
  readonly #size: PastSize;
  readonly #parts = new BoundedMap<string, Part>(limits.pastOwners);
  /** Weight of all messages. */
  #weight = 0;
  /**
   * Weight of a whole log. It grows instead of shrinking all others: messages further back than a
   * whole log count less and less.
   */
  #unit = 1;

  /** `messages`: the number of messages already in the log; their owners are unknown. */
  constructor(size: PastSize, messages = 0) {
    this.#size = size;
    this.#weight = Math.min(1, messages / size.messages);
  }

  /** Milliseconds until the owner may add another message; 0 if now. */
  waitMs({ kept }: ShareOwner, nowMs: number): number {
    let waitMs = 0;
    for (const { key } of kept) {
      waitMs = Math.max(waitMs, this.#parts.get(key)?.charged.waitMs(nowMs) ?? 0);
    }
    return waitMs;
  }

  /** A message of the owner was added. */
  add({ kept }: ShareOwner, text: string, nowMs: number): void {
    const { messages, bytes } = this.#size;
    const length = Math.max(1 / messages, (bytesOf(text) + messageBytes) / bytes);
    for (const share of kept) {
      const part = this.#of(share, nowMs);
      const others = (this.#weight - part.weight) / this.#unit;
      const price = Math.min(1, others / (limits.pastFewMessages / messages));
      part.charged.charge(length * price, nowMs);
      part.weight += length * this.#unit;
    }
    this.#weight += length * this.#unit;
    this.#unit = Math.max(this.#unit, this.#weight);
    if (this.#unit > maxUnit) this.#rescale();
  }

  #of({ key, times }: Share, nowMs: number): Part {
    let part = this.#parts.get(key);
    if (part === undefined) {
      const counted = Math.min(times, limits.pastMaxTimes);
      const perSecond = (counted * limits.pastPercentPerHour) / 100 / 3_600;
      const burst = (counted * limits.pastPercentAtOnce) / 100;
      this.#parts.set(
        key,
        (part = { weight: 0, charged: new TokenBucket(perSecond, burst, nowMs, leastShare) }),
      );
    }
    return part;
  }

  #rescale(): void {
    for (const part of this.#parts.values()) part.weight /= this.#unit;
    this.#weight /= this.#unit;
    this.#unit = 1;
  }
}

/** Less than any message is of a log. */
const leastShare = 1e-9;

/** Approximate size of a message in a log in addition to its text. */
const messageBytes = 64;

/** Upper bound of its length in UTF-8. */
function bytesOf(text: string): number {
  return /^[\0-\x7f]*$/.test(text) ? text.length : 3 * text.length;
}
