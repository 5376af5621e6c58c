// A native client's actions with files for others, without files: offers, answers, and numbered
// frames through the channels.

import type { OfferEvent, NativeSession, SessionEvent } from "../../../src/client/events.ts";
import { type Channel, heardFrame, newOfferId, openedChannel, someFrames } from "./frames.ts";

export class Offering {
  readonly #name: string;
  readonly #random: () => number;
  /** Offers made, with their recipients, and offers accepted; `undefined`: no channel is open. */
  readonly made = new Map<string, { to: string; channel: Channel | undefined }>();
  readonly taken = new Map<string, { channel: Channel | undefined }>();

  constructor(name: string, random: () => number) {
    this.#name = name;
    this.#random = random;
  }

  /** The program has been restarted and knows nothing any more. */
  forget(): void {
    this.made.clear();
    this.taken.clear();
  }

  /** One random action. */
  act(session: NativeSession, to: string): void {
    const dice = this.#random();
    if (dice < 0.3) return this.#offer(session, newOfferId(this.#random), to);
    const [id, channel] = this.#anyChannel() ?? [];
    if (id === undefined || channel === undefined) return;
    if (dice > 0.97) {
      session.endOffer(id, "cancelled");
      this.made.delete(id);
      this.taken.delete(id);
      return;
    }
    for (const data of someFrames(channel, this.#random)) session.pass(id, channel.number, data);
  }

  hear(event: SessionEvent, session: NativeSession): void {
    switch (event.type) {
      case "online":
        for (const [id, { to }] of this.made) this.#offer(session, id, to);
        return;
      case "offline":
      case "ended":
        for (const end of [...this.made.values(), ...this.taken.values()]) end.channel = undefined;
        return;
      case "offer":
        return this.#hearOffer(event.about, session);
      case "error":
        if (event.subject !== undefined) this.taken.delete(event.subject);
        return;
      default:
    }
  }

  #hearOffer(event: OfferEvent, session: NativeSession): void {
    if (event.type === "offered") return this.#answer(event.offer, session);
    const end = this.made.get(event.offer) ?? this.taken.get(event.offer);
    if (end === undefined) {
      if (event.type === "channel") session.endOffer(event.offer, "cancelled");
      return;
    }
    if (event.type === "offer-ended") {
      this.made.delete(event.offer);
      this.taken.delete(event.offer);
    } else if (event.type === "channel-lost") {
      if (end.channel?.number === event.channel) end.channel = undefined;
    } else if (event.type === "channel") {
      end.channel = openedChannel(event.channel);
    } else heardFrame(this.#name, end.channel, event);
  }

  #answer(offer: string, session: NativeSession): void {
    const isNew = !this.taken.has(offer);
    const accept = !isNew || this.#random() < 0.8;
    if (accept && isNew) this.taken.set(offer, { channel: undefined });
    session.request({ type: "answer-files", offer, accept });
  }

  #offer(session: NativeSession, id: string, to: string): void {
    const summary = { files: 1, bytes: 1, names: [`for ${to}`] };
    if (session.request({ type: "offer-files", offer: id, to, summary }) === undefined) return;
    const known = this.made.get(id);
    if (known === undefined) this.made.set(id, { to, channel: undefined });
    else known.channel = undefined;
  }

  #anyChannel(): [string, Channel | undefined] | undefined {
    const all = [...this.made, ...this.taken].filter(([, { channel }]) => channel !== undefined);
    const found = all[Math.floor(this.#random() * all.length)];
    return found === undefined ? undefined : [found[0], found[1].channel];
  }
}
