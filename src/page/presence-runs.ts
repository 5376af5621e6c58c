// Folds long runs of joins, parts and name changes into one line of a timeline. Pure; the run keeps
// its entries.

import { fold } from "../chat/names/grammar.ts";
import type { Entry, Notice, PersonChange } from "./message-log.ts";
import { startsDay } from "./timeline.ts";

/** `key` is that of the first entry, so that it stays the same when the run grows. */
export type Run = { kind: "run"; key: number; entries: readonly [Notice, ...Notice[]] };

/** One item of a timeline. */
export type TimelineItem = Entry | Run;

/** Shorter runs stay separate lines. */
const minEntries = 3;
/** Maximum number of shown names; the others are only counted. */
const maxNames = 3;

export function foldRuns(entries: readonly Entry[]): readonly TimelineItem[] {
  const items: TimelineItem[] = [];
  let run: Notice[] = [];
  const end = (): void => {
    const [first, ...rest] = run;
    if (first === undefined) return;
    if (run.length < minEntries) items.push(...run);
    else items.push({ kind: "run", key: first.key, entries: [first, ...rest] });
    run = [];
  };
  for (const entry of entries) {
    const isChange = entry.kind === "notice" && entry.change !== undefined;
    if (!isChange || startsDay(entry, run.at(-1) ?? entry)) end();
    if (isChange) run.push(entry);
    else items.push(entry);
  }
  end();
  return items;
}

export function firstOf(item: TimelineItem): Entry {
  return item.kind === "run" ? item.entries[0] : item;
}

export function lastOf(item: TimelineItem): Entry {
  return item.kind === "run" ? (item.entries.at(-1) ?? item.entries[0]) : item;
}

/** Whether the item is the entry `key`, or contains it. */
export function holds(item: TimelineItem, key: number | undefined): boolean {
  if (item.kind !== "run") return item.key === key;
  return item.entries.some((entry) => entry.key === key);
}

/** Whether both look the same. */
export function isSameItem(a: TimelineItem, b: TimelineItem): boolean {
  if (a.kind !== "run" || b.kind !== "run") return a === b;
  return (
    a.entries.length === b.entries.length && firstOf(a) === firstOf(b) && lastOf(a) === lastOf(b)
  );
}

/** `Ann, Bob and 12 others joined; Eve is now Eva`: in the order of the events. */
export function runText({ entries }: Run): string {
  const byKind = new Map<PersonChange["kind"], Map<string, Notice & { change: PersonChange }>>();
  for (const entry of entries) {
    const { change } = entry;
    if (change === undefined) continue;
    const people = byKind.get(change.kind) ?? new Map();
    byKind.set(change.kind, people);
    if (!people.has(fold(change.name))) people.set(fold(change.name), { ...entry, change });
  }
  const parts = Array.from(byKind, ([kind, people]) => {
    const [first] = people.values();
    // Like a separate entry, which includes the new name.
    if (people.size === 1 && first !== undefined) return first.text;
    return `${namesText(Array.from(people.values(), ({ change }) => change.name))} ${verbs[kind]}`;
  });
  return parts.join("; ");
}

const verbs: Readonly<Record<PersonChange["kind"], string>> = {
  joined: "joined",
  disconnected: "disconnected",
  lost: "lost the connection",
  left: "left",
  renamed: "changed their names",
};

function namesText(names: readonly string[]): string {
  const shown = names.length > maxNames ? names.slice(0, maxNames - 1) : names.slice(0, -1);
  const last = names.length > maxNames ? `${names.length - shown.length} others` : names.at(-1);
  return `${shown.join(", ")} and ${last}`;
}
