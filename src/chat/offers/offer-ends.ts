// The clients at this server that an offer concerns: its sender, its recipient, and those that may
// accept it.

import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import { type FileOffer, isPerson, type Party, takesPart } from "./file-offer.ts";

export type Ends = Pick<FileOffer, "from" | "to">;

export function sender(hub: HubState, { from }: Ends): Session | undefined {
  return memberFor(hub, from);
}

export function recipient(hub: HubState, { to }: Ends): Session | undefined {
  return memberFor(hub, to);
}

/** The participating session, if it is connected. */
function memberFor(hub: HubState, party: Party): Session | undefined {
  const session = party.session === undefined ? undefined : hub.names.byKey(party.session);
  return session?.phase === "member" && takesPart(party, session) ? session : undefined;
}

/** The clients of the person, whether they accept files or not. */
export function clientsOf(hub: HubState, ends: Ends): readonly Session[] {
  const { to } = ends;
  const readers = hub.names.readers(to.person);
  const own = readers.filter((one) => one.phase === "member" && !isSendingDevice(ends, one));
  const holder = to.isAccount ? undefined : hub.names.holder(to.folded);
  return own.length > 0 || holder === undefined ? own : [holder];
}

/**
 * Whether the offer is for that session: for its person, or for whoever has the unregistered name.
 */
export function isFor(hub: HubState, offer: Ends, session: Session): boolean {
  const { to } = offer;
  if (isPerson(to, session)) return !isSendingDevice(offer, session);
  return !to.isAccount && hub.names.holder(to.folded) === session;
}

/** Whether the session is the sender of an offer to its owner's other devices. */
function isSendingDevice({ from, to }: Ends, { identity, proven }: Session): boolean {
  if (from.person !== to.person) return false;
  return from.session === identity.key || (from.proved !== undefined && from.proved === proven.key);
}
