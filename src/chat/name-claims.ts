// Names in a store that several servers use: whoever comes first has one. Without other servers
// nothing is asked, and nothing changes.

import type { ParleyError } from "../errors.ts";
import type { HubState } from "./hub-state.ts";
import { personKey, type Session } from "./session.ts";
import type { NameClaim } from "./store.ts";
import { StoreQueries } from "./store-queries.ts";

export type ClaimOutcome = {
  /** False: somebody has the name at another server, or the store could not be asked. */
  readonly isFree: boolean;
  readonly problem: ParleyError | undefined;
  /** Gives the name up again, if it was claimed. */
  giveUp(): void;
};

/** Claims a free name for the session, which may have ended when `then` is called. */
export function claimName(
  hub: HubState,
  session: Session,
  folded: string,
  then: (outcome: ClaimOutcome) => void,
): void {
  if (hub.options.shared === undefined) {
    return then({ isFree: true, problem: undefined, giveUp() {} });
  }
  const claim = claimOf(session, folded);
  let isFree = false;
  hub.names.reserve(folded);
  const queries = new StoreQueries(hub, session);
  queries.ask<boolean>(
    (done) => hub.store.claimName(claim, done),
    (claimed) => (isFree = claimed),
  );
  queries.whenAnswered((problem) => {
    hub.names.unreserve(folded);
    const giveUp = (): void => {
      if (isFree) release(hub, claim);
    };
    then({ isFree, problem, giveUp });
  }, true);
}

/** The session gives up its name, unless another of its devices is here. */
export function releaseName(hub: HubState, session: Session): void {
  if (hub.options.shared === undefined || hub.names.otherDevices(session).length > 0) return;
  release(hub, claimOf(session, session.identity.folded));
}

/** The session has its name again, which its earlier connection has just given up. */
export function keepName(hub: HubState, session: Session): void {
  const { released } = hub.pipeline.gathering;
  const { name, holder } = claimOf(session, session.identity.folded);
  const index = released.findIndex((claim) => claim.name === name && claim.holder === holder);
  if (index >= 0) released.splice(index, 1);
}

function claimOf({ identity }: Session, folded: string): NameClaim {
  return { name: folded, holder: personKey(identity) };
}

function release(hub: HubState, claim: NameClaim): void {
  hub.pipeline.gathering.released.push(claim);
  hub.wake();
}
