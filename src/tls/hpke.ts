// HPKE (RFC 9180) in Auth mode between devices: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
// AES-256-GCM. The X25519 keys are the devices' Ed25519 keys in Montgomery form (RFC 7748 §4.1), as
// in age and libsodium: anyone who knows one can compute the other, and no server can swap it.

import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { ed25519 } from "@noble/curves/ed25519.js";

export type { RecipientContext, SenderContext } from "@hpke/core";

export const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** `seed`: the seed of the device's Ed25519 key, 32 bytes. */
export async function keyPairOf(seed: Uint8Array): Promise<CryptoKeyPair> {
  const secret = Uint8Array.from(ed25519.utils.toMontgomerySecret(seed));
  const [privateKey, publicKey] = await Promise.all([
    suite.kem.importKey("raw", secret.buffer, false),
    publicKeyOf(ed25519.getPublicKey(seed)),
  ]);
  return { privateKey, publicKey };
}

/** @throws if it is not an Ed25519 key, or is one of the few with a publicly known private key */
export async function publicKeyOf(key: Uint8Array): Promise<CryptoKey> {
  const point = ed25519.Point.fromBytes(key);
  point.assertValidity();
  if (point.isSmallOrder()) throw new Error("a key of small order");
  return suite.kem.importKey("raw", Uint8Array.from(ed25519.utils.toMontgomery(key)).buffer, true);
}
