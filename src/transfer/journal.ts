// The journal of a partial file: which file it belongs to, and which chunks have been written.
// Lines are checksummed and append-only, so that a process may die at any instant: a torn line is
// ignored. A journal is only a hint: every chunk is hashed again before the file counts as
// complete. Pure: text in, text out.

import { journal as limit } from "../limits.ts";
import { chunkCount } from "./digests.ts";
import { RangeSet } from "./ranges.ts";

/** Identifies the file that is being received. */
export interface JournalHead {
  readonly name: string;
  readonly size: number;
  /** The server's opaque identifier of this content (docs/transfer.md). */
  readonly version: string;
  readonly chunkBytes: number;
}

export interface Journal {
  readonly head: JournalHead;
  /** Bytes that have been written. */
  readonly present: RangeSet;
}

/** The first line of a journal. */
export function encodeHead(head: JournalHead): string {
  const { name, size, version, chunkBytes } = head;
  return line({ parley: 1, name, size, version, chunkBytes });
}

/** Lines that record written chunks [first, count]. */
export function encodeChunks(chunks: readonly (readonly [first: number, count: number])[]): string {
  return chunks.map((chunk) => line(chunk)).join("");
}

/** Reads a journal, skipping damaged lines; undefined if the head is damaged. Never throws. */
export function decodeJournal(text: string): Journal | undefined {
  const end = text.indexOf("\n");
  const head = end < 0 ? undefined : headOf(payload(text.slice(0, end)));
  if (head === undefined) return undefined;
  const present = new RangeSet();
  const chunks = chunkCount(head.size, head.chunkBytes);
  for (let at = end + 1; at < text.length;) {
    const next = text.indexOf("\n", at);
    // The last line was being written.
    if (next < 0) break;
    const record = payload(text.slice(at, next));
    at = next + 1;
    if (!isChunks(record) || record[0] + record[1] > chunks) continue;
    const [first, count] = record;
    present.add(first * head.chunkBytes, Math.min(head.size, (first + count) * head.chunkBytes));
  }
  return { head, present };
}

function line(value: unknown): string {
  const json = JSON.stringify(value);
  return `${checksum(json)} ${json}\n`;
}

function payload(text: string): unknown {
  const space = text.indexOf(" ");
  const json = text.slice(space + 1);
  if (space < 0 || text.slice(0, space) !== checksum(json)) return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function headOf(value: unknown): JournalHead | undefined {
  if (typeof value !== "object" || value === null || !("parley" in value) || value.parley !== 1) {
    return undefined;
  }
  if (!("name" in value && "size" in value && "version" in value && "chunkBytes" in value)) {
    return undefined;
  }
  const { name, size, version, chunkBytes } = value;
  if (typeof name !== "string" || typeof version !== "string") return undefined;
  if (!isCount(size) || !isCount(chunkBytes) || chunkBytes < limit.minChunkBytes) return undefined;
  return { name, size, version, chunkBytes };
}

function isChunks(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && isCount(value[0]) && isCount(value[1]);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** 32-bit FNV-1a (draft-eastlake-fnv): detects torn lines. The digests protect against malice. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
