// Whether a ban or a mute concerns a session.

import type { HubState } from "./hub-state.ts";
import { fold } from "./names/grammar.ts";
import { type Sanction, type Suspect, termsText } from "./rights/sanction.ts";
import type { Session } from "./session.ts";

/** A session by all that it is known by; `name` and `alias` if it is still to get them. */
export function suspectOf(session: Session, name?: string, alias?: string): Suspect {
  const { identity, peer, proven } = session;
  const names = [name ?? identity.name, alias ?? identity.alias ?? ""].filter(Boolean).map(fold);
  return { address: peer.address, names, keys: proven.key === undefined ? [] : [proven.key] };
}

export function banOf({ options, stampMs }: HubState, suspect: Suspect): Sanction | undefined {
  return options.rights.sanctions.find("ban", suspect, stampMs);
}

/** Why a session may not speak; undefined if it may. */
export function muteText({ options, stampMs }: HubState, session: Session): string | undefined {
  const { sanctions } = options.rights;
  if (!sanctions.has("mute")) return undefined;
  const mute = sanctions.find("mute", suspectOf(session), stampMs);
  return mute === undefined ? undefined : `You are muted${termsText(mute)}`;
}

export function banText(ban: Sanction): string {
  return `You are banned from this server${termsText(ban)}`;
}
