// Byte rates of relayed data: one for everything, and one per owner of a share. Pure. Unlike
// chat/rates/share-buckets.ts it is consulted for every datagram, so owners are looked up once,
// when a relay is opened.

import type { ShareOwner } from "../../share-owner.ts";

/** The size of a burst after a pause, in µs of the rate. */
const burstUs = 20_000;
/** At least this many bytes, otherwise a datagram of 64 KiB could never pass. */
const minBurstBytes = 128 * 1_024;

class Rate {
  users = 0;
  readonly #bytesPerUs: number;
  readonly #burstBytes: number;
  #credit: number;
  #atUs: number;

  constructor(bytesPerSecond: number, nowUs: number) {
    this.#bytesPerUs = bytesPerSecond / 1e6;
    this.#burstBytes = Math.max(minBurstBytes, this.#bytesPerUs * burstUs);
    this.#credit = this.#burstBytes;
    this.#atUs = nowUs;
  }

  /** µs until data may pass; 0: now. */
  waitUs(nowUs: number): number {
    const elapsedUs = Math.max(0, nowUs - this.#atUs);
    this.#atUs = nowUs;
    this.#credit = Math.min(this.#burstBytes, this.#credit + elapsedUs * this.#bytesPerUs);
    return this.#credit > 0 ? 0 : (1 - this.#credit) / this.#bytesPerUs;
  }

  /** May go into debt by one datagram, or by several merged ones. */
  spend(bytes: number): void {
    this.#credit -= bytes;
  }
}

/** All rates that limit one relay. */
export type Rates = readonly { waitUs(nowUs: number): number; spend(bytes: number): void }[];

export class RateShares {
  readonly #bytesPerSecond: number;
  readonly #perOwner: number;
  readonly #all: Rate;
  readonly #owners = new Map<string, Rate>();

  /** An owner may use `perOwner` bytes per second, and a group of owners several times that. */
  constructor(bytesPerSecond: number, perOwner: number, nowUs: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#perOwner = perOwner;
    this.#all = new Rate(bytesPerSecond, nowUs);
  }

  /** The rates of a new relay of that owner; release them with `close`. */
  open({ shares }: ShareOwner, nowUs: number): Rates {
    const own = shares.map(({ key, times }) => {
      let rate = this.#owners.get(key);
      if (rate === undefined) {
        rate = new Rate(Math.min(this.#bytesPerSecond, times * this.#perOwner), nowUs);
        this.#owners.set(key, rate);
      }
      rate.users++;
      return rate;
    });
    return [this.#all, ...own];
  }

  close({ shares }: ShareOwner): void {
    for (const { key } of shares) {
      const rate = this.#owners.get(key);
      if (rate !== undefined && --rate.users === 0) this.#owners.delete(key);
    }
  }
}

/** µs until all of them allow data to pass; 0: now. */
export function longestWaitUs(rates: Rates, nowUs: number): number {
  let waitUs = 0;
  for (const rate of rates) waitUs = Math.max(waitUs, rate.waitUs(nowUs));
  return waitUs;
}
