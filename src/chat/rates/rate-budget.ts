// What one sender, or all senders of one owner together, may still spend on messages, bytes and
// refusals. Pure.

import { BoundedMap } from "../../bounded-map.ts";
import { sender as limits } from "../../limits.ts";
import type { ShareOwner } from "../../share-owner.ts";
import { TokenBucket } from "./token-bucket.ts";

export type Rates = { messagesPerSecond: number; bytesPerSecond: number };

/** The rates for `--rate N`; undefined (no limit) for 0. */
export function ratesFor(messagesPerSecond: number): Rates | undefined {
  if (messagesPerSecond <= 0) return undefined;
  return { messagesPerSecond, bytesPerSecond: limits.bytesPerSecond };
}

export class RateBudget {
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  /** Bytes of refused input. Nobody has to wait for them, but they can be overdrawn. */
  readonly #refusedBytes: TokenBucket;
  readonly #refusals: TokenBucket;

  /**
   * `burstSeconds`: how many seconds' worth of bytes may be spent at once; of messages, always as
   * many as the server announces. `share`: the number of senders it is for.
   */
  constructor(
    { messagesPerSecond, bytesPerSecond }: Rates,
    burstSeconds: number,
    share: number,
    nowMs: number,
  ) {
    const bucket = (perSecond: number, seconds: number): TokenBucket =>
      new TokenBucket(perSecond * share, perSecond * share * seconds, nowMs);
    this.#messages = bucket(messagesPerSecond, limits.burstSeconds);
    this.#bytes = bucket(bytesPerSecond, burstSeconds);
    this.#refusedBytes = bucket(bytesPerSecond, burstSeconds);
    this.#refusals = bucket(
      limits.refusalsPerSecond,
      limits.refusalBurst / limits.refusalsPerSecond,
    );
  }

  /** Milliseconds until anything may be spent; 0 if now. */
  waitMs(nowMs: number): number {
    return Math.max(this.#messages.waitMs(nowMs), this.#bytes.waitMs(nowMs));
  }

  spend(messages: number, bytes: number, nowMs: number): void {
    this.#messages.take(messages, nowMs);
    this.#bytes.charge(bytes, nowMs);
  }

  /**
   * Charges bytes even if the budget is exhausted. Debt does not grow beyond the point of
   * disconnection.
   */
  charge(bytes: number, nowMs: number): void {
    if (!this.isOverdrawn(nowMs)) this.#bytes.charge(bytes, nowMs);
  }

  /** Charges messages even if the budget is exhausted. */
  chargeMessages(messages: number, nowMs: number): void {
    this.#messages.charge(messages, nowMs);
  }

  /** Charges an owner for refused input, which only one of its sessions pays for. */
  chargeRefused(bytes: number, nowMs: number): void {
    if (!this.isOverdrawn(nowMs)) this.#refusedBytes.charge(bytes, nowMs);
  }

  /** Whether more bytes were charged than a client that waits when told to would ever send. */
  isOverdrawn(nowMs: number): boolean {
    const waitMs = Math.max(this.#bytes.waitMs(nowMs), this.#refusedBytes.waitMs(nowMs));
    return waitMs > limits.maxDebtSeconds * 1000;
  }

  /** Whether another refusal may be answered. */
  mayRefuse(nowMs: number): boolean {
    return this.#refusals.take(1, nowMs);
  }
}

const noBudgets: readonly RateBudget[] = [];

/**
 * Budgets shared by all connections of an owner, so that opening more of them gains nothing. One
 * that is in use is never forgotten: otherwise connections from many networks could evict it, and
 * the owner's next connection would have another.
 */
export class ShareBudgets {
  readonly #rates: Rates | undefined;
  readonly #used = new Map<string, { readonly budget: RateBudget; users: number }>();
  /** Of owners without connections. */
  readonly #idle = new BoundedMap<string, RateBudget>(limits.shareOwners);

  constructor(rates: Rates | undefined) {
    this.#rates = rates;
  }

  /** A connection of this owner uses them until `leave`. */
  enter({ shares }: ShareOwner, nowMs: number): readonly RateBudget[] {
    const rates = this.#rates;
    if (rates === undefined) return noBudgets;
    return shares.map(({ key, times }) => {
      let used = this.#used.get(key);
      if (used === undefined) {
        const senders = times * limits.sendersPerOwner;
        const budget =
          this.#idle.get(key) ?? new RateBudget(rates, limits.sharedBurstSeconds, senders, nowMs);
        this.#idle.delete(key);
        this.#used.set(key, (used = { budget, users: 0 }));
      }
      used.users++;
      return used.budget;
    });
  }

  /** Number of owners with connections. */
  get used(): number {
    return this.#used.size;
  }

  leave({ shares }: ShareOwner): void {
    for (const { key } of shares) {
      const used = this.#used.get(key);
      if (used === undefined || --used.users > 0) continue;
      this.#used.delete(key);
      this.#idle.set(key, used.budget);
    }
  }
}
