// Limits guesses at passwords, passes, codes and claims by their network and by the account they
// target. Loopback counts like any network: behind a local proxy, anybody may be guessing. Other
// servers of the same database are told. Pure.

import { BoundedMap } from "../../bounded-map.ts";
import { accounts as limits } from "../../limits.ts";
import { type ShareOwner, strangersAt } from "../../share-owner.ts";
import { ShareBuckets } from "./share-buckets.ts";
import type { SharedCharge } from "./shared-charges.ts";
import { TokenBucket } from "./token-bucket.ts";

export class GuessRates {
  readonly #networks = new ShareBuckets(
    { perSecond: 1_000 / limits.networkGuessEveryMs, burst: limits.guessesPerNetwork },
    limits.guessers,
  );
  readonly #accounts = new TargetRates();
  /** Kept separately, so that made-up names evict no account. */
  readonly #unowned = new TargetRates();

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
    return this.#take(address, { account: about }, nowMs);
  }

  /** The same for an unregistered name, where the difference must not be noticeable. */
  takeUnowned(address: string, name: string, nowMs: number): number {
    return this.#take(address, { unowned: name }, nowMs);
  }

  /** The guess was correct: neither the network nor the account's owner need wait for it. */
  wasRight(address: string, account: string | undefined, nowMs: number): void {
    this.#giveBack(address, account, nowMs);
    this.#tell({ what: "right", address, account });
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
    const owner = strangersAt(address);
    this.#networks.charge(owner, nowMs);
    if (account !== undefined) this.#accounts.charge(account, owner, nowMs);
    if (unowned !== undefined) this.#unowned.charge(unowned, owner, nowMs);
  }

  handleRightElsewhere(
    { address, account }: Extract<SharedCharge, { what: "right" }>,
    nowMs: number,
  ): void {
    this.#giveBack(address, account, nowMs);
  }

  #take(
    address: string,
    about: { account?: string | undefined; unowned?: string | undefined },
    nowMs: number,
  ): number {
    const { account, unowned } = about;
    const [target, rates] =
      unowned === undefined ? [account, this.#accounts] : [unowned, this.#unowned];
    const owner = strangersAt(address);
    const waitMs = target === undefined ? 0 : rates.waitMs(target, owner, nowMs);
    if (waitMs > 0) return waitMs;
    const networkMs = this.#networks.take(owner, nowMs);
    if (networkMs > 0) return networkMs;
    if (target !== undefined) rates.charge(target, owner, nowMs);
    this.#tell({ what: "guess", address, ...about });
    return 0;
  }

  #giveBack(address: string, account: string | undefined, nowMs: number): void {
    const owner = strangersAt(address);
    this.#networks.giveBack(owner, nowMs);
    if (account !== undefined) this.#accounts.wasRight(account, owner, nowMs);
  }
}

/**
 * Guesses at each of many targets. One network may use half of those at a target: otherwise it
 * could keep the owner out, whose right password would no longer be checked. Several networks can't
 * do that together to an owner on a network from which the password has been right before.
 */
class TargetRates {
  readonly #all = new BoundedMap<string, TokenBucket>(limits.guessers);
  readonly #ofNetworks = new ShareBuckets(
    {
      perSecond: 1_000 / (2 * limits.guessEveryMs),
      burst: limits.guessesPerAccount / 2,
      maxTimes: 1,
    },
    limits.guessers,
  );
  /** The targets that each network was right about. */
  readonly #known = new BoundedMap<string, true>(limits.guessers);

  waitMs(target: string, owner: ShareOwner, nowMs: number): number {
    const ofNetworkMs = this.#ofNetworks.waitMs(owner, nowMs, target);
    if (this.#known.get(knownKey(target, owner)) === true) return ofNetworkMs;
    // As in `ShareBuckets`, only charges are remembered.
    return Math.max(this.#all.get(target)?.waitMs(nowMs) ?? 0, ofNetworkMs);
  }

  charge(target: string, owner: ShareOwner, nowMs: number): void {
    this.#bucketOf(target, nowMs).charge(1, nowMs);
    this.#ofNetworks.charge(owner, nowMs, 1, target);
  }

  wasRight(target: string, owner: ShareOwner, nowMs: number): void {
    this.#known.set(knownKey(target, owner), true);
    this.#bucketOf(target, nowMs).giveBack(nowMs);
    this.#ofNetworks.giveBack(owner, nowMs, 1, target);
  }

  #bucketOf(target: string, nowMs: number): TokenBucket {
    let bucket = this.#all.get(target);
    if (bucket === undefined) {
      const { guessEveryMs, guessesPerAccount } = limits;
      bucket = new TokenBucket(1_000 / guessEveryMs, guessesPerAccount, nowMs);
      this.#all.set(target, bucket);
    }
    return bucket;
  }
}

function knownKey(target: string, { kept }: ShareOwner): string {
  return `${target} ${kept.at(-1)?.key}`;
}

/** `what`: of which there were too many, such as `attempts`. */
export function tooMany(what: string, waitMs: number): string {
  return `Too many ${what} from your network: try again in ${Math.ceil(waitMs / 1_000)} s`;
}
