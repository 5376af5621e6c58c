// Relays the frames of channels: opaque, in order, and without slowing anything else. Frames wait
// here, not in a session's output, so that messages never wait behind more than a little of them;
// if an end is sent far more than it can have requested, the offer ends.

import { offerBook as limits } from "../../limits.ts";
import type { Command } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import { Call } from "./call.ts";
import { endCall } from "./call-commands.ts";
import { channelEnd } from "./channel.ts";
import { endCode } from "./code-commands.ts";
import { CodeOffer } from "./code-offer.ts";
import type { Passing } from "./offer-book.ts";
import { endOffer } from "./offer-commands.ts";

type Pass = Extract<Command, { type: "pass" }>;

/** False: there is no such channel, and reading the frame was wasted. */
export function passFrame(
  hub: HubState,
  session: Session,
  { offer: id, channel, data }: Pass,
): boolean {
  const offer = hub.offers.get(id) ?? hub.codes.get(id) ?? hub.calls.get(id);
  if (offer === undefined) {
    return hub.options.sharing?.pass(session.id, id, channel, data) ?? false;
  }
  const end = offer.endOf(session);
  if (end === undefined) return false;
  if (!offer.isOpen || offer.channel !== channel) return false;
  const queue = offer.queueTo(end === "sender" ? "recipient" : "sender");
  let over: Passing | undefined;
  do {
    over = hub.offers.queue(offer, queue, data);
    if (over !== undefined) endOverrun(hub, over);
  } while (over !== undefined && over !== offer);
  hub.wake();
  return true;
}

function endOverrun(hub: HubState, offer: Passing): void {
  if (offer instanceof CodeOffer) endCode(hub, offer, "overrun");
  else if (offer instanceof Call) endCall(hub, offer, "overrun");
  else endOffer(hub, offer, "overrun");
}

/**
 * Passes waiting frames to the output of their ends, as far as there is room; channels take turns,
 * one frame at a time. Called at the end of a turn and when a link has drained.
 */
export function pumpFrames(hub: HubState): void {
  let isMore = hub.offers.waiting.size > 0;
  while (isMore) {
    isMore = false;
    for (const offer of hub.offers.waiting) {
      const sent = [sendNext(hub, offer, "sender"), sendNext(hub, offer, "recipient")];
      isMore ||= sent.includes(true);
      if (offer.toSender.chars + offer.toRecipient.chars === 0) hub.offers.waiting.delete(offer);
    }
  }
}

/** Whether more frames can be passed on now, without waiting for a link to drain. */
export function mayPumpFrames(hub: HubState): boolean {
  for (const offer of hub.offers.waiting) {
    if (mayTake(hub, offer, "sender") || mayTake(hub, offer, "recipient")) return true;
  }
  return false;
}

function mayTake(hub: HubState, offer: Passing, end: "sender" | "recipient"): boolean {
  return offer.queueTo(end).chars > 0 && roomyEnd(hub, offer, end) !== undefined;
}

/** The session at that end, if its output has room for a frame, and the ID of the offer there. */
function roomyEnd(
  hub: HubState,
  offer: Passing,
  end: "sender" | "recipient",
): { session: Session; id: string } | undefined {
  const { session, id } = channelEnd(hub, offer, end);
  if (session === undefined) return undefined;
  const { lagBytes, answerChars } = session.output;
  return lagBytes + answerChars > limits.maxLagBytes ? undefined : { session, id };
}

function sendNext(hub: HubState, offer: Passing, end: "sender" | "recipient"): boolean {
  const queue = offer.queueTo(end);
  const to = queue.chars === 0 ? undefined : roomyEnd(hub, offer, end);
  if (to === undefined) return false;
  const data = hub.offers.take(offer, queue);
  if (data === undefined) return false;
  hub.send(to.session, { type: "passed", offer: to.id, channel: offer.channel, data });
  return true;
}
