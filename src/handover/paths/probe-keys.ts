// The keys of probes, one per direction, derived from the channel's secret, which only its two ends
// know if it is sealed, and from both ends' random values.

import { hkdfSync } from "node:crypto";
import type { ProbeHash } from "../../transfer/paths/path-wire.ts";

export type ProbeSecrets = {
  /** Undefined: the channel is not sealed, and the server can know the key. */
  readonly exported: Uint8Array | undefined;
  readonly recipient: Uint8Array;
  readonly sender: Uint8Array;
};

export function probeHashes({ exported = new Uint8Array(0), recipient, sender }: ProbeSecrets): {
  recipient: ProbeHash;
  sender: ProbeHash;
} {
  const secret = Buffer.concat([exported, recipient, sender]);
  const hashBy = (end: string): ProbeHash => {
    const key = Buffer.from(hkdfSync("sha256", secret, "", `parley paths ${end}`, 32));
    return (message) => new Bun.CryptoHasher("sha256", key).update(message).digest();
  };
  return { recipient: hashBy("recipient"), sender: hashBy("sender") };
}
