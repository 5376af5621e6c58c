// Limits guesses at passwords, passes, codes and claims, by the network they come from and by the
// account they are about. Loopback counts like any network: behind a proxy there anybody may be
// guessing. Pure.

import { BoundedMap } from "../bounded-map.ts";
import { accounts as limits } from "../limits.ts";
import { strangersAt } from "../share-owner.ts";
import { ShareBuckets } from "./share-buckets.ts";
import { TokenBucket } from "./token-bucket.ts";

export class GuessRates {
  readonly #networks = new ShareBuckets(
    { perSecond: 1_000 / limits.networkGuessEveryMs, burst: limits.guessesPerNetwork },
    limits.guessers,
  );
  readonly #accounts = new BoundedMap<string, TokenBucket>(limits.guessers);
  /** Apart, so that made-up names push no account out. */
  readonly #unowned = new BoundedMap<string, TokenBucket>(limits.guessers);

  /**
   * Counts a guess before it is looked at; returns 0 if it is allowed, otherwise the milliseconds
   * to wait. `about`: the account; undefined for codes, which are about none.
   */
  take(address: string, about: string | undefined, nowMs: number): number {
    const bucket = about === undefined ? undefined : bucketOf(this.#accounts, about, nowMs);
    return this.#take(address, bucket, nowMs);
  }

  /** The same at a name that nobody owns, where that must not be noticed. */
  takeUnowned(address: string, name: string, nowMs: number): number {
    return this.#take(address, bucketOf(this.#unowned, name, nowMs), nowMs);
  }

  /** It was no guess: others of the network need not wait for it. */
  wasRight(address: string, nowMs: number): void {
    this.#networks.giveBack(strangersAt(address), nowMs);
  }

  /** Milliseconds until somebody at the address may guess again; 0 if now. */
  waitMs(address: string, nowMs: number): number {
    return this.#networks.waitMs(strangersAt(address), nowMs);
  }

  /** Counts what has turned out to be wrong, where looking at it costs nothing. */
  wasWrong(address: string, nowMs: number): void {
    this.#networks.take(strangersAt(address), nowMs);
  }

  #take(address: string, bucket: TokenBucket | undefined, nowMs: number): number {
    const waitMs = bucket?.waitMs(nowMs) ?? 0;
    if (waitMs > 0) return waitMs;
    const networkMs = this.#networks.take(strangersAt(address), nowMs);
    if (networkMs === 0) bucket?.take(1, nowMs);
    return networkMs;
  }
}

function bucketOf(
  buckets: BoundedMap<string, TokenBucket>,
  about: string,
  nowMs: number,
): TokenBucket {
  const known = buckets.get(about);
  if (known !== undefined) return known;
  const perSecond = 1_000 / limits.guessEveryMs;
  const bucket = new TokenBucket(perSecond, limits.guessesPerAccount, nowMs);
  buckets.set(about, bucket);
  return bucket;
}
