// The cipher of transfers (docs/transfer.md "Keys") with WebCrypto. If the channel is not sealed,
// the key is derived from the token, which the server has seen: then it only protects from damage.

import { joinedBytes } from "../../bytes.ts";
import { transfer as limit } from "../../limits.ts";

const algorithm = "AES-GCM";
const nonceBytes = 12;
const purpose = new TextEncoder().encode("parley transfer 2");

export class ChunkCipher {
  readonly #key: CryptoKey;

  private constructor(key: CryptoKey) {
    this.#key = key;
  }

  /** `exported`: the secret of a sealed channel. `transfer`: its number in the channel. */
  static async derive(
    token: Uint8Array<ArrayBuffer>,
    transfer: number,
    exported?: Uint8Array,
  ): Promise<ChunkCipher> {
    const number = new Uint8Array(8);
    new DataView(number.buffer).setBigUint64(0, BigInt(transfer));
    const { subtle } = crypto;
    const shared = exported?.slice() ?? token;
    const secret = await subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
    const key = await subtle.deriveKey(
      {
        name: "HKDF",
        hash: "SHA-256",
        salt: new Uint8Array(0),
        info: joinedBytes([purpose, number, token]),
      },
      secret,
      { name: algorithm, length: 8 * limit.keyBytes },
      false,
      ["encrypt", "decrypt"],
    );
    return new ChunkCipher(key);
  }

  /** Returns the sealed bytes followed by their tag. */
  async seal(index: number, text: BufferSource): Promise<Uint8Array> {
    return new Uint8Array(
      await crypto.subtle.encrypt({ name: algorithm, iv: nonce(index) }, this.#key, text),
    );
  }

  /** Undefined: not sealed with this key for this position. */
  async open(index: number, sealed: BufferSource): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      return new Uint8Array(
        await crypto.subtle.decrypt({ name: algorithm, iv: nonce(index) }, this.#key, sealed),
      );
    } catch {
      return undefined;
    }
  }
}

/** Whether this page may use it: browsers deny it to pages loaded in plain text. */
export const hasCipher: boolean = "subtle" in crypto;

function nonce(index: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(nonceBytes);
  new DataView(bytes.buffer).setUint32(nonceBytes - 4, index);
  return bytes;
}
