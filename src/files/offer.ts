// The server's offer of a file, read from its line (docs/transfer.md). Hostile input: every field is checked against its bounds.

import { ParleyError } from "../errors.ts";
import { transfer as wire } from "../limits.ts";
import { chunkCount } from "../transfer/digests.ts";
import type { Line } from "./control-client.ts";

export interface Offer {
  readonly transfer: number;
  readonly size: number;
  /** Unix milliseconds. */
  readonly modified: number;
  readonly version: string;
  readonly chunkBytes: number;
  readonly udpPort: number;
  readonly maxSegmentBytes: number;
}

/** @throws ParleyError `protocol` */
export function readOffer(line: Line): Offer {
  const offer = {
    transfer: whole(line, "transfer", 0, Number.MAX_SAFE_INTEGER),
    size: whole(line, "size", 0, wire.maxFileBytes),
    modified: typeof line["modified"] === "number" ? line["modified"] : 0,
    version: line["version"],
    chunkBytes: whole(line, "chunkBytes", wire.minChunkBytes, Number.MAX_SAFE_INTEGER),
    udpPort: whole(line, "udpPort", 1, 65_535),
    maxSegmentBytes: whole(line, "maxSegmentBytes", wire.minSegmentBytes, wire.maxSegmentBytes),
  };
  const { version } = offer;
  if (line["type"] !== "offer" || typeof version !== "string" || version.length > 64) {
    throw new ParleyError("protocol", "The server answered something else than an offer.");
  }
  if (
    chunkCount(offer.size, offer.chunkBytes) > wire.maxChunks ||
    !isPowerOfTwo(offer.chunkBytes)
  ) {
    throw new ParleyError(
      "protocol",
      `The server offers ${offer.size} bytes in chunks of ${offer.chunkBytes}.`,
    );
  }
  return { ...offer, version };
}

function whole(line: Line, field: string, least: number, most: number): number {
  const value = line[field];
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) {
    return value;
  }
  throw new ParleyError("protocol", `The server's offer has no valid \`${field}\`.`);
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}
