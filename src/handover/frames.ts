// The frames of a channel between two people (docs/transfer.md, "From person to person"): lines of
// the transfer protocol, sealed if both ends have keys, and pieces of files, which are already
// sealed. Text in, text out; needs neither socket nor key, and works in browsers too.

import { fromBase64, joinedBytes, toBase64 } from "../bytes.ts";
import { message, offers as limits } from "../limits.ts";
import type { Piece } from "../transfer/piece.ts";

/** The kind of a frame: its first byte. */
const frameKind = {
  /** The ephemeral key of the following direction: 32 bytes. */
  key: 0,
  /** The end of a line, or a whole line. */
  line: 1,
  /** A part of a line, of which more follows. */
  part: 2,
  piece: 3,
  /**
   * A step in proving knowledge of a code (codes/code-steps.ts); sent before anything is sealed.
   */
  code: 4,
} as const;

export type Frame =
  | { kind: "key"; enc: Uint8Array }
  | { kind: "line" | "part"; bytes: Uint8Array }
  | ({ kind: "piece" } & Piece);

/** Bytes of a line in one frame: sealing adds 16, and base64 a third. */
const partBytes = Math.floor((limits.maxFrameChars * 3) / 4) - 64;

const pieceHeadBytes = 11;

export function encodeKey(enc: Uint8Array): string {
  return toBase64(joinedBytes([Uint8Array.of(frameKind.key), enc]));
}

/** `sealed`: one sealed part from `partsOf` a line. */
export function encodePart(sealed: Uint8Array, isLast: boolean): string {
  const kind = Uint8Array.of(isLast ? frameKind.line : frameKind.part);
  return toBase64(joinedBytes([kind, sealed]));
}

export function encodePiece({ transfer, offset, bytes }: Piece): string {
  const frame = new Uint8Array(pieceHeadBytes + bytes.length);
  const head = new DataView(frame.buffer);
  head.setUint8(0, frameKind.piece);
  head.setUint32(1, transfer);
  head.setUint16(5, Math.floor(offset / 2 ** 32));
  head.setUint32(7, offset % 2 ** 32);
  frame.set(bytes, pieceHeadBytes);
  return toBase64(frame);
}

/** `step`: see codes/code-steps.ts. */
export function encodeCodeStep(step: Uint8Array): string {
  return toBase64(joinedBytes([Uint8Array.of(frameKind.code), step]));
}

/** The step in this frame; undefined: a frame of another kind. */
export function codeStepIn(data: string): Uint8Array | undefined {
  if (data.length > maxStepChars) return undefined;
  const bytes = fromBase64(data);
  return bytes?.[0] === frameKind.code ? bytes.slice(1) : undefined;
}

/** A step contains at most two nonces or shares of 32 bytes. */
const maxStepChars = 128;

/** Undefined: not a valid frame inside a channel. */
export function decodeFrame(data: string): Frame | undefined {
  const bytes = fromBase64(data);
  if (bytes === undefined) return undefined;
  switch (bytes[0]) {
    case frameKind.key:
      return { kind: "key", enc: bytes.subarray(1) };
    case frameKind.line:
      return { kind: "line", bytes: bytes.subarray(1) };
    case frameKind.part:
      return { kind: "part", bytes: bytes.subarray(1) };
    case frameKind.piece: {
      if (bytes.length <= pieceHeadBytes) return undefined;
      const head = new DataView(bytes.buffer);
      return {
        kind: "piece",
        transfer: head.getUint32(1),
        offset: head.getUint16(5) * 2 ** 32 + head.getUint32(7),
        bytes: bytes.subarray(pieceHeadBytes),
      };
    }
    default:
      return undefined;
  }
}

/** A line, split into as many parts as needed. */
export function partsOf(line: string): Uint8Array[] {
  const bytes = new TextEncoder().encode(line);
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += partBytes) {
    parts.push(bytes.subarray(at, at + partBytes));
  }
  return parts;
}

/** Parts kept separately; a sender of single bytes must not cost an object each. */
const maxParts = 64;

/** Reassembles lines. */
export class LineParts {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /** The line that ends with this part; undefined: more follows. False: the line is too long. */
  add(part: Uint8Array, isLast: boolean): string | undefined | false {
    this.#bytes += part.length;
    if (this.#bytes > message.maxLineBytes) return false;
    // Empty parts would accumulate without limit.
    if (part.length > 0) this.#parts.push(part);
    if (this.#parts.length > maxParts) this.#parts = [joinedBytes(this.#parts)];
    if (!isLast) return undefined;
    const line = new TextDecoder().decode(joinedBytes(this.#parts));
    this.#parts = [];
    this.#bytes = 0;
    return line;
  }
}
