// How entries stand to each other in the list: groups of one person, days, and how times read. Pure but for the local calendar.

import type { Entry } from "./entries.ts";

/** A pause after which the name is said again. */
const groupMs = 5 * 60_000;

/** Whether `entry` needs a name above it: another person, another audience, or a pause. */
export function startsGroup(entry: Entry, previous: Entry | undefined): boolean {
  if (entry.kind !== "said" || previous?.kind !== "said") return true;
  return (
    previous.from !== entry.from ||
    previous.mine !== entry.mine ||
    previous.to?.join() !== entry.to?.join() ||
    entry.timeMs - previous.timeMs > groupMs
  );
}

/** Whether a new day begins with `entry`. */
export function startsDay(entry: Entry, previous: Entry | undefined): boolean {
  return previous === undefined || dayOf(entry.timeMs) !== dayOf(previous.timeMs);
}

export function dayLabel(timeMs: number, nowMs: number): string {
  if (dayOf(timeMs) === dayOf(nowMs)) return "Today";
  if (dayOf(timeMs) === dayOf(nowMs - 86_400_000)) return "Yesterday";
  return new Date(timeMs).toLocaleDateString(undefined, {
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
  });
}

export function clockTime(timeMs: number): string {
  const date = new Date(timeMs);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The log as a file for people: one line an entry, times to the second. */
export function logText(entries: readonly Entry[]): string {
  const lines = entries.map((entry) => {
    const stamp = `[${dateTime(entry.timeMs)}]`;
    if (entry.kind === "banner") return `${stamp} * ${entry.text}`;
    const aim = entry.to === undefined ? "" : ` (private to ${entry.to.join(", ")})`;
    const state =
      entry.delivery === "sent"
        ? ""
        : ` (${entry.delivery === "failed" ? "not sent" : "on its way"})`;
    return `${stamp} ${entry.from}${aim}: ${entry.text}${state}`;
  });
  return `${lines.join("\n")}\n`;
}

function dateTime(timeMs: number): string {
  const date = new Date(timeMs);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${clockTime(timeMs)}:${two(date.getSeconds())}`;
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toDateString();
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
