// Tells a client that its login failed; the dialect decides whether it may try again.

import { connections as limits } from "../../limits.ts";
import { endSession } from "../disconnect.ts";
import type { HubState } from "../hub-state.ts";
import type { LoginRefusal, Refusal } from "../refusal.ts";
import type { Sanction } from "../rights/sanction.ts";
import type { Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";
import { banText } from "../suspect.ts";

/** Of a program's token, which outlives the account if the process ends while that is deleted. */
export const unowned = "The name of this access token is no longer registered";

export function refuseLogin(
  hub: HubState,
  session: Session,
  name: string,
  { code, message, retryAfterMs, asksPassword }: LoginRefusal,
): void {
  hub.log.info("login refused", { ...sessionFields(session), name, code });
  hub.send(session, { type: "refused", code, name, message, retryAfterMs, asksPassword });
  if (session.dialect.refusalEnds === true) endSession(hub, session, "refused");
}

/** Refuses a login that waited too long for its turn among those of its network. */
export function refuseCrowdedLogin(hub: HubState, session: Session, name: string): void {
  const { address } = session.peer;
  const retryAfterMs = limits.loginTurnMs;
  const message = `Too many logins from ${address}: try again in ${retryAfterMs / 1000} s`;
  refuseLogin(hub, session, name, { code: "rate", message, retryAfterMs });
}

/** No other name would help, so none is asked for. */
export function refuseBanned(hub: HubState, session: Session, name: string, ban: Sanction): void {
  hub.log.info("login refused", { ...sessionFields(session), name, code: "banned" });
  hub.send(session, { type: "error", code: "banned", message: banText(ban), subject: name });
  endSession(hub, session, "banned");
}

/** Refuses somebody whom the dialect leaves no second attempt. */
export function turnAway(
  hub: HubState,
  session: Session,
  { code, message, retryAfterMs }: Refusal,
): void {
  hub.send(session, { type: "error", code, message, retryAfterMs });
  endSession(hub, session, "refused");
}
