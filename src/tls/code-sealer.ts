// Seals the traffic of a channel between two ends that know a code, with the secret from their
// exchange: AES-256-GCM with keys that are derived for one direction of one channel.

import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { secretBytes } from "../secrets.ts";
import type { ChannelSealer } from "./channel-sealer.ts";

const keyBytes = 32;
const tagBytes = 16;

/** `own`: this end; the guest was given the code. */
export function codeSealer(secret: Uint8Array, own: "guest" | "host"): ChannelSealer {
  const other = own === "guest" ? "host" : "guest";
  return {
    async sealingTo(_key, info) {
      const enc = secretBytes(keyBytes);
      const keys = keysOf(secret, `${own}`, enc, info);
      const nonces = new Nonces();
      return {
        enc,
        async seal(bytes) {
          const cipher = createCipheriv("aes-256-gcm", keys.key, nonces.next());
          const sealed = [cipher.update(bytes), cipher.final(), cipher.getAuthTag()];
          return new Uint8Array(Buffer.concat(sealed));
        },
        export: async () => keys.exported,
      };
    },
    async openingFrom(_key, enc, info) {
      if (enc.length !== keyBytes) throw new Error("Invalid channel key");
      const keys = keysOf(secret, `${other}`, enc, info);
      const nonces = new Nonces();
      return {
        async open(bytes) {
          const decipher = createDecipheriv("aes-256-gcm", keys.key, nonces.next());
          decipher.setAuthTag(bytes.subarray(-tagBytes));
          const opened = decipher.update(bytes.subarray(0, -tagBytes));
          return new Uint8Array(Buffer.concat([opened, decipher.final()]));
        },
        export: async () => keys.exported,
      };
    },
  };
}

/** Keys for one direction. `enc` is random and sent along; `info` identifies the channel. */
function keysOf(secret: Uint8Array, end: string, enc: Uint8Array, info: Uint8Array) {
  const derive = (what: string): Uint8Array => {
    const about = Buffer.concat([Buffer.from(`parley code channel: ${what} ${end}\0`), info]);
    return new Uint8Array(hkdfSync("sha256", secret, enc, about, keyBytes));
  };
  return { key: derive("key"), exported: derive("export") };
}

/** A 96-bit counter: a channel never has that many frames. */
class Nonces {
  #last = 0n;

  next(): Uint8Array {
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64BE(++this.#last, 4);
    return nonce;
  }
}
