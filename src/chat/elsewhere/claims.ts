// Claims in a store shared by several servers, and their releases, which are part of batches:
// neither may overtake the other.

import type { ParleyError } from "../../errors.ts";
import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import type { NameClaim, NameClaimed } from "../turn/store.ts";
import { StoreQueries } from "../turn/store-queries.ts";

/**
 * Calls `then` with the answer, even if the session has ended. From now on releases of the same
 * claim wait, until `hub.claims.end` tells whether there was one. `record`: of the session.
 */
export function makeClaim(
  hub: HubState,
  session: Session,
  { claim, record }: { claim: NameClaim; record?: string | undefined },
  then: (claimed: NameClaimed, problem: ParleyError | undefined) => void,
): void {
  hub.claims.begin(claim);
  postponeRelease(hub, claim);
  const ask = (): void => {
    let claimed: NameClaimed = { isFree: false };
    const queries = new StoreQueries(hub, session);
    queries.add<NameClaimed>(
      (done) => hub.store.claimName(claim, record, () => !session.hasEnded, done),
      (answer) => (claimed = answer),
    );
    queries.whenAnswered((problem) => then(claimed, problem), "even-if-ended");
  };
  // A release by an earlier connection that is in flight must not release this claim.
  const isLeaving = hub.pipeline.inFlight?.released.some((one) => isSame(one, claim)) === true;
  if (!isLeaving) return ask();
  hub.pipeline.whenSettled(() => {
    // If that batch has failed, its releases are part of the next one.
    postponeRelease(hub, claim);
    ask();
  });
}

/** While the same claim is being made again, its new holder decides about the release. */
export function release(hub: HubState, claim: NameClaim): void {
  if (hub.claims.release(claim)) return;
  hub.pipeline.gathering.released.push(claim);
  hub.wake();
}

/**
 * Releases that have yet to be committed count as ones that came after the claim. There may be two:
 * of a connection that ended, and of its claim, which was made anew and answered after that.
 */
function postponeRelease(hub: HubState, claim: NameClaim): void {
  const { released } = hub.pipeline.gathering;
  for (let i = released.length - 1; i >= 0; i--) {
    if (!isSame(released[i]!, claim)) continue;
    released.splice(i, 1);
    hub.claims.release(claim);
  }
}

function isSame(one: NameClaim, other: NameClaim): boolean {
  return one.name === other.name && one.holder === other.holder;
}
