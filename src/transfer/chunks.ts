// How a file is cut into chunks, each of which is sealed separately (docs/transfer.md "Chunks").
// Pure.

import { transfer as limit } from "../limits.ts";

/**
 * Larger files have larger chunks: each costs both ends some 10 µs besides what its bytes cost, and
 * sealed and opened, one still fits the second-level cache of most processors.
 */
const largeFileBytes = 64 * 1_024 * 1_024;
const largeFileChunkBytes = 256 * 1_024;

/** Chunk size for a file: a power of two that gives at most `maxChunks` chunks. */
export function chunkBytesFor(sizeBytes: number): number {
  let bytes: number = sizeBytes > largeFileBytes ? largeFileChunkBytes : limit.minChunkBytes;
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
