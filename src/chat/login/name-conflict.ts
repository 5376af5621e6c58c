// Checks at login whether the requested name or alias belongs to somebody else, online or offline.

import { networkOf } from "../../addresses.ts";
import type { HubState } from "../hub-state.ts";
import { takenByAbsent, takenByMember } from "../names/absent.ts";
import { absentHolder } from "../names/absent-holder.ts";
import { fold } from "../names/grammar.ts";
import { withheldRefusal } from "../names/withheld.ts";
import { takenNow } from "../names/taken.ts";
import type { Refusal } from "../refusal.ts";
import type { Session } from "../session.ts";
import type { LoginAttempt, LoginFacts } from "./login-stages.ts";

/** `facts.owner`, if there is one, is the user. Undefined: both are free. */
export function nameConflict(
  hub: HubState,
  session: Session,
  { name, alias, recordId, previous }: LoginAttempt,
  facts: LoginFacts,
): Refusal | undefined {
  const claimant = { recordId, network: networkOf(session.peer.address) };
  if (facts.owner === undefined) {
    const reserved = withheldRefusal(name);
    if (reserved !== undefined) return reserved;
    const byMember = takenNow(hub, session, name, previous);
    if (byMember !== undefined) return byMember;
    const holder = absentHolder(hub, fold(name), facts.holder);
    const byAbsent = takenByAbsent(name, holder, claimant, hub.nowMs);
    if (byAbsent !== undefined) return byAbsent;
  }
  const key = previous?.identity.key ?? session.identity.key;
  // Another person's alias can't be taken as a name.
  if (hub.names.isAliasOfOther(fold(name), key)) return takenByMember(name);
  if (alias === undefined || fold(alias) === fold(name)) return undefined;
  if (facts.aliasOwner !== undefined) return takenByMember(alias);
  if (hub.names.isTakenByOther(alias, key)) return takenByMember(alias);
  const aliasHolder = absentHolder(hub, fold(alias), facts.aliasHolder);
  return takenByAbsent(alias, aliasHolder, claimant, hub.nowMs);
}
