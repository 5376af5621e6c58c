// A device's keys for HPKE, and what it seals with them. HPKE itself is loaded when it is first
// used: that takes longer than the rest of a command that seals nothing.

import { BoundedMap } from "../bounded-map.ts";
import { sealed as limits } from "../limits.ts";
import type { RecipientContext, SenderContext } from "./hpke.ts";

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
    const { suite } = await import("./hpke.ts");
    const [recipientPublicKey, senderKey] = [await this.#other(key), await this.#own()];
    return suite.createSenderContext({ recipientPublicKey, senderKey, info });
  }

  /** @throws if `enc` was not created by that key for this one in that context */
  async recipientFrom(key: string, enc: Uint8Array, info: Uint8Array): Promise<RecipientContext> {
    const { suite } = await import("./hpke.ts");
    const [senderPublicKey, recipientKey] = [await this.#other(key), await this.#own()];
    const ephemeral = Uint8Array.from(enc).buffer;
    return suite.createRecipientContext({ recipientKey, senderPublicKey, enc: ephemeral, info });
  }

  #own(): Promise<CryptoKeyPair> {
    return (this.#pair ??= keyPair(this.#seed));
  }

  #other(key: string): Promise<CryptoKey> {
    const found = this.#others.get(key) ?? publicKey(key);
    this.#others.set(key, found);
    return found;
  }
}

async function keyPair(seed: Uint8Array): Promise<CryptoKeyPair> {
  const { keyPairOf } = await import("./hpke.ts");
  return keyPairOf(seed);
}

async function publicKey(key: string): Promise<CryptoKey> {
  const { publicKeyOf } = await import("./hpke.ts");
  return publicKeyOf(Buffer.from(key, "base64url"));
}
