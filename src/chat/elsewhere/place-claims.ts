// Claims by which the servers of one database find something that is at one of them (files by a
// code, or a peer that can be called), or agree which of them lets somebody in by a pass. They are
// kept as names that no person can have.

import type { ParleyError } from "../../errors.ts";
import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import type { Asked, NameClaim } from "../turn/store.ts";
import { askStore } from "../turn/store-queries.ts";
import { makeClaim, release } from "./claims.ts";

/** No name of a person has a slash. */
export function placeClaim(
  kind: "code" | "call" | "pass",
  place: number | string,
  holder?: string,
): NameClaim {
  const name = `${kind}/${place}`;
  return { name, holder: holder ?? name };
}

/** Of two connections of one client, the one that has asked last counts. */
export function isLater(one: Asked, other: Asked): boolean {
  if (one.sentMs === undefined || other.sentMs === undefined) return one.openedMs > other.openedMs;
  return one.sentMs > other.sentMs;
}

/**
 * `free`: it is this server's from now on; `over`: the session has ended meanwhile; or why that is
 * unknown.
 */
export type PlaceClaimed = "free" | "taken" | "over" | ParleyError;

/**
 * Claims it for this server, and calls `then` with the outcome. `isInUse`: whether another session
 * needs the claim.
 */
export function claimPlace(
  hub: HubState,
  session: Session,
  claim: NameClaim,
  then: (answer: PlaceClaimed) => void,
  isInUse: () => boolean = () => false,
): void {
  makeClaim(hub, session, { claim }, ({ isFree }, error) => {
    const wasReleased = hub.claims.end(claim);
    const { hasEnded } = session;
    // An earlier session may have needed it until now.
    const isLeft = isFree ? hasEnded : wasReleased;
    if (isLeft && !isInUse()) releasePlace(hub, claim);
    then(hasEnded ? "over" : (error ?? (isFree ? "free" : "taken")));
  });
}

/**
 * Claims it again: the database has taken this server for dead, and its claims with it, or another
 * server has claimed it since. `isWanted`: whether it is still here.
 */
export function reclaimPlace(hub: HubState, claim: NameClaim, isWanted: () => boolean): void {
  hub.store.claimName(claim, undefined, isWanted, (claimed) => {
    if (claimed.done && claimed.result.isFree && !isWanted()) releasePlace(hub, claim);
  });
  hub.wake();
}

/** `claim`: if there is one. */
export function releasePlace(hub: HubState, claim: NameClaim | undefined): void {
  if (claim !== undefined) release(hub, claim);
}

/**
 * Calls `then` with the address of another server that has claimed it, as `HOST:PORT`: empty if it
 * announces none, undefined if no other has claimed it. `when`: whether also if the session has
 * ended meanwhile.
 */
export function findPlace(
  hub: HubState,
  session: Session,
  { name }: NameClaim,
  then: (at: string | undefined, error: ParleyError | undefined) => void,
  when: "unless-ended" | "even-if-ended" = "unless-ended",
): void {
  if (hub.isAlone) return then(undefined, undefined);
  askStore(
    hub,
    session,
    { type: "find-claimant", name },
    (found) => (found.done ? then(found.result, undefined) : then(undefined, found.error)),
    when,
  );
}
