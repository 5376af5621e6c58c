// Reconnecting: how long to wait before the next attempt, and what to report afterwards. Randomness
// is a parameter.

import { client as limits } from "../limits.ts";
import type { Continuation } from "./stream-position.ts";

/**
 * Milliseconds before attempt number `attempt` (from 1): doubles from `retryFirstMs` to
 * `retryMaxMs`. Half of it is random, so that the clients of a restarted server do not all
 * reconnect at the same time. `random` returns 0 ≤ x < 1.
 */
export function backoffMs(attempt: number, random: () => number): number {
  const doublings = Math.min(Math.max(attempt - 1, 0), 30);
  const ceiling = Math.min(limits.retryFirstMs * 2 ** doublings, limits.retryMaxMs);
  return Math.round(ceiling / 2 + (ceiling / 2) * random());
}

/** A one-line summary: `reconnected after 3 s, 12 messages caught up`. */
export function reconnectSummary(how: Continuation, afterMs: number, caughtUp: number): string {
  return `reconnected after ${spanText(afterMs)}${outcome(how, caughtUp)}`;
}

function outcome(how: Continuation, caughtUp: number): string {
  if (how === "restarted") {
    return ": the server restarted without history, and messages in between are lost";
  }
  if (how === "trimmed") return ": the server no longer has all messages in between";
  if (caughtUp === 0) return ", nothing missed";
  return `, ${caughtUp} ${caughtUp === 1 ? "message" : "messages"} caught up`;
}

/** A duration for people: `350 ms`, `3 s`, `2 min`. */
function spanText(ms: number): string {
  if (ms < 950) return `${Math.round(ms)} ms`;
  if (ms < 90_000) return `${Math.round(ms / 1000)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
