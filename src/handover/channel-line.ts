// The lines with which the recipient of files reports progress, in addition to the transfer lines.
// They are read with a bounded decoder, since the other end may be hostile.

import { FieldReader, parseObject } from "../protocol/field-reader.ts";

export type ReceiptLine =
  /** The number of verified bytes, in all files. */
  | { type: "progress"; bytes: number }
  /**
   * Everything that can be saved is in place. `failed`: the number of files that could not be
   * saved; `reason`: why the first of them failed. `proof`: a value that only the recipient can
   * know (`proofOf`); empty in channels that are not sealed.
   */
  | { type: "received"; files: number; failed: number; reason: string; proof: string };

export function encodeReceipt(line: ReceiptLine): string {
  return JSON.stringify(line);
}

/** Undefined: not one of these lines. */
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

/** The proof derived from the secret that both ends of a sealed channel share. */
export function proofOf(exported: Uint8Array | undefined): string {
  if (exported === undefined) return "";
  const hasher = new Bun.CryptoHasher("sha256").update("parley received").update(exported);
  return hasher.digest("base64url");
}
