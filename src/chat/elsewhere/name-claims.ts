// Names in a store shared by several servers: the first to claim a name gets it. Without other
// servers nothing is asked, and nothing changes.

import type { ParleyError } from "../../errors.ts";
import { history as limits } from "../../limits.ts";
import type { HubState } from "../hub-state.ts";
import { personKey, type Session } from "../session.ts";
import type { NameClaim, SessionRecord, SessionTaken } from "../turn/store.ts";
import type { Outcome } from "../turn/store-client.ts";
import { askStore } from "../turn/store-queries.ts";
import { makeClaim, release } from "./claims.ts";

export type ClaimOutcome = {
  /** False: somebody on another server has the name, or the store could not be asked. */
  readonly isFree: boolean;
  /**
   * The last holder of the name, like the result of `findName`, now that nobody else can get it.
   */
  readonly last?: SessionRecord | undefined;
  /** Its record, if there is one. */
  readonly taken?: SessionTaken | undefined;
  readonly problem: ParleyError | undefined;
  /** If it was claimed, one of these must be called: the session has the name, or releases it. */
  keep(): void;
  giveUp(): void;
};

/**
 * Claims a free name for the session, which may have ended when `then` is called. `record`: the
 * record of a session that may come from another server; that server can then no longer write it.
 */
export function claimName(
  hub: HubState,
  session: Session,
  { folded, record }: { folded: string; record?: string | undefined },
  then: (outcome: ClaimOutcome) => void,
): void {
  if (hub.isAlone) {
    return then({ isFree: true, problem: undefined, keep() {}, giveUp() {} });
  }
  const claim = claimOf(session, folded);
  hub.names.reserve(folded);
  makeClaim(hub, session, { claim, record }, (claimed, problem) => {
    const finish = (problem: ParleyError | undefined, last?: SessionRecord): void => {
      hub.names.unreserve(folded);
      // Until that is decided, an earlier connection that ends must not give the name up.
      const keep = (): void => {
        if (claimed.isFree) hub.claims.end(claim);
      };
      const giveUp = (): void => {
        if (!claimed.isFree) return;
        hub.claims.end(claim);
        releaseUnused(hub, claim);
      };
      // The name is not the new connection's, and the store still holds the old one's claim.
      if (!claimed.isFree && hub.claims.end(claim)) releaseUnused(hub, claim);
      then({ ...claimed, last, problem, keep, giveUp });
    };
    if (problem !== undefined || !claimed.isFree) return finish(problem);
    // Another user may have had it, and lost the connection, since the store was asked.
    const sinceMs = hub.nowMs - limits.mailHoldMs;
    const again = { type: "find-name", name: folded, sinceMs } as const;
    const conclude = (found: Outcome<SessionRecord | undefined>): void =>
      found.done ? finish(undefined, found.result) : finish(found.error);
    askStore(hub, session, again, conclude, "even-if-ended");
  });
}

/** The session releases its name, unless another of its devices is online. */
export function releaseName(hub: HubState, session: Session): void {
  if (hub.isAlone || hub.names.otherDevices(session).length > 0) return;
  release(hub, claimOf(session, session.identity.folded));
}

function claimOf({ identity }: Session, folded: string): NameClaim {
  return { name: folded, holder: personKey(identity) };
}

/** Releases the name unless another connection of the same person holds it. */
export function releaseUnused(hub: HubState, claim: NameClaim): void {
  const user = hub.names.holder(claim.name);
  if (user === undefined || personKey(user.identity) !== claim.holder) release(hub, claim);
}
