// Names of people who have lost their connection: kept for a while for whoever has the session's secret, or comes from the same
// network as before (a program that was killed and started again has no other proof). Pure.

import { history as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import type { SessionRecord } from "../store.ts";

/** Why a name can't be had now. `retryAfterMs`: it may be free after that. */
export type Taken = { message: string; retryAfterMs?: number };

/** Who would like to have a name: its record (empty: none), and the network that it comes from. */
export type Claimant = { recordId: string; network: string };

/** A name that a live member holds. */
export function takenByMember(name: string): Taken {
  return { message: `The name ${quoted(name)} is taken: choose another` };
}

/** Undefined if `claimant` may have the name that `holder`, who is away, has held. */
export function takenByAbsent(
  name: string,
  holder: SessionRecord | undefined,
  { recordId, network }: Claimant,
  nowMs: number,
): Taken | undefined {
  if (holder === undefined || holder.id === recordId) return undefined;
  // A network that is not known counts as another.
  if (holder.network !== "" && holder.network === network) return undefined;
  // Mail still comes under the name, and people take whoever has it for the one who had it.
  const retryAfterMs = holder.seenMs + limits.mailHoldMs - nowMs + 1;
  const seconds = Math.ceil(retryAfterMs / 1000);
  const message = `The name ${quoted(name)} is kept for somebody who has lost the connection: choose another, or try again in ${seconds} s`;
  return { message, retryAfterMs };
}
