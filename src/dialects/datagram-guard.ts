// Which datagrams get an answer. The sender of a datagram is easily forged, so no two services may
// be set talking to each other without end, and nobody may be flooded through us. Pure.

import { isLoopback, networkOf } from "../addresses.ts";
import { BoundedMap } from "../bounded-map.ts";
import { TokenBucket } from "../chat/token-bucket.ts";
import { datagramDialects as limits } from "../limits.ts";

export const ok = "Ok";
export const invalidRequest = "Invalid request";

/** Dates and times, and the other answers of greeting and date-time. */
const answers = /^(?:Ok|Invalid request|Who's there\?|\d\d\/\d\d\/\d\d|\d\d:\d\d:\d\d)$/;

/** Whether a datagram is what servers of our kind send: it gets no answer. */
export function looksLikeAnswer(text: string): boolean {
  return answers.test(text.trim());
}

/** Decides by the sender, before anything is read. */
export class DatagramGuard {
  readonly #sources = new Buckets(limits.sourcePerSecond, limits.sourceBurst);
  readonly #networks = new Buckets(limits.networkPerSecond, limits.networkBurst);

  /** Whether a datagram from there may be answered now. */
  admits(address: string, port: number, nowMs: number): boolean {
    // Services listen there (echo, quote of the day, chargen, …), clients do not send from there.
    if (port <= limits.maxServicePort) return false;
    if (!this.#sources.take(`${address} ${port}`, nowMs)) return false;
    return isLoopback(address) || this.#networks.take(networkOf(address), nowMs);
  }
}

/** A token bucket for each key; beyond a number of keys the least recently used is forgotten. */
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
