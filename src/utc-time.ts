// Points in time as text, in UTC. Reads no clock.

/** `2026-11-29 14:00 UTC`: the minute in which something happened. */
export function minuteText(timeMs: number): string {
  const minute = isoText(timeMs);
  return `${minute.slice(0, 10)} ${minute.slice(11, 16)} UTC`;
}

/** The same, rounded up: something that ends then has ended at that minute. */
export function endMinuteText(timeMs: number): string {
  return minuteText(Math.ceil(timeMs / 60_000) * 60_000);
}

/** Unix milliseconds of an ISO 8601 time; undefined if it is invalid. */
export function isoTime(text: string): number | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** ISO 8601. */
export function isoText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
