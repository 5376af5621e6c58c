// The messages and notices of all rooms, in display order: append, confirm, merge with history,
// trim. Pure; needs neither DOM nor session.

import { deletedText, type MessageKind } from "../protocol/messages.ts";
import { fold } from "../chat/names/grammar.ts";
import { harmlessLines } from "../text.ts";

/**
 * Maximum number of entries, in all rooms together. Older ones can be fetched from the server
 * again.
 */
export const maxEntries = 12_000;

/** A message to a room, or a private one. */
export type Message = {
  kind: "message";
  key: number;
  /** Undefined: private, shown in every room. */
  room: string | undefined;
  from: string;
  text: string;
  /** Undefined: a plain message. */
  manner?: MessageKind | undefined;
  timeMs: number;
  mine: boolean;
  /** An operator has deleted its text; `text` says so. */
  isDeleted?: boolean | undefined;
  /** A private message that this page can't open: its text only says that. */
  isSealed?: boolean | undefined;
  /** A private message of this user to themselves that has been received back. */
  isHeard?: boolean | undefined;
  /** Recipients of a private message. */
  to: readonly string[] | undefined;
  /** Sequence number in the room's log, once known. */
  seq: number | undefined;
  /** The session's id of a message sent from this page. */
  id: number | undefined;
  delivery: "waiting" | "sent" | "failed";
  problem: string | undefined;
  /** Contains this user's name. */
  mentionsMe: boolean;
};

/** An event, or the output of a command. */
export type Notice = {
  kind: "notice";
  key: number;
  /** Undefined: shown in every room. */
  room: string | undefined;
  text: string;
  timeMs: number;
  /** A change of another user, if the notice is nothing else. */
  change?: PersonChange | undefined;
};

/** A user has joined, left or changed their name. */
export type PersonChange = {
  kind: "joined" | "disconnected" | "lost" | "left" | "renamed";
  name: string;
};

/** Files from person to person: offer-cards.ts has their state. */
type OfferEntry = {
  kind: "offer";
  key: number;
  room: undefined;
  /** The number of the card. */
  offer: number;
  /** For a transcript. */
  text: string;
  timeMs: number;
};

export type Entry = Message | Notice | OfferEntry;

/** Keys are unique for the lifetime of the page. */
export type MessageLog = { entries: readonly Entry[]; nextKey: number };

export const emptyLog: MessageLog = { entries: [], nextKey: 1 };

type WithoutKey<T> = T extends Entry ? Omit<T, "key"> : never;
export type NewMessage = WithoutKey<Message>;

/** Adds an entry. Messages in flight stay at the end, as their place is not known yet. */
export function append(log: MessageLog, entry: WithoutKey<Entry>): MessageLog {
  const entries = log.entries.slice();
  const isWaiting = entry.kind === "message" && entry.delivery === "waiting";
  const at = isWaiting ? entries.length : endOfDelivered(entries);
  entries.splice(at, 0, { ...entry, key: log.nextKey });
  return trim({ entries, nextKey: log.nextKey + 1 });
}

/**
 * The room's copy of message `id` has arrived: moves the message to its place and takes over the
 * server's text. Undefined if the log does not contain it.
 */
export function confirm(
  log: MessageLog,
  id: number,
  confirmed: { seq: number; timeMs: number; text: string },
): MessageLog | undefined {
  const at = log.entries.findLastIndex((entry) => entry.kind === "message" && entry.id === id);
  const entry = log.entries[at];
  if (entry?.kind !== "message") return undefined;
  const entries = log.entries.slice();
  entries.splice(at, 1);
  const { seq, timeMs, text } = confirmed;
  const moved: Message = { ...entry, seq, timeMs, text, delivery: "sent" };
  entries.splice(endOfDelivered(entries), 0, moved);
  return { ...log, entries };
}

/** The server has stored every message up to `id`. */
export function acknowledge(log: MessageLog, id: number): MessageLog {
  return updateOwn(log, (entry) =>
    entry.delivery === "waiting" && entry.id !== undefined && entry.id <= id
      ? { ...entry, delivery: "sent" }
      : entry,
  );
}

/**
 * A private message from this page to its own user has been received back: it is in the log
 * already. Undefined if the log does not contain it, because another device sent it.
 */
export function hearOwn(log: MessageLog, name: string, text: string): MessageLog | undefined {
  const self = fold(name);
  const at = log.entries.findIndex(
    (entry) =>
      entry.kind === "message" &&
      entry.mine &&
      entry.id !== undefined &&
      entry.to?.some((to) => fold(to) === self) === true &&
      entry.isHeard !== true &&
      harmlessLines(entry.text) === text,
  );
  const entry = log.entries[at];
  if (entry?.kind !== "message") return undefined;
  const entries = log.entries.with(at, { ...entry, isHeard: true });
  return { ...log, entries };
}

/** An operator has removed the text of a message. */
export function erase(log: MessageLog, room: string, seq: number): MessageLog {
  const entries = log.entries.map((entry) =>
    entry.kind === "message" && entry.room === room && entry.seq === seq
      ? { ...entry, text: deletedText, isDeleted: true, mentionsMe: false }
      : entry,
  );
  return { ...log, entries };
}

/** Message `id` will never be delivered. */
export function fail(log: MessageLog, id: number, problem: string): MessageLog {
  return updateOwn(log, (entry) =>
    entry.id === id ? { ...entry, delivery: "failed", problem } : entry,
  );
}

/**
 * The session is over. Messages in flight have failed, and all ids are cleared because the next
 * session starts counting anew.
 */
export function endSession(log: MessageLog, problem: string): MessageLog {
  return updateOwn(log, (entry) => {
    if (entry.id === undefined) return entry;
    return entry.delivery === "waiting"
      ? { ...entry, id: undefined, delivery: "failed", problem }
      : { ...entry, id: undefined };
  });
}

/**
 * Inserts a room's older messages by sequence number. Those already in the log are skipped.
 * `isNewest`: they are the last ones. If they do not reach those of an earlier session, these go:
 * they come again with earlier pages.
 */
export function mergeHistory(
  log: MessageLog,
  room: string,
  older: readonly NewMessage[],
  isNewest = false,
): MessageLog {
  const known = new Set(
    log.entries.map((entry) => (isSaidIn(entry, room) ? entry.seq : undefined)),
  );
  const missing = older.filter((entry) => !known.has(entry.seq));
  if (missing.length === 0) return log;
  const first = older[0]?.seq ?? 0;
  const from = isNewest && !known.has(first - 1) ? first : 0;
  let { nextKey } = log;
  const entries: Entry[] = [];
  let next = 0;
  for (const entry of log.entries) {
    if (isSaidIn(entry, room) && entry.seq < from) continue;
    for (let first = missing[next]; first && isBefore(first, entry, room); first = missing[next]) {
      entries.push({ ...first, key: nextKey++ });
      next++;
    }
    entries.push(entry);
  }
  const rest = missing.slice(next).map((entry) => ({ ...entry, key: nextKey++ }));
  entries.splice(endOfDelivered(entries), 0, ...rest);
  return trim({ entries, nextKey });
}

/** The lowest sequence number of a room in the log. */
export function oldestSeq(log: MessageLog, room: string): number | undefined {
  for (const entry of log.entries) if (isSaidIn(entry, room)) return entry.seq;
  return undefined;
}

/** The key of a room's message `seq`; undefined: it is not in the log. */
export function keyOf(log: MessageLog, room: string, seq: number): number | undefined {
  return log.entries.find((entry) => isSaidIn(entry, room) && entry.seq === seq)?.key;
}

/** The server has started a new log (a restart without `--data`): old numbers are obsolete. */
export function forgetSeqs(log: MessageLog): MessageLog {
  const entries = log.entries.map((entry) =>
    entry.kind === "message" ? { ...entry, seq: undefined } : entry,
  );
  return { ...log, entries };
}

/** A room's name has changed case: somebody else recreated it after a restart. */
export function renameRoom(log: MessageLog, from: string, to: string): MessageLog {
  const entries = log.entries.map((entry) =>
    entry.room === from ? { ...entry, room: to } : entry,
  );
  return { ...log, entries };
}

/** Removes the card of an offer. */
export function dropOffer(log: MessageLog, offer: number): MessageLog {
  const entries = log.entries.filter((entry) => entry.kind !== "offer" || entry.offer !== offer);
  return { ...log, entries };
}

/** Removes the entries of a room. */
export function dropRoom(log: MessageLog, room: string): MessageLog {
  return { ...log, entries: log.entries.filter((entry) => entry.room !== room) };
}

/** The timeline of a room: its own entries and those shown in every room. */
export function entriesIn(log: MessageLog, room: string | undefined): readonly Entry[] {
  return log.entries.filter((entry) => entry.room === undefined || entry.room === room);
}

/**
 * The notices shown in a room that are at least as new as key `from`, without the joins and parts
 * of other users.
 */
export function noticesSince(log: MessageLog, from: number, room: string | undefined): string[] {
  if (from >= log.nextKey) return [];
  return entriesIn(log, room).flatMap((entry) =>
    entry.kind === "notice" && entry.key >= from && entry.change === undefined ? entry.text : [],
  );
}

/**
 * Messages that the server will not send again: private ones and those in flight. Oldest first, at
 * most `maxCount` and `maxChars` in total; the newest win.
 */
export function unrepeatable(log: MessageLog, maxCount: number, maxChars: number): Message[] {
  const newest: Message[] = [];
  let chars = 0;
  for (let i = log.entries.length - 1; i >= 0 && newest.length < maxCount; i--) {
    const entry = log.entries[i];
    if (entry?.kind !== "message") continue;
    if (entry.room !== undefined && entry.delivery === "sent") continue;
    chars += entry.text.length;
    if (chars > maxChars) break;
    newest.push(entry);
  }
  return newest.reverse();
}

/** Adds the messages kept across a reload. Whether those in flight were delivered is unknown. */
export function restore(log: MessageLog, kept: readonly NewMessage[]): MessageLog {
  const problem = "the page was reloaded before the server confirmed it";
  return kept.reduce((log, message) => {
    const restored = { ...message, id: undefined };
    if (message.delivery !== "waiting") return append(log, restored);
    return append(log, { ...restored, delivery: "failed", problem });
  }, log);
}

type Numbered = Message & { seq: number };

function isSaidIn(entry: Entry, room: string): entry is Numbered {
  return entry.kind === "message" && entry.room === room && entry.seq !== undefined;
}

function isBefore(older: NewMessage, entry: Entry, room: string): boolean {
  if (isSaidIn(entry, room) && older.seq !== undefined) return older.seq < entry.seq;
  // Entries of other rooms are never shown together with it.
  if (entry.room !== undefined && entry.room !== room) return false;
  return older.timeMs < entry.timeMs;
}

function endOfDelivered(entries: readonly Entry[]): number {
  let end = entries.length;
  for (; end > 0; end--) {
    const last = entries[end - 1];
    if (last?.kind !== "message" || last.delivery !== "waiting") break;
  }
  return end;
}

function updateOwn(log: MessageLog, update: (message: Message) => Message): MessageLog {
  let entries: Entry[] | undefined;
  log.entries.forEach((entry, i) => {
    if (entry.kind !== "message" || !entry.mine) return;
    const updated = update(entry);
    if (updated !== entry) (entries ??= log.entries.slice())[i] = updated;
  });
  return entries === undefined ? log : { ...log, entries };
}

/**
 * Drops the older half of the busiest room, so that quiet rooms keep their entries. Offer cards
 * stay: they may be the only way to stop an offer.
 */
function trim(log: MessageLog): MessageLog {
  if (log.entries.length <= maxEntries) return log;
  const counts = new Map<string | undefined, number>();
  for (const { room, kind } of log.entries) {
    if (kind !== "offer") counts.set(room, (counts.get(room) ?? 0) + 1);
  }
  const [busiest, count] = [...counts].reduce((most, next) => (next[1] > most[1] ? next : most));
  let surplus = Math.ceil(count / 2);
  const entries = log.entries.filter(
    (entry) => entry.kind === "offer" || entry.room !== busiest || surplus-- <= 0,
  );
  return { ...log, entries };
}
