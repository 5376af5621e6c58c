// Rates, durations and counts as people read them, and rates as people type them. Units are powers
// of 1000.

import { sizeText } from "../../size-text.ts";

/** `95.3 MB/s`. */
export function rateText(bytesPerSecond: number): string {
  return `${sizeText(bytesPerSecond)}/s`;
}

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`. */
export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds)) return "unknown";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** An elapsed time: `9 ms`, otherwise as `durationText`. */
export function elapsedText(seconds: number): string {
  return seconds < 0.0995 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : durationText(seconds);
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** `1 byte`, `2 bytes`. */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

const factors: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

/**
 * Bytes per second from `2M`, `500k`, `1.5G` or plain digits; undefined if not a rate of at least
 * 1.
 */
export function parseRate(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([kmg]?)$/i.exec(text.trim());
  const factor = factors[(match?.[2] ?? "?").toLowerCase()];
  if (match === null || factor === undefined) return undefined;
  const rate = Number(match[1]) * factor;
  return rate >= 1 ? rate : undefined;
}
