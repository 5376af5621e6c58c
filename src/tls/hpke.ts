// HPKE (RFC 9180) in Auth mode between devices: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
// AES-256-GCM. The X25519 keys are the devices' Ed25519 keys in Montgomery form (RFC 7748 §4.1), as
// in age and libsodium: anyone who knows one can compute the other, and no server can swap it.

import {
  Aes256Gcm,
  CipherSuite,
  DhkemX25519HkdfSha256,
  HkdfSha256,
  type RecipientContext,
  type SenderContext,
} from "@hpke/core";
import { ed25519 } from "@noble/curves/ed25519.js";
import { BoundedMap } from "../bounded-map.ts";
import { sealed as limits } from "../limits.ts";

export type HpkeContext = SenderContext | RecipientContext;

const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** Bytes of the sender's ephemeral key (RFC 9180, table 2). */
export const encBytes = 32;

/** One device's key pair, and the public keys of other devices that it has used. */
export class DeviceKeys {
  readonly #seed: Uint8Array;
  #pair: Promise<CryptoKeyPair> | undefined;
  readonly #others = new BoundedMap<string, Promise<CryptoKey>>(limits.maxSenders);

  /** `seed`: the seed of its Ed25519 key, 32 bytes. */
  constructor(seed: Uint8Array) {
    this.#seed = seed;
  }

  /** `key`: the other device's, in base64url. @throws if it is not a public key */
  async senderTo(key: string, info: Uint8Array): Promise<SenderContext> {
    const [recipientPublicKey, senderKey] = [await this.#other(key), await this.#own()];
    return suite.createSenderContext({ recipientPublicKey, senderKey, info });
  }

  /** @throws if `enc` was not created by that key for this one in that context */
  async recipientFrom(key: string, enc: Uint8Array, info: Uint8Array): Promise<RecipientContext> {
    const [senderPublicKey, recipientKey] = [await this.#other(key), await this.#own()];
    const ephemeral = Uint8Array.from(enc).buffer;
    return suite.createRecipientContext({ recipientKey, senderPublicKey, enc: ephemeral, info });
  }

  #own(): Promise<CryptoKeyPair> {
    return (this.#pair ??= keyPairOf(this.#seed));
  }

  #other(key: string): Promise<CryptoKey> {
    const found = this.#others.get(key) ?? publicKeyOf(Buffer.from(key, "base64url"));
    this.#others.set(key, found);
    return found;
  }
}

async function keyPairOf(seed: Uint8Array): Promise<CryptoKeyPair> {
  const secret = Uint8Array.from(ed25519.utils.toMontgomerySecret(seed));
  const [privateKey, publicKey] = await Promise.all([
    suite.kem.importKey("raw", secret.buffer, false),
    publicKeyOf(ed25519.getPublicKey(seed)),
  ]);
  return { privateKey, publicKey };
}

/** @throws if it is not an Ed25519 key, or is one of the few with a publicly known private key */
async function publicKeyOf(key: Uint8Array): Promise<CryptoKey> {
  const point = ed25519.Point.fromBytes(key);
  point.assertValidity();
  if (point.isSmallOrder()) throw new Error("a key of small order");
  return suite.kem.importKey("raw", Uint8Array.from(ed25519.utils.toMontgomery(key)).buffer, true);
}
