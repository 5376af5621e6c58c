// Whether a name is taken by somebody who is connected.

import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import type { Refusal } from "../refusal.ts";
import { takenByMember } from "./absent.ts";
import { fold } from "./grammar.ts";

/** Whether another connected user has the name. `previous`: the user's own earlier connection. */
export function takenNow(
  hub: HubState,
  session: Session,
  name: string,
  previous: Session | undefined,
): Refusal | undefined {
  const folded = fold(name);
  const holder = hub.names.holder(folded);
  const isOwn = holder !== undefined && (holder === previous || isGhost(holder, session));
  return !isOwn && hub.names.isTaken(folded) ? takenByMember(name) : undefined;
}

/**
 * Whether `holder` may be a client of the same address that has disappeared. Once it has shut down
 * its write side, a client that closed the connection looks like one that still listens.
 */
function isGhost({ liveness, peer, queue }: Session, session: Session): boolean {
  const isDone = liveness.inputEndedMs > 0 && !queue.isBlocked && queue.length === 0;
  return isDone && peer.address === session.peer.address;
}
