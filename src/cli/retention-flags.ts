// `--keep-age`, `--keep-messages` and `--keep-size`: how much of what was said is kept, and for how
// long.

import { ParleyError } from "../errors.ts";
import { history as limits } from "../limits.ts";
import type { Retention } from "../store/retention.ts";
import { quoted } from "../text.ts";

const ages: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizes: Readonly<Record<string, number>> = { M: 1e6, G: 1e9, T: 1e12 };

/** As the flags were given; undefined: the default. */
export type RetentionFlags = Readonly<Record<"age" | "messages" | "size", string | undefined>>;

/** Without the properties that are not asked for. @throws ParleyError `usage` */
export function retentionOf({ age, messages, size }: RetentionFlags): Partial<Retention> {
  return {
    ...(age !== undefined && { maxAgeMs: ageOf(age) }),
    ...(messages !== undefined && { messages: messagesOf(messages) }),
    ...(size !== undefined && { fileBytes: sizeOf(size) }),
  };
}

function ageOf(text: string): number {
  const ageMs = product(text, ages);
  if (ageMs !== undefined && ageMs > 0 && ageMs <= limits.longestAgeMs) return ageMs;
  const most = limits.longestAgeMs / 86_400_000;
  throw usage("--keep-age", text, `an age from 1m to ${most}d: write 90m, 12h or 30d`);
}

function messagesOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw usage("--keep-messages", text, "a whole number from 1 to 999999999");
}

function sizeOf(text: string): number {
  const bytes = product(text, sizes);
  if (bytes !== undefined && bytes >= limits.leastDiskBytes) return bytes;
  const least = limits.leastDiskBytes / 1e6;
  throw usage("--keep-size", text, `a size of at least ${least}M: write 500M, 16G or 1T`);
}

/** A whole number and a unit; undefined if it is something else. */
function product(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number = "", unit = ""] = /^(\d{1,9})([a-zA-Z])$/.exec(text) ?? [];
  const factor = units[unit];
  return factor === undefined ? undefined : Number(number) * factor;
}

function usage(flag: string, text: string, wanted: string): ParleyError {
  return new ParleyError("usage", `${flag} ${quoted(text)} is not ${wanted}`);
}
