// `--keep-age`, `--keep-messages` and `--keep-size`: how much history is kept, and for how long.

import { history as limits } from "../limits.ts";
import type { Retention } from "../store/retention.ts";
import { ageOf, sizeOf, wrongValue } from "./flag-values.ts";

/** The flags as given; undefined: the default. */
export type RetentionFlags = Readonly<Record<"age" | "messages" | "size", string | undefined>>;

/** Contains only the properties that were given. @throws ParleyError `usage` */
export function retentionOf({ age, messages, size }: RetentionFlags): Partial<Retention> {
  return {
    ...(age !== undefined && { maxAgeMs: ageOf("--keep-age", age) }),
    ...(messages !== undefined && { messages: messagesOf(messages) }),
    ...(size !== undefined && { fileBytes: sizeOf("--keep-size", size, limits.leastDiskBytes) }),
  };
}

function messagesOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw wrongValue("--keep-messages", text, "a whole number from 1 to 999999999");
}
