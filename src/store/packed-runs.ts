// The stored form of what was said in a room during one turn: rows of JSON with a bounded number of
// messages, so that reading a page or deleting the oldest messages takes bounded work however long
// the turn was.

import type { MessageKind, Said } from "../chat/events.ts";
import type { SaidRun } from "../chat/rooms/said-run.ts";
import { deletedText } from "../protocol/messages.ts";

/** Messages per row. Reading a page unpacks at most two more rows than it needs. */
const maxRowMessages = 256;
/**
 * UTF-16 code units of text after which a row accepts no further run; a single run may be longer.
 */
const maxRowChars = 64 * 1024;

/** Consecutive messages of a room. `runs` is a JSON array of `StoredRun`. */
export type PackedRow = {
  readonly count: number;
  /** Time of the first message. */
  readonly timeMs: number;
  readonly runs: string;
};

/**
 * A run in a row. `at` is the index of its first message; `time` is omitted if it equals the row's.
 */
export type StoredRun = {
  at: number;
  time?: number;
  from: string;
  alias?: string;
  n?: number;
  kind?: MessageKind;
  texts: string[];
};

/**
 * Stands for a deleted text: DEL, which no text can contain (`harmlessLines`). In JSON it is a
 * single byte, so that a row never grows; and an earlier program shows nothing.
 */
const deletedMark = "\u007f";

export function packRuns(runs: readonly SaidRun[]): PackedRow[] {
  const rows: PackedRow[] = [];
  let count = 0;
  let chars = 0;
  let timeMs = 0;
  let json = "";
  const endRow = (): void => {
    if (count > 0) rows.push({ count, timeMs, runs: `[${json}]` });
    count = chars = 0;
    json = "";
  };
  for (const run of runs) {
    const { length } = run;
    if (count + length > maxRowMessages || chars + run.chars > maxRowChars) endRow();
    for (let from = 0; from < length; from += maxRowMessages) {
      const to = Math.min(length, from + maxRowMessages);
      if (from > 0) endRow();
      if (count === 0) timeMs = run.timeMs;
      else json += ",";
      json += runJson(run, from, to, count, timeMs);
      count += to - from;
    }
    chars += run.chars;
  }
  endRow();
  return rows;
}

/** Messages `from` up to but not including `to` of a run, at index `at` of a row. */
function runJson(run: SaidRun, from: number, to: number, at: number, rowTimeMs: number): string {
  const { timeMs, alias, kind, n } = run;
  const isWhole = from === 0 && to === run.length;
  // The native protocol sends the same string, so it is often cached.
  const texts = isWhole ? `[${run.textsJson}]` : JSON.stringify(run.texts.slice(from, to));
  let json = `{"at":${at}`;
  if (timeMs !== rowTimeMs) json += `,"time":${timeMs}`;
  json += `,"from":${quote(run.from)}`;
  if (alias !== undefined) json += `,"alias":${quote(alias)}`;
  if (n !== undefined) json += `,"n":${n + from}`;
  if (kind !== undefined) json += `,"kind":"${kind}"`;
  return `${json},"texts":${texts}}`;
}

/** Most names need no escaping, and a check is cheaper than escaping. */
function quote(name: string): string {
  return /^[\w .:[\]#-]*$/.test(name) ? `"${name}"` : JSON.stringify(name);
}

/**
 * Erases the text at index `at` of a row, unless that was done before or there is none. An empty
 * text stays as it is.
 */
export function eraseAt(
  runs: readonly StoredRun[],
  at: number,
): "erased" | "erased before" | undefined {
  for (const run of runs) {
    const index = at - run.at;
    if (index < 0 || index >= run.texts.length) continue;
    if (run.texts[index] === deletedMark || run.texts[index] === "") return "erased before";
    run.texts[index] = deletedMark;
    return "erased";
  }
  return undefined;
}

/** Appends to `found` those messages of a row that are numbered `from` to `to`, both inclusive. */
export function unpackRuns(
  runs: readonly StoredRun[],
  row: { room: string; firstSeq: number; timeMs: number },
  [from, to]: readonly [number, number],
  found: Said[],
): void {
  for (const run of runs) {
    const first = row.firstSeq + run.at;
    const end = Math.min(run.texts.length, to - first + 1);
    for (let i = Math.max(0, from - first); i < end; i++) {
      const text = run.texts[i]!;
      const isDeleted = text === deletedMark;
      found.push({
        type: "said",
        room: row.room,
        seq: first + i,
        timeMs: run.time ?? row.timeMs,
        from: run.from,
        alias: run.alias,
        text: isDeleted ? deletedText : text,
        kind: run.kind,
        n: run.n === undefined ? undefined : run.n + i,
        author: 0,
        ...(isDeleted && { deleted: true }),
      });
    }
  }
}
