// Limits guesses at passwords, passes, codes and claims by their network and by the account they
// target. Loopback counts like any network: behind a local proxy, anybody may be guessing. Other
// servers of the same database are told. Pure.

import { BoundedMap } from "../../bounded-map.ts";
import { accounts as limits } from "../../limits.ts";
import { strangersAt } from "../../share-owner.ts";
import { ShareBuckets } from "./share-buckets.ts";
import type { SharedCharge } from "./shared-charges.ts";
import { TokenBucket } from "./token-bucket.ts";

export class GuessRates {
  readonly #networks = new ShareBuckets(
    { perSecond: 1_000 / limits.networkGuessEveryMs, burst: limits.guessesPerNetwork },
    limits.guessers,
  );
  readonly #accounts = new BoundedMap<string, TokenBucket>(limits.guessers);
  /** Kept separately, so that made-up names evict no account. */
  readonly #unowned = new BoundedMap<string, TokenBucket>(limits.guessers);

  readonly #tell: (charge: SharedCharge) => void;

  /** `tell`: called for what other servers must count as well. */
  constructor(tell: (charge: SharedCharge) => void) {
    this.#tell = tell;
  }

  /**
   * Counts a guess before it is checked; returns 0 if it is allowed, otherwise the milliseconds to
   * wait. `about`: the account; undefined for codes, which belong to no account.
   */
  take(address: string, about: string | undefined, nowMs: number): number {
    const bucket = about === undefined ? undefined : bucketOf(this.#accounts, about, nowMs);
    return this.#take(address, bucket, nowMs, { account: about });
  }

  /** The same for an unregistered name, where the difference must not be noticeable. */
  takeUnowned(address: string, name: string, nowMs: number): number {
    return this.#take(address, bucketOf(this.#unowned, name, nowMs), nowMs, { unowned: name });
  }

  /** The guess was correct: others of the network need not wait for it. */
  wasRight(address: string, nowMs: number): void {
    this.#networks.giveBack(strangersAt(address), nowMs);
    this.#tell({ what: "right", address });
  }

  /** Milliseconds until somebody at the address may guess again; 0 if now. */
  waitMs(address: string, nowMs: number): number {
    return this.#networks.waitMs(strangersAt(address), nowMs);
  }

  /** Counts a wrong guess afterwards, where checking it is cheap. */
  wasWrong(address: string, nowMs: number): void {
    this.#networks.take(strangersAt(address), nowMs);
    this.#tell({ what: "guess", address });
  }

  /** Counts a guess at another server, which may have come at the same moment as one here. */
  handleGuessElsewhere(
    { address, account, unowned }: Extract<SharedCharge, { what: "guess" }>,
    nowMs: number,
  ): void {
    this.#networks.charge(strangersAt(address), nowMs);
    if (account !== undefined) bucketOf(this.#accounts, account, nowMs).charge(1, nowMs);
    if (unowned !== undefined) bucketOf(this.#unowned, unowned, nowMs).charge(1, nowMs);
  }

  handleRightElsewhere(address: string, nowMs: number): void {
    this.#networks.giveBack(strangersAt(address), nowMs);
  }

  #take(
    address: string,
    bucket: TokenBucket | undefined,
    nowMs: number,
    about: { account?: string | undefined; unowned?: string | undefined },
  ): number {
    const waitMs = bucket?.waitMs(nowMs) ?? 0;
    if (waitMs > 0) return waitMs;
    const networkMs = this.#networks.take(strangersAt(address), nowMs);
    if (networkMs > 0) return networkMs;
    bucket?.take(1, nowMs);
    this.#tell({ what: "guess", address, ...about });
    return 0;
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

/** `what`: of which there were too many, such as `attempts`. */
export function tooMany(what: string, waitMs: number): string {
  return `Too many ${what} from your network: try again in ${Math.ceil(waitMs / 1_000)} s`;
}
