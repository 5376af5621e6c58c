// Checks that a server's offer of a file (docs/transfer.md) is within bounds. Hostile input, of
// which decode-server.ts has only checked the types.

import { ParleyError } from "../errors.ts";
import { protocol, transfer as wire } from "../limits.ts";
import type { FileOffer } from "../protocol/messages.ts";
import { chunkCount } from "../transfer/chunks.ts";

/** Returns the offer. @throws ParleyError `protocol` */
export function checkOffer(offer: FileOffer): FileOffer {
  const { size, version, chunkBytes, udpPort, maxSegmentBytes } = offer;
  const isValid =
    size <= wire.maxFileBytes &&
    version.length <= protocol.maxEpochChars &&
    udpPort <= 65_535 &&
    maxSegmentBytes >= wire.minSegmentBytes &&
    maxSegmentBytes <= wire.maxSegmentBytes &&
    chunkBytes >= wire.minChunkBytes &&
    chunkBytes <= wire.maxChunkBytes &&
    Number.isInteger(Math.log2(chunkBytes)) &&
    chunkCount(size, chunkBytes) <= wire.maxChunks;
  if (isValid) return offer;
  const numbers =
    `${size} bytes in chunks of ${chunkBytes}, ` +
    `segments of up to ${maxSegmentBytes}, port ${udpPort}`;
  throw new ParleyError(
    "protocol",
    `The server's offer is outside the protocol's bounds: ${numbers}.`,
  );
}
