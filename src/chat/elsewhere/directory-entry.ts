// What other servers may know about somebody who is connected here.

import { isLoopback } from "../../addresses.ts";
import type { DirectoryEntry, PublicPerson } from "./foreign-person.ts";
import type { HubState } from "../hub-state.ts";
import type { SignalSender } from "./hub-signal.ts";
import { sanctionedNetwork } from "../rights/sanction.ts";
import { idsOf } from "../rooms/room-rights.ts";
import { personKey, type Session } from "../session.ts";

/** Undefined if nobody here has the name. */
export function directoryEntry(hub: HubState, folded: string): DirectoryEntry | undefined {
  const session = hub.names.holder(folded);
  if (session === undefined) return undefined;
  const { address } = session.peer;
  const network = isLoopback(address) ? undefined : sanctionedNetwork(address);
  const { key: proved } = session.proven;
  const devices = hub.names.devices(session);
  const takesFiles = devices.some((device) => device.takesFiles) || undefined;
  const about = publicPerson(hub, session);
  return { ...senderOf(session), about: { ...about, network, proved, takesFiles } };
}

export function senderOf({ identity }: Session): SignalSender {
  const { key, name, folded } = identity;
  return { key, name, folded, person: personKey(identity) };
}

export function publicPerson(hub: HubState, session: Session): PublicPerson {
  const { away, isHidden, sinceMs } = session.person;
  return {
    persona: hub.personas.of(session),
    person: session.identity.mailbox || undefined,
    ids: idsOf(session),
    away,
    isHidden,
    isSecure: session.peer.tls === true,
    sinceMs,
    spokeMs: spokeMs(hub, session),
  };
}

/** In Unix milliseconds; the login time if they have said nothing yet. */
function spokeMs({ nowMs, stampMs }: HubState, { person }: Session): number {
  return person.spokeMs === 0 ? person.sinceMs : stampMs - (nowMs - person.spokeMs);
}
