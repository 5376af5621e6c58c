// Ends sessions whose name or alias somebody else has just registered: an operator, for a program,
// or a user of another server, which does not know the aliases used here. A session that was about
// to take that name keeps the one it has.

import { quoted } from "../../text.ts";
import type { Account } from "../accounts/account-store.ts";
import { endSession } from "../disconnect.ts";
import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import { fold } from "./grammar.ts";

/** Ends the sessions that have the account's name, or are about to, without belonging to it. */
export function endNamesakes(hub: HubState, { id, name }: Pick<Account, "id" | "name">): void {
  const folded = fold(name);
  for (const session of hub.sessions) {
    if (session.phase === "member") session.awaitedNames = without(session.awaitedNames, folded);
    if (!namesOf(session).includes(folded) || isOf(session, id)) continue;
    // A login that has yet to hear whose name it is asks again: it may be the owner's.
    const changed = hub.accountReads.get(session);
    if (changed !== undefined) {
      changed.add(folded);
      continue;
    }
    const reason = `The name ${quoted(name)} is registered now: choose another`;
    hub.send(session, { type: "bye", reason });
    endSession(hub, session);
  }
}

function namesOf({ phase, identity, awaitedNames }: Session): readonly string[] {
  if (phase === "entering") return awaitedNames;
  const { folded, alias = "" } = identity;
  return phase === "member" ? [folded, fold(alias)] : [];
}

function without(names: readonly string[], name: string): readonly string[] {
  return names.includes(name) ? names.filter((one) => one !== name) : names;
}

/** A login that knows the account has to prove that it may use it. */
function isOf({ phase, identity, entersAs }: Session, account: string): boolean {
  return identity.account === account || (phase === "entering" && entersAs.includes(account));
}
