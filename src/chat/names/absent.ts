// Names of disconnected sessions. Each is reserved for a while for a client with the session's
// secret or from the same network (a client that was killed and restarted has no other proof).
// Pure.

import { history as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import type { Refusal } from "../refusal.ts";
import type { SessionRecord } from "../turn/store.ts";

/** Who claims a name: its record ID (empty if none) and its network. */
export type Claimant = { recordId: string; network: string };

/** The name belongs to a connected member. */
export function takenByMember(name: string): Refusal {
  return { code: "name-taken", message: `The name ${quoted(name)} is taken: choose another` };
}

/** Undefined if `claimant` may take the name of the absent `holder`. */
export function takenByAbsent(
  name: string,
  holder: SessionRecord | undefined,
  { recordId, network }: Claimant,
  nowMs: number,
): Refusal | undefined {
  if (holder === undefined || holder.id === recordId) return undefined;
  if (holder.isElsewhere === true) return takenByMember(name);
  // An unknown network matches nothing.
  if (holder.network !== "" && holder.network === network) return undefined;
  // The name still receives mail, and others would mistake its new holder for the old one.
  const retryAfterMs = holder.seenMs + limits.mailHoldMs - nowMs + 1;
  const seconds = Math.ceil(retryAfterMs / 1000);
  const message = `The name ${quoted(name)} is reserved for a user who lost the connection: choose another, or try again in ${seconds} s`;
  return { code: "name-taken", message, retryAfterMs };
}
