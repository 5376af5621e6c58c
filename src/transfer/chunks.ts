// How a file is cut into chunks, each of which is sealed separately (docs/transfer.md "Chunks").
// Pure.

import { transfer as limit } from "../limits.ts";

/** Chunk size for a file: the smallest power of two that gives at most `maxChunks` chunks. */
export function chunkBytesFor(sizeBytes: number): number {
  let bytes: number = limit.minChunkBytes;
  while (bytes * limit.maxChunks < sizeBytes) bytes *= 2;
  return bytes;
}

export function chunkCount(sizeBytes: number, chunkBytes: number): number {
  return Math.ceil(sizeBytes / chunkBytes);
}

/** Bytes of a chunk; the last one may be shorter. */
export function chunkLength(index: number, sizeBytes: number, chunkBytes: number): number {
  return Math.min(chunkBytes, sizeBytes - index * chunkBytes);
}
