// Calls between peers that may not reach each other, through the server: a peer that has proved its
// key says under which ID it takes calls, another one calls it, and frames are relayed between the
// two unread. Nobody needs a name. In memory only.

import type { OfferEnd } from "../../protocol/messages.ts";
import { quoted } from "../../text.ts";
import type { Command } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import {
  claimPlace,
  findPlace,
  isLater,
  type PlaceClaimed,
  placeClaim,
  reclaimPlace,
  releasePlace,
} from "../elsewhere/place-claims.ts";
import { ParleyError } from "../../errors.ts";
import { reject, rejectUnread } from "../rejections.ts";
import type { Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";
import { muteText } from "../suspect.ts";
import type { Asked, NameClaim } from "../turn/store.ts";
import { Call } from "./call.ts";
import { closeRelay, tellChannel } from "./channel.ts";
import { type Callee, placeOf } from "./call-book.ts";
import { isNumberUsed } from "./code-commands.ts";

type TakeCalls = Extract<Command, { type: "take-calls" }>;
type MakeCall = Extract<Command, { type: "call" }>;

export function takeCalls(hub: HubState, session: Session, command: TakeCalls): void {
  const { id, ref } = command;
  const { key } = session.proven;
  if (key === undefined) {
    const message = "Calls are taken with a key: prove one in the `hello`";
    return reject(hub, session, "not-allowed", message, { ref });
  }
  if (hub.calls.takesOthers(session, { id, key })) {
    const message = "This connection already accepts calls for another ID: open one for each";
    return reject(hub, session, "not-allowed", message, { ref });
  }
  const muted = muteText(hub, session);
  if (muted !== undefined) return reject(hub, session, "muted", muted, { ref });
  const asked = { openedMs: session.openedMs, sentMs: command.time };
  if (hub.isAlone) {
    return takeWith(hub, session, command, { id, key }, { asked });
  }
  // The server where the peer was last has the claim.
  const claim = { ...claimOf(hub, { id, key }), asked };
  const take = (answer: PlaceClaimed): void => {
    if (answer === "over") return;
    if (answer instanceof ParleyError) return rejectUnread(hub, session, command, answer);
    const taking = { asked, claim: answer === "free" ? claim : undefined };
    takeWith(hub, session, command, { id, key }, taking);
  };
  claimPlace(hub, session, claim, take, () => hub.calls.callee({ id, key }) !== undefined);
}

/** `claim`: by which other servers find the peer. */
function takeWith(
  hub: HubState,
  session: Session,
  { id, again = [], ref }: TakeCalls,
  callee: Callee,
  taking: { asked: Asked; claim?: NameClaim | undefined },
): void {
  // An earlier connection may be heard later, or be answered later by the database.
  const other = hub.calls.askedBy(callee);
  if (other !== undefined && isLater(other, taking.asked)) {
    const message = "A later connection of yours accepts these calls";
    return reject(hub, session, "not-allowed", message, { ref });
  }
  const refusal = hub.calls.take(session, callee, taking);
  if (refusal === undefined) {
    hub.send(session, { type: "taking-calls", id, ref });
    return endLostCalls(hub, session, placeOf(callee), again);
  }
  if (hub.calls.callee(callee) === undefined) releasePlace(hub, taking.claim);
  reject(hub, session, "full", refusal, { ref });
}

/** The callee has lost the connection of these calls, which may look alive. */
function endLostCalls(
  hub: HubState,
  session: Session,
  place: string,
  ids: readonly string[],
): void {
  for (const id of ids) {
    const call = hub.calls.get(id);
    if (call?.place === place && call.callee !== session) endCall(hub, call, "lost", call.callee);
  }
}

/** The database no longer knows where the peers can be called. */
export function reclaimCalls(hub: HubState): void {
  for (const { place, claim } of hub.calls.claims()) {
    reclaimPlace(hub, claim, () => hub.calls.isTaken(place));
  }
}

/** Nobody can tell the key by it. */
function claimOf({ options }: HubState, callee: Callee): NameClaim {
  return placeClaim("call", options.hashSecret(placeOf(callee)));
}

export function makeCall(hub: HubState, session: Session, command: MakeCall): void {
  const { offer: id, to, key, ref } = command;
  const muted = muteText(hub, session);
  if (muted !== undefined) return reject(hub, session, "muted", muted, { ref });
  const place = placeOf({ id: to, key });
  endEarlier(hub, session, command, place);
  const isUsed = hub.codes.get(id) !== undefined || isNumberUsed(hub, id);
  if (isUsed) return reject(hub, session, "protocol", "This number is in use", { ref });
  const callee = hub.calls.callee({ id: to, key });
  if (callee === undefined || callee === session) return rejectElsewhere(hub, session, command);
  const refusal = hub.calls.refusal(session, callee, hub.nowMs);
  if (refusal !== undefined) return reject(hub, session, "full", refusal, { ref });
  const call = new Call(command, place, session, callee);
  hub.calls.add(call);
  hub.log.info("call relayed", { ...sessionFields(session), to });
  hub.send(session, { type: "calling", offer: id, ref });
  tellChannel(hub, call);
}

/** A caller that calls again has lost the earlier connection, even if that still looks alive. */
function endEarlier(
  hub: HubState,
  session: Session,
  { offer, channel }: MakeCall,
  place: string,
): void {
  const call = hub.calls.get(offer);
  if (call?.place === place && call.channel < channel) endCall(hub, call, "lost", session);
}

/** Says at which server the peer can be called, if there is one. */
function rejectElsewhere(hub: HubState, session: Session, command: MakeCall): void {
  const { to, key, ref } = command;
  const nowhere = `${quoted(to)} can't be called through this server, or no longer`;
  findPlace(hub, session, claimOf(hub, { id: to, key }), (at, error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    if (at === undefined) return reject(hub, session, "not-found", nowhere, { ref });
    const where = at === "" ? "another server of this parley" : at;
    const message = `${quoted(to)} can be called at ${where}`;
    reject(hub, session, "elsewhere", message, { ref, at: at === "" ? undefined : at });
  });
}

/** `by` already knows. */
export function endCall(hub: HubState, call: Call, reason: OfferEnd, by?: Session): void {
  if (!hub.calls.remove(call)) return;
  closeRelay(call);
  hub.offers.clearFrames(call);
  for (const end of [call.caller, call.callee]) {
    if (end !== by) hub.send(end, { type: "offer-ended", offer: call.id, reason });
  }
}

/** A connection has closed, and its calls with it. */
export function leaveCalls(hub: HubState, session: Session): void {
  const { calls, claim } = hub.calls.leave(session);
  releasePlace(hub, claim);
  for (const call of calls) endCall(hub, call, "lost", session);
}
