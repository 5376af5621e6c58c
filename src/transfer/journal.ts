// The journal of a partial file: which file it is, who sent it, and which chunks have been written,
// with a hash of each. Lines are checksummed and append-only, so that a process may die at any
// time: a torn line is ignored. Every chunk is read back and compared with its hash before it
// counts. Pure: text in, text out.

import { journal as limit } from "../limits.ts";
import { chunkCount } from "./chunks.ts";
import { fnv1a } from "./fnv1a.ts";

/** Identifies the file that is being received. */
export interface JournalHead {
  readonly name: string;
  readonly size: number;
  /** The server's opaque identifier of this content (docs/transfer.md). */
  readonly version: string;
  readonly chunkBytes: number;
  /** Pin of the key that the sender has proved; null over plain text. */
  readonly sender: string | null;
}

/** A written chunk, and the hash of its bytes. */
export type WrittenChunk = readonly [index: number, hash: string];

export interface Journal {
  readonly head: JournalHead;
  /** Hashes of the chunks that have been written. */
  readonly chunks: Map<number, string>;
}

const version = 2;
const hashForm = /^[0-9a-f]{16}$/;
const hashDigits = 16;

/** The first line of a journal. */
export function encodeHead(head: JournalHead): string {
  const { name, size, version: content, chunkBytes, sender } = head;
  return line({ parley: version, name, size, version: content, chunkBytes, sender });
}

/**
 * Lines that record written chunks: the first index of a run, then the hashes of the chunks in it.
 */
export function encodeChunks(written: readonly WrittenChunk[]): string {
  const sorted = written.toSorted(([a], [b]) => a - b);
  let text = "";
  for (let i = 0; i < sorted.length;) {
    const [first, hash] = sorted[i]!;
    let hashes = hash;
    let count = 1;
    while (sorted[i + count]?.[0] === first + count) hashes += sorted[i + count++]![1];
    text += line([first, hashes]);
    i += count;
  }
  return text;
}

/** Parses a journal, skipping damaged lines; undefined if the head is damaged. Never throws. */
export function decodeJournal(text: string): Journal | undefined {
  const end = text.indexOf("\n");
  const head = end < 0 ? undefined : headOf(payload(text.slice(0, end)));
  if (head === undefined) return undefined;
  const chunks = new Map<number, string>();
  const all = chunkCount(head.size, head.chunkBytes);
  for (let at = end + 1; at < text.length;) {
    const next = text.indexOf("\n", at);
    // The last line is incomplete.
    if (next < 0) break;
    const record = payload(text.slice(at, next));
    at = next + 1;
    if (!isRun(record)) continue;
    const [first, hashes] = record;
    const count = hashes.length / hashDigits;
    if (!Number.isInteger(count) || first + count > all) continue;
    for (let i = 0; i < count; i++) {
      const hash = hashes.slice(i * hashDigits, (i + 1) * hashDigits);
      if (hashForm.test(hash)) chunks.set(first + i, hash);
    }
  }
  return { head, chunks };
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
  if (typeof value !== "object" || value === null) return undefined;
  if (!("parley" in value) || value.parley !== version) return undefined;
  if (!("name" in value && "size" in value && "version" in value)) return undefined;
  if (!("chunkBytes" in value && "sender" in value)) return undefined;
  const { name, size, version: content, chunkBytes, sender } = value;
  if (typeof name !== "string" || typeof content !== "string") return undefined;
  if (sender !== null && typeof sender !== "string") return undefined;
  if (!isCount(size) || !isCount(chunkBytes) || chunkBytes < limit.minChunkBytes) return undefined;
  return { name, size, version: content, chunkBytes, sender };
}

function isRun(value: unknown): value is [number, string] {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    isCount(value[0]) &&
    typeof value[1] === "string" &&
    value[1].length <= limit.maxBytes
  );
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Detects torn lines. */
function checksum(text: string): string {
  return fnv1a(text).toString(16).padStart(8, "0");
}
