// Limits guesses at passwords and codes, by the network they come from and by the account they are
// about. Pure.

import { BoundedMap } from "../bounded-map.ts";
import { accounts as limits } from "../limits.ts";
import { NetworkBuckets } from "./network-buckets.ts";
import { TokenBucket } from "./token-bucket.ts";

const perSecond = 1_000 / limits.guessEveryMs;

export class GuessRates {
  readonly #networks = new NetworkBuckets(
    { perSecond, burst: limits.guessesPerNetwork },
    limits.guessers,
  );
  readonly #accounts = new BoundedMap<string, TokenBucket>(limits.guessers);
  /** Apart, so that made-up names push no account out. */
  readonly #unowned = new BoundedMap<string, TokenBucket>(limits.guessers);

  /**
   * Counts a guess; returns 0 if it is allowed, otherwise the milliseconds to wait. `about`: the
   * account; undefined for codes, which are about none.
   */
  take(address: string, about: string | undefined, nowMs: number): number {
    const bucket = about === undefined ? undefined : bucketOf(this.#accounts, about, nowMs);
    return this.#take(address, bucket, nowMs);
  }

  /** The same at a name that nobody owns, where that must not be noticed. */
  takeUnowned(address: string, name: string, nowMs: number): number {
    return this.#take(address, bucketOf(this.#unowned, name, nowMs), nowMs);
  }

  #take(address: string, bucket: TokenBucket | undefined, nowMs: number): number {
    const waitMs = bucket?.waitMs(nowMs) ?? 0;
    if (waitMs > 0) return waitMs;
    const networkMs = this.#networks.take(address, nowMs);
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
  const bucket = new TokenBucket(perSecond, limits.guessesPerAccount, nowMs);
  buckets.set(about, bucket);
  return bucket;
}
