// The pin of a certificate: the fingerprint of its public key, which survives renewal of the
// certificate.

import type { X509Certificate } from "node:crypto";

/** SHA-256 of the SubjectPublicKeyInfo (RFC 7469 §2.4), in base64url. */
export function pinOf(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  return new Bun.CryptoHasher("sha256").update(spki).digest("base64url");
}
