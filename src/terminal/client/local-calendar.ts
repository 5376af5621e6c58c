// The user's clock and calendar, in the machine's local time.

import type { Calendar } from "./transcript.ts";

const dates = new Intl.DateTimeFormat("en-GB", {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
});

export const localCalendar: Calendar = {
  now: Date.now,
  timeOfDay(timeMs) {
    const time = dateOf(timeMs);
    return [time.getHours(), time.getMinutes()].map((n) => String(n).padStart(2, "0")).join(":");
  },
  date(timeMs) {
    return dates.format(dateOf(timeMs));
  },
};

/** A server may send a time outside the range of Date. */
function dateOf(timeMs: number): Date {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? new Date(0) : date;
}
