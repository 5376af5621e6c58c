// What a sender, or all who come from one network, may still say, be told on request, and be refused. Pure.

import { isLoopback, networksOf } from "../addresses.ts";
import { BoundedMap } from "../bounded-map.ts";
import { sender as limits } from "../limits.ts";
import { TokenBucket } from "./token-bucket.ts";

export type Rates = { messagesPerSecond: number; bytesPerSecond: number };

/** The rates for `--rate N`; undefined, no limit at all, for 0. */
export function ratesFor(messagesPerSecond: number): Rates | undefined {
  if (messagesPerSecond <= 0) return undefined;
  return { messagesPerSecond, bytesPerSecond: limits.bytesPerSecond };
}

export class RateBudget {
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  readonly #refusals: TokenBucket;

  /** `burstSeconds`: the rate of so many seconds may be spent at once; `share`: of so many senders. */
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
    this.#refusals = bucket(
      limits.refusalsPerSecond,
      limits.refusalBurst / limits.refusalsPerSecond,
    );
  }

  /** Milliseconds until something may be spent; 0: now. */
  waitMs(nowMs: number): number {
    return Math.max(this.#messages.waitMs(nowMs), this.#bytes.waitMs(nowMs));
  }

  spend(messages: number, bytes: number, nowMs: number): void {
    this.#messages.take(messages, nowMs);
    this.#bytes.charge(bytes, nowMs);
  }

  /** Charges bytes, whether they are there or not. */
  charge(bytes: number, nowMs: number): void {
    this.#bytes.charge(bytes, nowMs);
  }

  /** Seconds' worth of bytes that are owed. */
  debtSeconds(nowMs: number): number {
    return this.#bytes.waitMs(nowMs) / 1000;
  }

  /** Whether one more refusal may be answered. */
  mayRefuse(nowMs: number): boolean {
    return this.#refusals.take(1, nowMs);
  }
}

/**
 * The budgets that all connections of a network share: one address is not many strangers. Of IPv6 they are nested, /64 in /56 in
 * /48. Whoever is on this machine shares none: programs and proxies there speak for many.
 */
export class NetworkBudgets {
  readonly #rates: Rates | undefined;
  readonly #budgets = new BoundedMap<string, RateBudget>(limits.networks);

  constructor(rates: Rates | undefined) {
    this.#rates = rates;
  }

  of(address: string, nowMs: number): readonly RateBudget[] {
    const rates = this.#rates;
    if (rates === undefined || isLoopback(address)) return [];
    return networksOf(address).map(({ network, share }) => {
      let budget = this.#budgets.get(network);
      if (budget === undefined) {
        const senders = share * limits.sendersPerNetwork;
        budget = new RateBudget(rates, limits.networkBurstSeconds, senders, nowMs);
        this.#budgets.set(network, budget);
      }
      return budget;
    });
  }
}
