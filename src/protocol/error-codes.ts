// The codes of `error` lines, and what they mean for what a client does next. docs/protocol.md
// explains each; exit codes are in errors.ts. Pure.

import type { ErrorCode } from "../errors.ts";

/** Every code that a server sends. */
export const protocolErrorCodes = [
  "protocol",
  "version",
  "full",
  "rate",
  "storage",
  "login-timeout",
  "name-taken",
  "name-invalid",
  "room-invalid",
  "text-invalid",
  "unknown-user",
  "not-in-room",
  "not-found",
  "changed",
  "stalled",
  "slow-reader",
] as const satisfies readonly ErrorCode[];

/** Whether a login that was refused so may be let in a moment later. */
export function isRetryableLogin(code: string): boolean {
  return code === "full" || code === "rate" || code === "login-timeout" || code === "storage";
}

/**
 * Whether a message that was refused so can be sent again under the same number: its counter is not
 * used up.
 */
export function isRetryableMessage(code: string): boolean {
  return code === "rate" || code === "storage";
}
