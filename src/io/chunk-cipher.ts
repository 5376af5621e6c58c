// The cipher for transfers: AES-256-GCM over whole chunks, with keys that are derived for one
// transfer and never stored (docs/transfer.md "Keys"). Uses BoringSSL through node:crypto, which is
// synchronous; WebCrypto goes through a thread pool and costs four times as much per chunk.

import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { transfer as limit } from "../limits.ts";
import type { OpenChunk } from "../transfer/assembler.ts";
import type { SealChunk } from "../transfer/sealed-chunks.ts";

/** Label of the TLS exporter (RFC 8446 §7.5) from which transfer keys are derived. */
export const exporterLabel = "EXPORTER-parley-transfer";

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const purpose = Buffer.from("parley transfer 2");

/** Values known to both ends of a transfer. */
export interface TransferSecrets {
  /** From the TLS session of the control connection; undefined over plain text. */
  readonly exported: Uint8Array | undefined;
  /** The transfer's number on its control connection. */
  readonly transfer: number;
  readonly token: Uint8Array;
}

/**
 * HKDF-SHA256 (RFC 5869). Over plain text the key is derived from the token alone, which anybody on
 * the path has seen: it then protects only against damage.
 */
export function transferKey({ exported, transfer, token }: TransferSecrets): Uint8Array {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(transfer));
  const info = Buffer.concat([purpose, number, token]);
  return new Uint8Array(hkdfSync("sha256", exported ?? token, "", info, limit.keyBytes));
}

/** Chunk `index` uses the nonce `index`, so a key must never be used for two files. */
export function chunkSealer(key: Uint8Array): SealChunk {
  const nonce = Buffer.alloc(nonceBytes);
  return (index, text) => {
    nonce.writeUInt32BE(index, nonceBytes - 4);
    const cipher = createCipheriv(algorithm, key, nonce);
    const bytes = cipher.update(text);
    cipher.final();
    return { bytes, tag: cipher.getAuthTag() };
  };
}

export function chunkOpener(key: Uint8Array): OpenChunk {
  const nonce = Buffer.alloc(nonceBytes);
  return (index, sealed, tag) => {
    nonce.writeUInt32BE(index, nonceBytes - 4);
    const decipher = createDecipheriv(algorithm, key, nonce);
    decipher.setAuthTag(tag);
    const text = decipher.update(sealed);
    try {
      decipher.final();
      return text;
    } catch {
      // Not what was sealed with this key and nonce.
      return undefined;
    }
  };
}

/** xxHash3 in hexadecimal: runs at memory speed; detects damage, not malice. */
export function chunkHash(bytes: Uint8Array): string {
  return Bun.hash.xxHash3(bytes).toString(16).padStart(16, "0");
}
