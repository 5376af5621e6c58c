// The number of an offer. The same files sent to the same person from the same device have the same
// number, so that a sender that was killed resumes its offer when it is started again. Nobody
// without the device's key can know it.

import type { ClientIdentity } from "../client/events.ts";
import { fold } from "../chat/names/grammar.ts";
import { secretBytes } from "../secrets.ts";

const numberBytes = 16;

/** An unguessable number that is never used again. */
export function offerId(): string {
  return Buffer.from(secretBytes(numberBytes)).toString("base64url");
}

/** 16 bytes in base64url; without a key they are random. */
export function offerNumber(
  identity: ClientIdentity | undefined,
  from: string,
  to: string,
  paths: readonly string[],
): string {
  return numberOf(identity, ["parley file offer", fold(from), fold(to), ...paths.toSorted()]);
}

/**
 * The number of an upload to the server's shared folder. `versions`: differ when a file has
 * changed, since a changed file is not in the folder yet.
 */
export function shareNumber(
  identity: ClientIdentity | undefined,
  from: string,
  versions: readonly string[],
): string {
  return numberOf(identity, ["parley shared files", fold(from), ...versions.toSorted()]);
}

function numberOf(identity: ClientIdentity | undefined, words: readonly string[]): string {
  if (identity === undefined) return offerId();
  const about = words.join("\0");
  const secret = identity.sign(about);
  const hash = new Bun.CryptoHasher("sha256").update(secret).digest();
  return hash.subarray(0, numberBytes).toString("base64url");
}
