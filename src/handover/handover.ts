// All files that one session sends to and receives from people: makes and finds offers, and passes
// each event to the offer it concerns. Prints nothing.

import type { OfferEvent, SessionEvent } from "../client/events.ts";
import { fold } from "../chat/names/grammar.ts";
import { isErrorCode, ParleyError } from "../errors.ts";
import type { FetchEvent } from "../files/fetch-events.ts";
import { offers as limits } from "../limits.ts";
import { harmless } from "../text.ts";
import type { Exchange } from "./exchange.ts";
import type { IncomingOfferEvent, SendEvent } from "./handover-events.ts";
import { IncomingOffer } from "./incoming-offer.ts";
import type { ServerError } from "./offer-retries.ts";
import { OfferedFolder } from "./offered-folder.ts";
import { OutgoingOffer, type OutgoingOptions } from "./outgoing-offer.ts";

export interface HandoverOptions {
  readonly exchange: Exchange;
  /** Accept every offer immediately, into this folder. */
  readonly acceptInto?: string | undefined;
  /** The maximum rate of sending. */
  readonly limitBytesPerSecond?: number | undefined;
  onIncoming(event: IncomingOfferEvent): void;
  /** `id`: the number of the incoming offer. */
  onFetch(event: FetchEvent, id: number): void;
}

export class Handover {
  readonly #options: HandoverOptions;
  readonly #outgoing = new Map<string, OutgoingOffer>();
  /** By the sender's number. Those that are over stay until the next offer arrives. */
  readonly #incoming = new Map<string, IncomingOffer>();
  #lastId = 0;
  /** Rejects at the next `stop`. */
  #stopping = rejectable();

  constructor(options: HandoverOptions) {
    this.#options = options;
  }

  /**
   * Looks at what is to be sent, which may take long. @throws ParleyError why it can't be sent; the
   * reason of a `stop` meanwhile
   */
  async open(paths: readonly string[]): Promise<OfferedFolder> {
    return await Promise.race([OfferedFolder.of(paths), this.#stopping.promise]);
  }

  /**
   * Offers files; the session must be online. `id`: 16 random bytes in base64url.
   * @throws ParleyError if the same files are already being sent there
   */
  send(
    id: string,
    to: string,
    folder: OfferedFolder,
    onEvent: (event: SendEvent) => void,
  ): OutgoingOffer {
    return this.#start({ id, to, folder, onEvent });
  }

  /**
   * Uploads files to the server's shared folder, and announces them in a room; otherwise like
   * `send`.
   */
  share(
    id: string,
    room: string | undefined,
    folder: OfferedFolder,
    onEvent: (event: SendEvent) => void,
  ): OutgoingOffer {
    return this.#start({ id, to: "the server", share: { room }, folder, onEvent });
  }

  #start(
    what: Omit<OutgoingOptions, "exchange" | "limitBytesPerSecond" | "mayMove">,
  ): OutgoingOffer {
    const { exchange, limitBytesPerSecond } = this.#options;
    const { id } = what;
    if (this.#outgoing.has(id)) {
      throw new ParleyError("failed", "The same files are already being sent: wait for them");
    }
    const rate = limitBytesPerSecond === undefined ? {} : { limitBytesPerSecond };
    const mayMove = (): boolean => !this.#isBusyBut(offer);
    const offer: OutgoingOffer = new OutgoingOffer({ ...what, exchange, mayMove, ...rate });
    this.#outgoing.set(id, offer);
    const forget = () => {
      if (this.#outgoing.get(id) === offer) this.#outgoing.delete(id);
    };
    offer.over.then(forget, forget);
    void offer.offer();
    return offer;
  }

  #isBusyBut(offer: OutgoingOffer): boolean {
    const isUnderWay = this.outgoing.some((other) => other !== offer && other.isUnderWay);
    return isUnderWay || this.incoming.some(({ isReceiving }) => isReceiving);
  }

  /** Offers that wait for an answer or are being received. */
  get incoming(): readonly IncomingOffer[] {
    return [...this.#incoming.values()].filter(({ isOver }) => !isOver);
  }

  /** Whether an accepted offer is still under way. */
  get hasAccepted(): boolean {
    return this.incoming.some(({ isAccepted }) => isAccepted);
  }

  get outgoing(): readonly OutgoingOffer[] {
    return [...this.#outgoing.values()];
  }

  /**
   * The offer that `/get` or `/decline` names: by its number, or the only one of that sender, or
   * the only one at all, that waits for an answer.
   */
  find(word: string): IncomingOffer | undefined {
    const opened = this.incoming.filter((one) => one.summary !== undefined && !one.isReceived);
    const byId = opened.find(({ id }) => String(id) === word);
    if (byId !== undefined) return byId;
    const waiting = opened.filter(({ isAccepted }) => !isAccepted);
    const found = word === "" ? waiting : waiting.filter(({ from }) => fold(from) === fold(word));
    return found.length === 1 ? found[0] : undefined;
  }

  /** Declines an offer, or stops receiving it. */
  decline(offer: IncomingOffer): void {
    if (offer.isAccepted) offer.stop();
    else offer.decline();
  }

  /** Stops all transfers; partial files are kept, and so are offers that wait for an answer. */
  stop(reason: ParleyError): void {
    this.#stopping.reject(reason);
    this.#stopping = rejectable();
    for (const offer of this.outgoing) offer.cancel(reason);
    for (const offer of this.incoming) if (offer.isAccepted) offer.stop();
  }

  /** Returns whether the event was handled here. */
  handleEvent(event: SessionEvent): boolean {
    for (const offer of this.outgoing) offer.handleEvent(event);
    switch (event.type) {
      case "offline":
        for (const offer of this.incoming) offer.handleOffline();
        return false;
      case "offer":
        this.#handleOffer(event.about);
        return true;
      case "response": {
        const { response } = event;
        if (response.type !== "offering" && response.type !== "sharing") return false;
        const answer = response.type === "sharing" ? { here: true, online: false } : response;
        this.#outgoing.get(response.offer)?.handleAnswer(answer);
        return true;
      }
      case "error":
        return this.#handleError(event);
      default:
        return false;
    }
  }

  #handleOffer(about: OfferEvent): void {
    if (about.type === "offered") return void this.#handleOffered(about);
    const incoming = this.#incoming.get(about.offer);
    const open = incoming?.isOver === true ? undefined : incoming;
    const offer = this.#outgoing.get(about.offer) ?? open;
    if (offer === undefined) {
      const { session, applyOutputs } = this.#options.exchange;
      if (about.type === "channel") session.endOffer(about.offer, "cancelled");
      return applyOutputs();
    }
    offer.handleOffer(about);
    if (about.type === "offer-ended") this.#incoming.delete(about.offer);
  }

  async #handleOffered({
    offer: id,
    from,
    ...content
  }: Extract<OfferEvent, { type: "offered" }>): Promise<void> {
    for (const [one, { isOver, isUntold }] of this.#incoming) {
      if (isOver && !isUntold) this.#incoming.delete(one);
    }
    const known = this.#incoming.get(id);
    if (known?.isUntold === true) return known.tellOver();
    // The sender, or this end, has returned.
    if (known !== undefined) return known.isAccepted ? known.answer() : undefined;
    if (this.#incoming.size >= limits.maxKnown) return;
    const { exchange, onIncoming, onFetch, acceptInto } = this.#options;
    const number = ++this.#lastId;
    const offer = new IncomingOffer({
      offer: id,
      id: number,
      from,
      exchange,
      onEvent: onIncoming,
      onFetch: (event) => onFetch(event, number),
    });
    this.#incoming.set(id, offer);
    const problem = await offer.open(content);
    if (problem !== undefined) {
      this.#incoming.delete(id);
      const reason = `The files that ${harmless(from)} offers can't be accepted: ${problem}`;
      return onIncoming({ event: "offer-refused", from, reason });
    }
    if (acceptInto !== undefined) await offer.accept(acceptInto);
  }

  /** An `offer-files` or an `answer-files` was refused. */
  #handleError(event: ServerError): boolean {
    const { code, message, subject } = event;
    const error = new ParleyError(isErrorCode(code) ? code : "failed", harmless(message));
    if (this.outgoing.some((offer) => offer.handleError(event, error))) return true;
    const taken = subject === undefined ? undefined : this.#incoming.get(subject);
    if (taken === undefined) return false;
    // An offer that was declined or stopped here may have ended on the server.
    if (taken.isOver) return code === "not-found";
    // A restarted server has forgotten the offer: the sender makes it again.
    if (code === "not-found" && taken.isAccepted) return true;
    if (taken.isAccepted) {
      taken.stop(error);
      return true;
    }
    this.#incoming.delete(taken.offer);
    this.#options.onIncoming({ event: "offer-refused", from: taken.from, reason: error.message });
    return true;
  }
}

/** Nobody may be waiting for it. */
function rejectable(): PromiseWithResolvers<never> {
  const made = Promise.withResolvers<never>();
  made.promise.catch(() => {});
  return made;
}
