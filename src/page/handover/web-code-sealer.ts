// Seals the data of a channel between two ends that know a code, like tls/code-sealer.ts, with
// WebCrypto. This end is the one that was given the code.

import { joinedBytes } from "../../bytes.ts";
import { secretBytes } from "../../secrets.ts";
import type { ChannelSealer } from "../../tls/channel-sealer.ts";

const keyBytes = 32;
const algorithm = "AES-GCM";

export function webCodeSealer(secret: Uint8Array): ChannelSealer {
  const shared = secret.slice();
  return {
    async sealingTo(_key, info) {
      const enc = secretBytes(keyBytes).slice();
      const { key, exported } = await keysOf(shared, "guest", enc, info);
      const nonces = new Nonces();
      return {
        enc,
        async seal(bytes) {
          const iv = nonces.next();
          return new Uint8Array(
            await crypto.subtle.encrypt({ name: algorithm, iv }, key, bytes.slice()),
          );
        },
        export: async () => exported,
      };
    },
    async openingFrom(_key, enc, info) {
      if (enc.length !== keyBytes) throw new Error("That is no key of a channel");
      const { key, exported } = await keysOf(shared, "host", enc.slice(), info);
      const nonces = new Nonces();
      return {
        async open(bytes) {
          const iv = nonces.next();
          return new Uint8Array(
            await crypto.subtle.decrypt({ name: algorithm, iv }, key, bytes.slice()),
          );
        },
        export: async () => exported,
      };
    },
  };
}

/** The keys of one direction. `enc` is random, and sent along; `info` identifies the channel. */
async function keysOf(
  secret: Uint8Array<ArrayBuffer>,
  end: "guest" | "host",
  enc: Uint8Array<ArrayBuffer>,
  info: Uint8Array,
): Promise<{ key: CryptoKey; exported: Uint8Array }> {
  const { subtle } = crypto;
  const base = await subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const derive = async (what: string): Promise<Uint8Array<ArrayBuffer>> => {
    const about = new TextEncoder().encode(`parley code channel: ${what} ${end}\0`);
    const how = { name: "HKDF", hash: "SHA-256", salt: enc, info: joinedBytes([about, info]) };
    return new Uint8Array(await subtle.deriveBits(how, base, 8 * keyBytes));
  };
  const usages = ["encrypt", "decrypt"] as const;
  const key = await subtle.importKey("raw", await derive("key"), algorithm, false, [...usages]);
  return { key, exported: await derive("export") };
}

/** 96-bit counters: a channel never has that many lines. */
class Nonces {
  #last = 0n;

  next(): Uint8Array<ArrayBuffer> {
    const nonce = new Uint8Array(12);
    new DataView(nonce.buffer).setBigUint64(4, ++this.#last);
    return nonce;
  }
}
