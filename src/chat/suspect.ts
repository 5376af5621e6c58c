// Whether a ban or mute applies to a session.

import type { HubState } from "./hub-state.ts";
import { fold } from "./names/grammar.ts";
import { type Sanction, type Suspect, termsText } from "./rights/sanction.ts";
import type { Session } from "./session.ts";

/** What a session is about to acquire in addition to what it has. */
type Coming = {
  names?: readonly (string | undefined)[];
  accounts?: readonly string[];
};

/** Everything by which a session can be identified. */
export function suspectOf(
  { identity, peer, proven }: Session,
  { names = [], accounts = [] }: Coming = {},
): Suspect {
  const known = [identity.name, identity.alias, ...names].flatMap((name) => name || []);
  const owned = [identity.account, proven.account, ...accounts].flatMap((id) => id || []);
  return {
    address: peer.address,
    names: known.map(fold),
    keys: proven.key === undefined ? [] : [proven.key],
    accounts: owned,
  };
}

export function banOf({ rights, stampMs }: HubState, suspect: Suspect): Sanction | undefined {
  return rights.sanctions.find("ban", suspect, stampMs);
}

/** Why a session may not speak; undefined if it may. */
export function muteText(hub: HubState, session: Session): string | undefined {
  const { sanctions } = hub.rights;
  if (!sanctions.has("mute")) return undefined;
  const mute = sanctions.find("mute", suspectOf(session), hub.stampMs);
  return mute === undefined ? undefined : `You are muted${termsText(mute)}`;
}

export function banText(ban: Sanction): string {
  return `You are banned from this server${termsText(ban)}`;
}
