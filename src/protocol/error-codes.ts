// The codes of `error` lines and how a client reacts to them. docs/protocol.md explains each code;
// errors.ts has the exit codes. Pure.

import type { ErrorCode } from "../errors.ts";

/** Every code that a server sends. */
export const protocolErrorCodes = [
  "protocol",
  "version",
  "full",
  "tls-required",
  "rate",
  "storage",
  "login-timeout",
  "password-required",
  "members-only",
  "banned",
  "muted",
  "not-allowed",
  "name-taken",
  "name-registered",
  "wrong-password",
  "no-identity",
  "name-invalid",
  "room-invalid",
  "text-invalid",
  "unknown-user",
  "not-in-room",
  "room-banned",
  "room-key",
  "room-full",
  "invite-only",
  "is-there",
  "not-there",
  "elsewhere",
  "not-found",
  "changed",
  "stalled",
  "slow-reader",
] as const satisfies readonly ErrorCode[];

/** Whether a login refused with this code may succeed later. */
export function isRetryableLogin(code: string): boolean {
  return code === "full" || code === "rate" || code === "login-timeout" || code === "storage";
}

/** Whether a message refused with this code keeps its number and should be resent. */
export function isRetryableMessage(code: string): boolean {
  return code === "rate" || code === "storage";
}
