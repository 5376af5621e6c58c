// Seals what passes through a channel between two who know a code, by the secret that its exchange has
// given both: AES-256-GCM under keys that are made for one direction of one channel alone.

import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { secretBytes } from "../secrets.ts";
import type { ChannelSealer } from "./channel-sealer.ts";

const keyBytes = 32;
const tagBytes = 16;

/** `isGuest`: this end is that of who was told the code. */
export function codeSealer(secret: Uint8Array, isGuest: boolean): ChannelSealer {
  const [own, other] = isGuest ? ["guest", "host"] : ["host", "guest"];
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
      if (enc.length !== keyBytes) throw new Error("That is no key of a channel");
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

/** Of one direction. `enc` is random, and sent along; `info` says which channel it is. */
function keysOf(secret: Uint8Array, end: string, enc: Uint8Array, info: Uint8Array) {
  const derive = (what: string): Uint8Array => {
    const about = Buffer.concat([Buffer.from(`parley code channel: ${what} ${end}\0`), info]);
    return new Uint8Array(hkdfSync("sha256", secret, enc, about, keyBytes));
  };
  return { key: derive("key"), exported: derive("export") };
}

/** 96 bits, counted: a channel never has as many lines. */
class Nonces {
  #last = 0n;

  next(): Uint8Array {
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64BE(++this.#last, 4);
    return nonce;
  }
}
