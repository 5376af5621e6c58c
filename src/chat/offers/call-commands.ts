// Calls between peers that may not reach each other, through the server: a peer that has proved its
// key says under which ID it takes calls, another one calls it, and frames are relayed between the
// two unread. Nobody needs a name. In memory only.

import type { OfferEnd } from "../../protocol/messages.ts";
import { quoted } from "../../text.ts";
import type { Command } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import { reject } from "../rejections.ts";
import type { Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";
import { muteText } from "../suspect.ts";
import { Call } from "./call.ts";
import { isNumberUsed } from "./code-commands.ts";

type TakeCalls = Extract<Command, { type: "take-calls" }>;
type MakeCall = Extract<Command, { type: "call" }>;

export function takeCalls(hub: HubState, session: Session, { id, ref }: TakeCalls): void {
  const { key } = session.proven;
  if (key === undefined) {
    const message = "Calls are taken with a key: prove one in the `hello`";
    return reject(hub, session, "not-allowed", message, { ref });
  }
  const muted = muteText(hub, session);
  if (muted !== undefined) return reject(hub, session, "muted", muted, { ref });
  const refusal = hub.calls.take(session, { id, key });
  if (refusal !== undefined) return reject(hub, session, "full", refusal, { ref });
  hub.send(session, { type: "taking-calls", id, ref });
}

export function makeCall(hub: HubState, session: Session, command: MakeCall): void {
  const { offer: id, to, key, ref } = command;
  const muted = muteText(hub, session);
  if (muted !== undefined) return reject(hub, session, "muted", muted, { ref });
  const isUsed = hub.codes.get(id) !== undefined || isNumberUsed(hub, id);
  if (isUsed) return reject(hub, session, "protocol", "This number is in use", { ref });
  const callee = hub.calls.callee({ id: to, key });
  if (callee === undefined || callee === session) {
    const message = `${quoted(to)} can't be called through this server (any more)`;
    return reject(hub, session, "not-found", message, { ref });
  }
  const refusal = hub.calls.refusal(session, callee, hub.nowMs);
  if (refusal !== undefined) return reject(hub, session, "full", refusal, { ref });
  const call = new Call(id, session, callee);
  hub.calls.add(call);
  hub.options.log.info("call relayed", { ...sessionFields(session), to });
  hub.send(session, { type: "calling", offer: id, ref });
  const relay = (call.relay = hub.options.relay?.open(call.owner));
  for (const [end, token] of [
    [session, relay?.sender] as const,
    [callee, relay?.recipient] as const,
  ]) {
    const way = relay && token !== undefined ? { relay: { token, port: relay.port } } : {};
    hub.send(end, { type: "channel", offer: id, channel: call.channel, with: "", ...way });
  }
}

/** `by` already knows. */
export function endCall(hub: HubState, call: Call, reason: OfferEnd, by?: Session): void {
  if (!hub.calls.remove(call)) return;
  call.relay?.close();
  hub.offers.clearFrames(call);
  for (const end of [call.caller, call.callee]) {
    if (end !== by) hub.send(end, { type: "offer-ended", offer: call.id, reason });
  }
}

/** A connection has closed, and its calls with it. */
export function leaveCalls(hub: HubState, session: Session): void {
  for (const call of hub.calls.leave(session)) endCall(hub, call, "lost", session);
}
