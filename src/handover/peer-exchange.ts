// Files between the two ends of a call (`parley peer`): the two ends take the server's role for
// offers themselves, on their own connection. Offers and channels are sealed for the key that the
// other end has proved.

import type { OfferRequest, SessionEvent, SessionRequest } from "../client/events.ts";
import { sealContext } from "../client/sealed-text.ts";
import type { LinkOffer, SecuredLink } from "../io/secured-link.ts";
import type { ChannelEnds, OfferEnd, Sealed } from "../protocol/messages.ts";
import type { DeviceKey } from "../tls/identity-key.ts";
import type { FramePort } from "./channel.ts";
import type { Exchange } from "./exchange.ts";

/** The caller and the callee, with their keys. */
export type CallEnds = {
  readonly identity: DeviceKey;
  readonly self: string;
  readonly peer: string;
  /** The key of the other end. */
  readonly key: string;
  readonly isVerified: boolean;
};

type CallLink = Pick<
  SecuredLink,
  "offer" | "waitingBytes" | "remoteAddress" | "relayed" | "isDirectAllowed"
>;

export class PeerExchange implements Exchange {
  readonly frames = "call";
  readonly session: Exchange["session"];
  readonly mail: Exchange["mail"];
  readonly sealer: Exchange["sealer"];
  readonly datagrams: Exchange["datagrams"];
  readonly #link: CallLink;
  readonly #ends: CallEnds;
  readonly #listeners = new Set<() => void>();
  #handle: (event: SessionEvent) => void = () => {};
  #lastRef = 0;
  /** The last channel of each open offer. */
  readonly #channels = new Map<string, number>();
  /** The offers among them that this end has accepted. */
  readonly #accepted = new Set<string>();
  /** The last offer that may use the relay of a relayed call. */
  #relayedOffer: string | undefined;

  constructor(link: CallLink, ends: CallEnds) {
    this.#link = link;
    // The call's connection closes with the call.
    this.datagrams = {
      server: () => link.remoteAddress,
      isDirectAllowed: link.isDirectAllowed,
      checkAlive: () => link.relayed?.checkAlive(),
    };
    this.#ends = ends;
    const { identity, self } = ends;
    this.session = {
      name: self,
      online: true,
      request: (request) => this.#request(request),
      pass: (offer, channel, data) => link.offer({ type: "passed", offer, channel, data }),
      endOffer: (offer, reason) => this.#end(offer, reason),
    };
    this.sealer = identity.channelSealer;
    this.mail = {
      sealOffer: async (_to, content) => {
        const context = sealContext(self, ends.peer, "file offer");
        const box = await identity.sealer.seal(content, ends.key, context);
        const sealed = { key: identity.key, boxes: [{ key: ends.key, box }] };
        return { how: "sealed", sealed, isVerified: ends.isVerified };
      },
      openOffer: (_from, sealed) => this.#open(sealed),
    };
  }

  /** Sets the receiver of offer events. */
  listen(handle: (event: SessionEvent) => void): void {
    this.#handle = handle;
  }

  applyOutputs(): void {}

  port(offer: string, channel: number): FramePort {
    return {
      pass: (data) => this.#link.offer({ type: "passed", offer, channel, data }),
      waitingBytes: () => this.#link.waitingBytes,
    };
  }

  onDrained(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The connection has accepted everything. */
  handleDrained(): void {
    for (const listener of this.#listeners) listener();
  }

  /** The call goes on after a cut: its relay is another one, which the receiver moves to. */
  handleBack(): void {
    const offer = this.#relayedOffer;
    if (offer === undefined || this.#link.relayed?.relay === undefined) return;
    if (this.#accepted.has(offer)) this.#answer(offer, true);
  }

  /** The other end has sent a message about an offer. */
  handleOffer(message: LinkOffer): void {
    switch (message.type) {
      case "offered":
        return this.#handle({ type: "offer", about: { ...message, from: this.#ends.peer } });
      case "channel":
        // Its first frames may have arrived together with it.
        return this.#handle(this.#opened(message.offer, message.channel));
      case "offer-ended":
        this.#forget(message.offer);
        return this.#handle({ type: "offer", about: message });
      case "passed":
        return this.#handle({ type: "offer", about: message });
    }
  }

  #request(request: SessionRequest): number | undefined {
    const ref = ++this.#lastRef;
    if (request.type === "offer-files") this.#offer(request, ref);
    else if (request.type === "answer-files") this.#answer(request.offer, request.accept);
    else return undefined;
    return ref;
  }

  #offer({ offer, to, summary, sealed }: OfferFiles, ref: number): void {
    this.#link.offer({ type: "offered", offer, from: this.#ends.self, summary, sealed });
    // The requester knows the number of its request only when the call returns.
    queueMicrotask(() => {
      const response = { type: "offering", offer, to, here: true, online: false } as const;
      this.#handle({ type: "response", ref, response });
    });
  }

  #answer(offer: string, accept: boolean): void {
    if (!accept) return this.#link.offer({ type: "offer-ended", offer, reason: "declined" });
    this.#accepted.add(offer);
    const channel = (this.#channels.get(offer) ?? 0) + 1;
    const { self, identity } = this.#ends;
    this.#link.offer({ type: "channel", offer, channel, with: self, key: identity.key });
    const opened = this.#opened(offer, channel);
    queueMicrotask(() => this.#handle(opened));
  }

  /** The key is the one that the other end has proved, whatever it writes. */
  #opened(offer: string, channel: number): SessionEvent {
    this.#channels.set(offer, channel);
    const { peer, key } = this.#ends;
    const relay = this.#relayFor(offer);
    return { type: "offer", about: { type: "channel", offer, channel, with: peer, key, relay } };
  }

  /** The relay of the call is for one offer at a time; others use the call's connection. */
  #relayFor(offer: string): ChannelEnds["relay"] {
    const holder = this.#relayedOffer;
    if (holder !== undefined && this.#channels.has(holder) && holder !== offer) return undefined;
    this.#relayedOffer = offer;
    return this.#link.relayed?.relay;
  }

  #end(offer: string, reason: OfferEnd): void {
    this.#forget(offer);
    this.#link.offer({ type: "offer-ended", offer, reason });
  }

  #forget(offer: string): void {
    this.#channels.delete(offer);
    this.#accepted.delete(offer);
  }

  async #open(
    sealed: Sealed,
  ): Promise<{ content: Uint8Array; state: "verified" | "unverified" } | string> {
    const { identity, self, peer, key, isVerified } = this.#ends;
    const box = sealed.boxes.find((one) => one.key === identity.key)?.box;
    if (sealed.key !== key || box === undefined) return "it is sealed for somebody else";
    const context = sealContext(peer, self, "file offer");
    const content = await identity.sealer.open(box, key, context);
    if (content === undefined) return "it is damaged";
    return { content, state: isVerified ? "verified" : "unverified" };
  }
}

type OfferFiles = Extract<OfferRequest, { type: "offer-files" }>;
