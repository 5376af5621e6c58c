// Seals private messages by HPKE (RFC 9180) in Auth mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
// AES-256-GCM. The X25519 keys are the devices' Ed25519 keys in Montgomery form (RFC 7748 §4.1), as
// in age and libsodium, so that whoever knows one knows the other, and no server can swap it.

import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { ed25519 } from "@noble/curves/ed25519.js";
import { BoundedMap } from "../bounded-map.ts";
import type { MessageSealer } from "../client/sealed-text.ts";
import { sealed as limits } from "../limits.ts";

const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** Bytes of the sender's ephemeral key at the start of a box (RFC 9180, table 2). */
const encBytes = 32;

/** For the Ed25519 key of this seed, 32 bytes. */
export function messageSealer(seed: Uint8Array): MessageSealer {
  let pair: Promise<CryptoKeyPair> | undefined;
  const own = (): Promise<CryptoKeyPair> => (pair ??= keyPairOf(seed));
  const others = new BoundedMap<string, Promise<CryptoKey>>(limits.maxSenders);
  const other = (key: string): Promise<CryptoKey> => {
    const found = others.get(key) ?? publicKeyOf(Buffer.from(key, "base64url"));
    others.set(key, found);
    return found;
  };
  return {
    async seal(content, to, context) {
      const sender = { recipientPublicKey: await other(to), senderKey: await own() };
      const { enc, ct } = await suite.seal({ ...sender, info: infoOf(context) }, content);
      return Buffer.concat([Buffer.from(enc), Buffer.from(ct)]).toString("base64url");
    },
    async open(box, from, context) {
      const bytes = Uint8Array.from(Buffer.from(box, "base64url"));
      const enc = bytes.slice(0, encBytes).buffer;
      try {
        const recipient = { recipientKey: await own(), senderPublicKey: await other(from), enc };
        const sealed = bytes.slice(encBytes);
        return new Uint8Array(await suite.open({ ...recipient, info: infoOf(context) }, sealed));
      } catch {
        return undefined;
      }
    },
  };
}

function infoOf(context: string): Uint8Array {
  return new TextEncoder().encode(context);
}

async function keyPairOf(seed: Uint8Array): Promise<CryptoKeyPair> {
  const secret = Uint8Array.from(ed25519.utils.toMontgomerySecret(seed));
  const [privateKey, publicKey] = await Promise.all([
    suite.kem.importKey("raw", secret.buffer, false),
    publicKeyOf(ed25519.getPublicKey(seed)),
  ]);
  return { privateKey, publicKey };
}

/** @throws if that is no Ed25519 key, or one of the few that are everybody's */
async function publicKeyOf(key: Uint8Array): Promise<CryptoKey> {
  const point = ed25519.Point.fromBytes(key);
  point.assertValidity();
  if (point.isSmallOrder()) throw new Error("not a key of anybody's");
  return suite.kem.importKey("raw", Uint8Array.from(ed25519.utils.toMontgomery(key)).buffer, true);
}
