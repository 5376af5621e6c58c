// `--keep-age`, `--keep-messages` and `--keep-size`: how much history is kept, and for how long.

import { readDuration } from "../chat/rights/duration.ts";
import { ParleyError } from "../errors.ts";
import { history as limits } from "../limits.ts";
import type { Retention } from "../store/retention.ts";
import { quoted } from "../text.ts";

const sizes: Readonly<Record<string, number>> = { M: 1e6, G: 1e9, T: 1e12 };

/** The flags as given; undefined: the default. */
export type RetentionFlags = Readonly<Record<"age" | "messages" | "size", string | undefined>>;

/** Contains only the properties that were given. @throws ParleyError `usage` */
export function retentionOf({ age, messages, size }: RetentionFlags): Partial<Retention> {
  return {
    ...(age !== undefined && { maxAgeMs: ageOf(age) }),
    ...(messages !== undefined && { messages: messagesOf(messages) }),
    ...(size !== undefined && { fileBytes: sizeOf(size) }),
  };
}

function ageOf(text: string): number {
  const ageMs = readDuration(text);
  if (ageMs !== undefined) return ageMs;
  throw usage("--keep-age", text, "an age of up to ten years: write 12h, 30d or 8w");
}

function messagesOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw usage("--keep-messages", text, "a whole number from 1 to 999999999");
}

function sizeOf(text: string): number {
  const [, number = "", unit = ""] = /^(\d{1,9})([MGT])$/.exec(text) ?? [];
  const bytes = Number(number) * (sizes[unit] ?? Number.NaN);
  if (bytes >= limits.leastDiskBytes) return bytes;
  const least = limits.leastDiskBytes / 1e6;
  throw usage("--keep-size", text, `a size of at least ${least}M: write 500M, 16G or 1T`);
}

function usage(flag: string, text: string, wanted: string): ParleyError {
  return new ParleyError("usage", `${flag} ${quoted(text)} is not ${wanted}`);
}
