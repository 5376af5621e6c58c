// Progress in words. Pure.

import { sizeText } from "../size-text.ts";

export type Progress = {
  readonly doneBytes: number;
  readonly bytes: number;
  /** 0: unknown. */
  readonly bytesPerSecond: number;
};

/** `42% of 1.20 GB · 31.0 MB/s · 2 min left` */
export function progressText({ doneBytes, bytes, bytesPerSecond }: Progress): string {
  const percent = bytes === 0 ? 100 : Math.min(100, Math.floor((100 * doneBytes) / bytes));
  const done = `${percent}% of ${sizeText(bytes)}`;
  if (bytesPerSecond === 0) return done;
  const left = timeText(Math.max(0, bytes - doneBytes) / bytesPerSecond);
  return `${done} · ${sizeText(bytesPerSecond)}/s · ${left} left`;
}

function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.ceil(whole / 60)} min`;
  return `${Math.ceil(whole / 360) / 10} h`;
}
