// Decides which datagrams are answered. Source addresses are easily forged: no two services must be
// set answering each other forever, and no victim flooded through us. Pure.

import { isLoopback, networkOf } from "../addresses.ts";
import { BoundedMap } from "../bounded-map.ts";
import { TokenBucket } from "../chat/token-bucket.ts";
import { datagramDialects as limits } from "../limits.ts";

export const ok = "Ok";
export const invalidRequest = "Invalid request";

/** All answers of greeting and date-time. */
const answers = /^(?:Ok|Invalid request|Who's there\?|\d\d\/\d\d\/\d\d|\d\d:\d\d:\d\d)$/;

/** Whether a datagram looks like an answer from another such server, and so gets none. */
export function looksLikeAnswer(text: string): boolean {
  return answers.test(text.trim());
}

/** Decides by sender alone, before the datagram is parsed. */
export class DatagramGuard {
  readonly #sources = new Buckets(limits.sourcePerSecond, limits.sourceBurst);
  readonly #networks = new Buckets(limits.networkPerSecond, limits.networkBurst);

  /** Whether a datagram from this sender may be answered now. */
  admits(address: string, port: number, nowMs: number): boolean {
    // Ports of services (echo, quote of the day, chargen, …); clients do not send from them.
    if (port <= limits.maxServicePort) return false;
    if (!this.#sources.take(`${address} ${port}`, nowMs)) return false;
    return isLoopback(address) || this.#networks.take(networkOf(address), nowMs);
  }
}

/** A token bucket per key; beyond `maxSources` keys the least recently used is forgotten. */
class Buckets {
  readonly #buckets = new BoundedMap<string, TokenBucket>(limits.maxSources);

  constructor(
    readonly perSecond: number,
    readonly burst: number,
  ) {}

  take(key: string, nowMs: number): boolean {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.perSecond, this.burst, nowMs);
      this.#buckets.set(key, bucket);
    }
    return bucket.take(1, nowMs);
  }
}
