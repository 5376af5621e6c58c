// A native client's actions with files for others, without files: offers, answers, and numbered
// frames through the channels. An offer to somebody at another server is made again there.

import type {
  OfferEvent,
  NativeSession,
  SessionEvent,
  SessionResponse,
} from "../../../src/client/events.ts";
import { type Channel, heardFrame, newOfferId, openedChannel, someFrames } from "./frames.ts";

type Made = {
  readonly to: string;
  channel: Channel | undefined;
  /** Since when the server has it, on this connection. */
  waitingMs: number | undefined;
  /** How often it was to be made at another server. */
  moves: number;
};

/** Two who offer something to each other may pass each other by. */
const maxMoves = 3;

export class Offering {
  readonly #name: string;
  readonly #random: () => number;
  readonly #nowMs: () => number;
  /** Offers made, with their recipients, and offers accepted; `undefined`: no channel is open. */
  readonly made = new Map<string, Made>();
  readonly taken = new Map<string, { channel: Channel | undefined }>();
  /** The requests that are not answered, by their numbers. */
  readonly #asked = new Map<number, string>();
  /** Offers that it has heard of since it was started. */
  readonly heardOf = new Set<string>();
  /** The address of the server where a recipient is. */
  #at: string | undefined;

  constructor(name: string, random: () => number, nowMs: () => number) {
    this.#name = name;
    this.#random = random;
    this.#nowMs = nowMs;
  }

  /** The program has been restarted and knows nothing any more. */
  forget(): void {
    this.made.clear();
    this.taken.clear();
    this.#asked.clear();
    this.heardOf.clear();
    this.#at = undefined;
  }

  /** Where to connect next, once. */
  takeAddress(): string | undefined {
    const at = this.#at;
    this.#at = undefined;
    return at;
  }

  /** One random action. */
  act(session: NativeSession, to: string): void {
    const dice = this.#random();
    const [id, channel] = this.#anyChannel() ?? [];
    if (dice < 0.3 || id === undefined || channel === undefined) {
      return this.#offer(session, newOfferId(this.#random), to);
    }
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
        for (const end of this.taken.values()) end.channel = undefined;
        for (const end of this.made.values()) end.channel = end.waitingMs = undefined;
        this.#asked.clear();
        return;
      case "offer":
        return this.#hearOffer(event.about, session);
      case "response":
        return this.#hearAnswer(event.ref, event.response);
      case "error":
        return this.#hearError(event);
      default:
    }
  }

  #hearAnswer(ref: number, response: SessionResponse): void {
    const made = this.made.get(this.#asked.get(ref) ?? "");
    this.#asked.delete(ref);
    if (made !== undefined && response.type === "offering") made.waitingMs ??= this.#nowMs();
  }

  #hearError({ code, ref, subject = "", at }: Extract<SessionEvent, { type: "error" }>): void {
    const id = this.#asked.get(ref ?? -1) ?? subject;
    this.#asked.delete(ref ?? -1);
    this.taken.delete(subject);
    const made = this.made.get(id);
    if (made === undefined) return;
    const isElsewhere = code === "elsewhere" && at !== undefined;
    if (!isElsewhere || ++made.moves > maxMoves) return void this.made.delete(id);
    made.waitingMs = undefined;
    this.#at = at;
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
    this.heardOf.add(offer);
    const isNew = !this.taken.has(offer);
    const accept = !isNew || this.#random() < 0.8;
    if (accept && isNew) this.taken.set(offer, { channel: undefined });
    session.request({ type: "answer-files", offer, accept });
  }

  #offer(session: NativeSession, id: string, to: string): void {
    const summary = { files: 1, bytes: 1, names: [`for ${to}`] };
    const ref = session.request({ type: "offer-files", offer: id, to, summary });
    if (ref === undefined) return;
    this.#asked.set(ref, id);
    const known = this.made.get(id);
    const fresh = { to, channel: undefined, waitingMs: undefined, moves: 0 };
    if (known === undefined) this.made.set(id, fresh);
    else known.channel = known.waitingMs = undefined;
  }

  #anyChannel(): [string, Channel | undefined] | undefined {
    const all = [...this.made, ...this.taken].filter(([, { channel }]) => channel !== undefined);
    const found = all[Math.floor(this.#random() * all.length)];
    return found === undefined ? undefined : [found[0], found[1].channel];
  }
}
