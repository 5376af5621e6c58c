// The list of what was said and what happened, as the page shows it: appended, confirmed, merged with history, bounded.
// Pure; knows no DOM and no session.

/** Entries kept; older ones are forgotten and can be asked from the server again. */
export const maxEntries = 6_000;

/** Something said, in the room or (with `to`) to chosen people alone. */
export type SaidEntry = {
  kind: "said";
  key: number;
  from: string;
  text: string;
  timeMs: number;
  mine: boolean;
  to: readonly string[] | undefined;
  /** The room's number of it, once known. */
  seq: number | undefined;
  /** The session's number of one's own message. */
  id: number | undefined;
  delivery: "waiting" | "sent" | "failed";
  problem: string | undefined;
};

/** Something that happened. */
export type Banner = { kind: "banner"; key: number; text: string; timeMs: number };

export type Entry = SaidEntry | Banner;

/** A log and what makes its next key. */
export type Log = { entries: readonly Entry[]; nextKey: number; hasEarlier: boolean };

export const emptyLog: Log = { entries: [], nextKey: 1, hasEarlier: false };

type WithoutKey<T> = T extends Entry ? Omit<T, "key"> : never;

/** Adds an entry; one's own messages that are still on their way stay at the end, as their place is not known yet. */
export function append(log: Log, entry: WithoutKey<Entry>): Log {
  const isWaiting = entry.kind === "said" && entry.delivery === "waiting";
  let at = log.entries.length;
  if (!isWaiting) while (at > 0 && waits(log.entries[at - 1])) at--;
  const entries = log.entries.slice();
  entries.splice(at, 0, { ...entry, key: log.nextKey });
  return trim({ ...log, entries, nextKey: log.nextKey + 1 });
}

/**
 * One's own message `id` came back from the room as others see it (`said`): it takes its place. Undefined if it is not in
 * the log.
 */
export function confirm(
  log: Log,
  id: number,
  said: { seq: number; timeMs: number; text: string },
): Log | undefined {
  const at = log.entries.findLastIndex((entry) => entry.kind === "said" && entry.id === id);
  const entry = log.entries[at];
  if (entry?.kind !== "said") return undefined;
  const entries = log.entries.slice();
  entries.splice(at, 1);
  let to = entries.length;
  while (to > 0 && waits(entries[to - 1])) to--;
  const { seq, timeMs, text } = said;
  entries.splice(to, 0, { ...entry, seq, timeMs, text, delivery: "sent" });
  return { ...log, entries };
}

/** Everything up to `id` is safe at the server. */
export function acknowledge(log: Log, id: number): Log {
  return change(log, (entry) =>
    entry.delivery === "waiting" && entry.id !== undefined && entry.id <= id
      ? { ...entry, delivery: "sent" }
      : entry,
  );
}

/** Message `id` will never be said. */
export function fail(log: Log, id: number, problem: string): Log {
  return change(log, (entry) =>
    entry.id === id ? { ...entry, delivery: "failed", problem } : entry,
  );
}

/** Nothing that still waits will ever be said: the session is over. */
export function failWaiting(log: Log, problem: string): Log {
  return change(log, (entry) =>
    entry.delivery === "waiting" ? { ...entry, delivery: "failed", problem } : entry,
  );
}

/** Puts older messages of the room in their places by number; those that are there already are left out. */
export function merge(log: Log, older: readonly WithoutKey<SaidEntry>[], hasEarlier: boolean): Log {
  const known = new Set(
    log.entries.map((entry) => (entry.kind === "said" ? entry.seq : undefined)),
  );
  const fresh = older.filter((entry) => !known.has(entry.seq));
  let nextKey = log.nextKey;
  const entries: Entry[] = [];
  let next = 0;
  for (const entry of log.entries) {
    while (next < fresh.length && isBefore(fresh[next]!, entry)) {
      entries.push({ ...fresh[next++]!, key: nextKey++ });
    }
    entries.push(entry);
  }
  const rest = fresh.slice(next).map((entry) => ({ ...entry, key: nextKey++ }));
  const waiting = entries.findIndex(waits);
  entries.splice(waiting < 0 ? entries.length : waiting, 0, ...rest);
  return trim({ entries, nextKey, hasEarlier });
}

/** The oldest number of the room in the log. */
export function oldestSeq(log: Log): number | undefined {
  for (const entry of log.entries) {
    if (entry.kind === "said" && entry.seq !== undefined) return entry.seq;
  }
  return undefined;
}

/** The room counts anew (a server without `--data` was restarted): old numbers mean nothing any more. */
export function forgetNumbers(log: Log): Log {
  const entries = log.entries.map((entry) =>
    entry.kind === "said" ? { ...entry, seq: undefined } : entry,
  );
  return { ...log, entries, hasEarlier: false };
}

/** What stays in sight when the room changes: private messages are about people, not rooms. */
export function privateOnly(log: Log): Log {
  const entries = log.entries.filter((entry) => entry.kind === "said" && entry.to !== undefined);
  return { ...log, entries, hasEarlier: false };
}

/** The newest private messages, the oldest first: at most `maxCount`, of `maxChars` in all. */
export function newestPrivate(
  entries: readonly Entry[],
  maxCount: number,
  maxChars: number,
): SaidEntry[] {
  const newest: SaidEntry[] = [];
  let chars = 0;
  for (let i = entries.length - 1; i >= 0 && newest.length < maxCount; i--) {
    const entry = entries[i];
    if (entry?.kind !== "said" || entry.to === undefined) continue;
    chars += entry.text.length;
    if (chars > maxChars) break;
    newest.push(entry);
  }
  return newest.reverse();
}

/** Private messages of the session's earlier life. Whether those that still waited have arrived nobody knows any more. */
export function restore(log: Log, said: readonly SaidEntry[]): Log {
  const known = said.reduce((log, entry) => append(log, { ...entry, id: undefined }), log);
  return failWaiting(known, "the page was left before it was delivered");
}

function isBefore(older: WithoutKey<SaidEntry>, entry: Entry): boolean {
  if (entry.kind === "said" && entry.seq !== undefined && older.seq !== undefined) {
    return older.seq < entry.seq;
  }
  return older.timeMs < entry.timeMs;
}

function waits(entry: Entry | undefined): boolean {
  return entry?.kind === "said" && entry.delivery === "waiting";
}

/** Changes one's own messages; a session has at most this many on their way, so the rest is not looked at. */
function change(log: Log, how: (entry: SaidEntry) => SaidEntry): Log {
  const lookBack = 2_048;
  const from = Math.max(0, log.entries.length - lookBack);
  let entries: Entry[] | undefined;
  for (let i = from; i < log.entries.length; i++) {
    const entry = log.entries[i];
    if (entry?.kind !== "said" || !entry.mine) continue;
    const changed = how(entry);
    if (changed !== entry) (entries ??= log.entries.slice())[i] = changed;
  }
  return entries === undefined ? log : { ...log, entries };
}

/** Drops a tenth at once, so that a full log is not copied for every message more than it must. */
function trim(log: Log): Log {
  if (log.entries.length <= maxEntries) return log;
  return { ...log, entries: log.entries.slice(-maxEntries * 0.9), hasEarlier: true };
}
