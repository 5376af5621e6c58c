// Whose a name is: a member's, or for a while still that of somebody who has lost the connection and is coming back. Changes
// nothing.

import { history as limits } from "../../limits.ts";
import type { Hub } from "../hub.ts";
import { fold } from "./grammar.ts";
import { quoted } from "../../text.ts";

/** Why a name can't be had now. `retryAfterMs`: it may be free after that. */
export type Taken = { message: string; retryAfterMs?: number };

/** Who would like to have a name: its record (empty: none), and from where it comes. */
export type Claimant = { recordId: string; address: string };

/**
 * Undefined if the name is free for somebody with that record or from that place. The name of a live session of the same record is
 * not.
 * @throws ParleyError `storage`
 */
export function takenName(hub: Hub, name: string, who: Claimant): Taken | undefined {
  const folded = fold(name);
  if (hub.members.has(folded)) {
    return { message: `The name ${quoted(name)} is taken: choose another` };
  }
  const away = hub.awayRecord(folded);
  if (away === undefined || away.id === who.recordId) return undefined;
  if (!hub.awayNetworks.isElsewhere(away.id, who.address)) return undefined;
  // Mail still comes under it, and people take whoever has it for the one who had it.
  const retryAfterMs = away.seenMs + limits.mailHoldMs - hub.nowMs + 1;
  const seconds = Math.ceil(retryAfterMs / 1000);
  const message = `The name ${quoted(name)} is kept for somebody who has lost the connection: choose another, or try again in ${seconds} s`;
  return { message, retryAfterMs };
}
