// Decides which datagrams to answer. Source addresses are easily forged: two services must never be
// made to answer each other forever, and no victim may be flooded through this server. Pure.

import { BoundedMap } from "../bounded-map.ts";
import type { DatagramDialect } from "../chat/dialect.ts";
import { ShareBuckets } from "../chat/rates/share-buckets.ts";
import { TokenBucket } from "../chat/rates/token-bucket.ts";
import { datagramDialects as limits } from "../limits.ts";
import { ownerAt } from "../share-owner.ts";

export const ok = "Ok";
export const invalidRequest = "Invalid request";

/** Marks answers to senders that are not served, which a ban's reason may make arbitrary. */
const refused = "Refused: ";

/** All answers of greeting and date-time. */
const answers =
  /^(?:Ok|Invalid request|Who's there\?|\d\d\/\d\d\/\d\d|\d\d:\d\d:\d\d|Refused: [^]*)$/;

/** Whether a datagram looks like an answer from another such server and must not be answered. */
export function looksLikeAnswer(text: string): boolean {
  return answers.test(text.trim());
}

/** The answer to a sender that is not served; undefined: none. */
export function refusalOf(request: string, reason: string): ReturnType<DatagramDialect["answer"]> {
  return looksLikeAnswer(request) ? undefined : { text: `${refused}${reason}` };
}

/** Decides by the sender's address alone, before the datagram is parsed. */
export class DatagramGuard {
  /** Keyed by address and port; beyond `maxSources` the least recently used entry is evicted. */
  readonly #sources = new BoundedMap<string, TokenBucket>(limits.maxSources);
  readonly #networks = new ShareBuckets(
    { perSecond: limits.networkPerSecond, burst: limits.networkBurst },
    limits.maxSources,
  );

  /** Whether a datagram from this sender may be answered now. */
  admits(address: string, port: number, nowMs: number): boolean {
    // Well-known service ports (echo, quote of the day, chargen, …); clients do not send from them.
    if (port <= limits.maxServicePort) return false;
    const source = `${address} ${port}`;
    let bucket = this.#sources.get(source);
    if (bucket === undefined) {
      bucket = new TokenBucket(limits.sourcePerSecond, limits.sourceBurst, nowMs);
      this.#sources.set(source, bucket);
    }
    return bucket.take(1, nowMs) && this.#networks.take(ownerAt(address), nowMs) === 0;
  }
}
