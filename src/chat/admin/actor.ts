// The author of an operator command, and what that allows.

import { expel } from "../disconnect.ts";
import type { HubState } from "../hub-state.ts";
import { signatures } from "../names/withheld.ts";
import { isAtLeast, type Rank } from "../rights/roles.ts";
import type { Changer } from "../people/persona.ts";
import { recognizeDevice } from "../people/tell-persona.ts";
import { changerOf } from "../rooms/room-rights.ts";
import type { Session } from "../session.ts";
import { banOf, banText, suspectOf } from "../suspect.ts";
import { StoreQueries } from "../turn/store-queries.ts";
import type { Account } from "../accounts/account-store.ts";
import type { AdminAnswer } from "./answer.ts";

export type Actor = {
  /** The name in logs and lists. */
  name: string;
  /** At this moment: it may change while the store is asked. */
  readonly rank: Rank;
  /** Undefined: the author types at the server's own terminal. */
  session: Session | undefined;
  /** The account of a session, or otherwise the key of its device; undefined if it has neither. */
  id: string | undefined;
};

export const consoleActor: Actor = {
  name: signatures.terminal,
  rank: "console",
  session: undefined,
  id: undefined,
};

/**
 * Identifies the author behind a session. The store is asked each time, since a device may have
 * been revoked meanwhile. `then` is not called if the session is over, or its owner is banned.
 */
export function actorOf(
  hub: HubState,
  session: Session,
  then: (actor: Actor | { problem: string }) => void,
): void {
  const { key, account: shown, isDevice } = session.proven;
  const { account } = session.identity;
  let owner: Account | undefined;
  const queries = new StoreQueries(hub, session);
  if (key !== undefined) {
    queries.ask({ type: "find-account", lookup: { key } }, (found) => (owner = found));
  }
  queries.whenAnswered((error) => {
    if (error !== undefined) return then({ problem: error.message });
    if (owner !== undefined && shown === undefined) {
      // What applies to the account applies to them. Most have no name.
      recognizeDevice(hub, session, owner);
    }
    const ban = banOf(hub, suspectOf(session));
    if (ban !== undefined) return expel(hub, session, "banned", banText(ban));
    // Revoked at another server, perhaps: what its owner may do is not for it any more.
    const isRevoked = isDevice && owner?.id !== shown;
    const accounts = isRevoked ? [] : [account, shown];
    const ids = [key, ...accounts, owner?.id].flatMap((id) => id || []);
    const name = session.name || owner?.name || key || session.peer.address;
    then({
      name,
      get rank() {
        return hub.rights.roles.rankOf(ids);
      },
      session,
      id: owner?.id ?? (accounts[0] || key),
    });
  });
}

/** The actor as the author of a decision about a room. */
export function changerBy(hub: HubState, actor: Actor): Changer {
  const { name, session } = actor;
  const nobody = { author: 0, persona: undefined };
  if (session === undefined) {
    return { ...nobody, name, ids: [], isKnown: true, payer: undefined };
  }
  const by = changerOf(hub, session);
  return isNameless(actor) ? { ...by, ...nobody, name: signatures.nameless } : { ...by, name };
}

/** Known only by a key, which means nothing to people. */
export function isNameless({ name, id }: Actor): boolean {
  return name === id;
}

/** The rank of a session, as far as it is known without asking the store. */
export function rankOf({ rights }: Pick<HubState, "rights">, { proven, identity }: Session): Rank {
  const ids = [proven.key, proven.account, identity.account].flatMap((id) => id || []);
  return rights.roles.rankOf(ids);
}

/** The answer to a command whose author lost the required rank while the store was being asked. */
export const demoted: AdminAnswer = {
  ok: false,
  code: "not-allowed",
  message: "You are no longer an operator: nothing was done",
};

/** Whether the actor outranks that rank, and so may act against its holder. */
export function outranks({ rank }: Actor, other: Rank): boolean {
  return rank === "console" || !isAtLeast(other, rank);
}
