// Ages and sizes as the flags of `parley server` have them.

import { readDuration } from "../chat/rights/duration.ts";
import { ParleyError } from "../errors.ts";
import { quoted } from "../text.ts";

const sizes: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** In milliseconds. @throws ParleyError `usage` */
export function ageOf(flag: string, text: string): number {
  const ageMs = readDuration(text);
  if (ageMs !== undefined) return ageMs;
  throw wrongValue(flag, text, "an age of up to ten years: write 12h, 30d or 8w");
}

/** In bytes. @throws ParleyError `usage` */
export function sizeOf(flag: string, text: string, leastBytes: number): number {
  const [, number = "", unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)([kMGT])$/.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * (sizes[unit] ?? Number.NaN));
  if (bytes >= leastBytes) return bytes;
  throw wrongValue(flag, text, `a size of at least ${leastBytes / 1e6}M: write 500M, 16G or 1T`);
}

export function wrongValue(flag: string, text: string, wanted: string): ParleyError {
  return new ParleyError("usage", `${flag} ${quoted(text)} is not ${wanted}`);
}
