// The channel between the two ends of an offer or a call: both are told when it opens and closes,
// and of the relay for datagrams that belongs to it. What passes through is in channel-frames.ts.

import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import { Call } from "./call.ts";
import { CodeOffer } from "./code-offer.ts";
import { FileOffer } from "./file-offer.ts";
import type { Passing } from "./offer-book.ts";
import { recipient, sender } from "./offer-ends.ts";

const ends = ["sender", "recipient"] as const;
type End = (typeof ends)[number];

/** The session at that end, if it is connected, and the ID by which it knows the offer. */
export function channelEnd(
  hub: HubState,
  offer: Passing,
  end: End,
): { session: Session | undefined; id: string } {
  if (offer instanceof CodeOffer) return offer.at(end) ?? { session: undefined, id: "" };
  const { id } = offer;
  if (offer instanceof Call) return { session: offer.at(end), id };
  return { session: end === "sender" ? sender(hub, offer) : recipient(hub, offer), id };
}

/** Opens the next channel if both ends are connected. */
export function openChannel(hub: HubState, offer: FileOffer | CodeOffer): void {
  if (ends.some((end) => channelEnd(hub, offer, end).session === undefined)) return;
  offer.isOpen = true;
  offer.channel++;
  tellChannel(hub, offer);
}

/** Tells both ends of their new channel, and of its relay. */
export function tellChannel(hub: HubState, offer: Passing): void {
  const { channel, owner } = offer;
  const relay = (offer.relay = hub.options.relay?.open(owner));
  for (const end of ends) {
    const { session, id } = channelEnd(hub, offer, end);
    const other = channelEnd(hub, offer, end === "sender" ? "recipient" : "sender").session;
    if (session === undefined || other === undefined) continue;
    // Only the ends of an offer to a person know each other.
    const about =
      offer instanceof FileOffer ? { with: other.name, key: other.proven.key } : { with: "" };
    const way = relay && { token: relay[end], port: relay.port };
    hub.send(session, { type: "channel", offer: id, channel, ...about, relay: way });
  }
}

/** Frames in flight are lost; both ends continue with the next channel. `by` already knows. */
export function closeChannel(hub: HubState, offer: FileOffer | CodeOffer, by?: Session): void {
  if (!offer.isOpen) return;
  offer.isOpen = false;
  closeRelay(offer);
  hub.offers.clearFrames(offer);
  for (const end of ends) {
    const { session, id } = channelEnd(hub, offer, end);
    if (session === undefined || session === by) continue;
    hub.send(session, { type: "channel-lost", offer: id, channel: offer.channel });
  }
}

export function closeRelay(offer: Passing): void {
  offer.relay?.close();
  offer.relay = undefined;
}
