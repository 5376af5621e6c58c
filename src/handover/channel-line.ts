// The lines with which the recipient of files says how it goes, beside those of transfers: read with a
// bounded decoder, since whoever is at the other end may be hostile.

import { FieldReader, parseObject } from "../protocol/field-reader.ts";

export type ReceiptLine =
  /** Bytes that are verified, of all files. */
  | { type: "progress"; bytes: number }
  /**
   * Everything is in place that will be. `failed`: files that are not, and why the first of them.
   * `proof`: only the recipient can know it (`proofOf`); empty in channels that are not sealed.
   */
  | { type: "received"; files: number; failed: number; reason: string; proof: string };

export function encodeReceipt(line: ReceiptLine): string {
  return JSON.stringify(line);
}

/** Undefined: it is none of these. */
export function decodeReceipt(text: string): ReceiptLine | undefined {
  const fields = parseObject(text, { maxValues: 16 });
  if (fields === undefined) return undefined;
  const r = new FieldReader(fields);
  let line: ReceiptLine | undefined;
  if (fields["type"] === "progress") line = { type: "progress", bytes: r.count("bytes") };
  if (fields["type"] === "received") {
    const [files, failed] = [r.count("files"), r.count("failed")];
    line = { type: "received", files, failed, reason: r.text("reason"), proof: r.text("proof") };
  }
  return r.problem === undefined ? line : undefined;
}

/** Of the secret that both ends of a sealed channel have. */
export function proofOf(exported: Uint8Array | undefined): string {
  if (exported === undefined) return "";
  const hasher = new Bun.CryptoHasher("sha256").update("parley received").update(exported);
  return hasher.digest("base64url");
}
