// Layout of a timeline: grouping by sender, days, and the format of times. Pure except for the
// local time zone and locale.

import type { Entry, Message } from "./message-log.ts";

/** After a pause of this length the sender's name is repeated. */
const groupMs = 5 * 60_000;

/**
 * Whether `entry` needs a name above it: another sender, other recipients, sealed or not, or a
 * pause.
 */
export function startsGroup(entry: Entry, previous: Entry | undefined): boolean {
  if (entry.kind !== "message" || previous?.kind !== "message") return true;
  return (
    previous.from !== entry.from ||
    previous.mine !== entry.mine ||
    previous.to?.join() !== entry.to?.join() ||
    previous.isSealed !== entry.isSealed ||
    isNotice(previous) !== isNotice(entry) ||
    entry.timeMs - previous.timeMs > groupMs
  );
}

/** A program's notice, which is marked next to its name. */
function isNotice({ manner }: Message): boolean {
  return manner === "notice";
}

/** Whether `entry` is the first of its day. */
export function startsDay(entry: Entry, previous: Entry | undefined): boolean {
  return previous === undefined || dayOf(entry.timeMs) !== dayOf(previous.timeMs);
}

export function dayLabel(timeMs: number, nowMs: number): string {
  const yesterday = new Date(nowMs);
  yesterday.setDate(yesterday.getDate() - 1);
  if (dayOf(timeMs) === dayOf(nowMs)) return "Today";
  if (dayOf(timeMs) === yesterday.toDateString()) return "Yesterday";
  return new Date(timeMs).toLocaleDateString(undefined, {
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
  });
}

export function untilMidnightMs(nowMs: number): number {
  return new Date(nowMs).setHours(24, 0, 0, 0) - nowMs;
}

/** Hours and minutes: "04:05". */
export function clockTime(timeMs: number): string {
  const date = new Date(timeMs);
  return `${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}`;
}

/** "2026-02-03 04:05:06". */
export function dateTime(timeMs: number): string {
  const date = new Date(timeMs);
  const day = `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`;
  return `${day} ${clockTime(timeMs)}:${twoDigits(date.getSeconds())}`;
}

/** As `dateTime`, for a file's name: "2026-02-03 04.05.06". */
export function fileTime(timeMs: number): string {
  return dateTime(timeMs).replaceAll(":", ".");
}

/** The same for all times of a day. */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toDateString();
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
