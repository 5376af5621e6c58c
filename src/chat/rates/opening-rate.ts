// How often one network may connect, since each TLS handshake costs CPU. Loopback is exempt. Pure.

import { connections as limits } from "../../limits.ts";
import { ShareBuckets } from "./share-buckets.ts";

export function openingRate(): ShareBuckets {
  const rate = { perSecond: limits.openedPerSecond, burst: limits.openedAtOnce };
  return new ShareBuckets(rate, limits.loginAddresses);
}
