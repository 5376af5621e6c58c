// An offer on its sender's side: makes it, repeats it after every lost connection, and serves the
// files through each resulting channel. It is over when the recipient reports that everything is
// verified, or when one of the two ends it.

import { TokenBucket } from "../chat/rates/token-bucket.ts";
import { isErrorCode, ParleyError } from "../errors.ts";
import { offers as limits } from "../limits.ts";
import type { OfferEvent, SessionEvent } from "../client/events.ts";
import type { OfferContent, OfferEnd, OfferSummary } from "../protocol/messages.ts";
import { FileService } from "../server/files/file-service.ts";
import { SmoothRate } from "../smooth-rate.ts";
import { harmless, quoted } from "../text.ts";
import type { Path } from "../transfer/paths/path-finder.ts";
import type { ChannelPeer } from "./channel.ts";
import type { ReceiptLine } from "./channel-line.ts";
import { isSamePath, type PathName, pathName, type SendEvent } from "./handover-events.ts";
import { channelInfo, encodeContent, type Exchange } from "./exchange.ts";
import { OfferRetries, type ServerError } from "./offer-retries.ts";
import type { OfferedFolder } from "./offered-folder.ts";
import { LinkSocket, paceOf } from "./paths/link-socket.ts";
import { ServedChannel } from "./served-channel.ts";

export interface OutgoingOptions {
  /** 16 random bytes in base64url. */
  readonly id: string;
  /** The recipient's name, or the name of the shared folder. */
  readonly to: string;
  /** For the shared folder, with the room to notify. */
  readonly share?: { readonly room: string | undefined };
  readonly folder: OfferedFolder;
  readonly exchange: Exchange;
  readonly limitBytesPerSecond?: number;
  /** Whether moving to another server disturbs no other transfer. */
  readonly mayMove?: () => boolean;
  onEvent(event: SendEvent): void;
}

type Open = { number: number; channel: ServedChannel };

export class OutgoingOffer {
  readonly id: string;
  readonly to: string;
  readonly #options: OutgoingOptions;
  readonly #service: FileService<OfferedFolder>;
  readonly #socket: LinkSocket;
  readonly #over = Promise.withResolvers<void>();
  /** When the offer was first accepted: the time before that does not count for the rate. */
  #acceptedMs: number | undefined;
  #content: OfferContent | undefined;
  /** Keys of the recipient's devices that the offer is sealed for; empty: it is not sealed. */
  #keys: readonly string[] = [];
  readonly #retries: OfferRetries;
  readonly #stopListening: () => void;
  /** Limits the rate of sending. */
  readonly #pace: TokenBucket | undefined;
  #isOffering = false;
  #isPostponed = false;
  #open: Open | undefined;
  /** Whether there has been a channel. */
  #wasOpen = false;
  readonly #rate = new SmoothRate();
  /** The current path to the recipient. */
  #path: PathName;
  #isOver = false;

  constructor(options: OutgoingOptions) {
    this.id = options.id;
    this.to = options.to;
    this.#options = options;
    this.#path = pathName(undefined, options.exchange.frames);
    this.#pace = paceOf(options.limitBytesPerSecond);
    this.#socket = new LinkSocket(this.#pace, () => this.#service.wake());
    this.#service = FileService.over(options.folder, this.#socket);
    this.#retries = this.#retriesOf(options);
    this.#stopListening = options.exchange.onDrained(() => this.#service.wake());
    // It may reject before anyone awaits it.
    this.#over.promise.catch(() => {});
  }

  /**
   * Resolves when the recipient has verified everything.
   * @throws ParleyError `declined`, `stalled`, `not-found`, …
   */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  get isSealed(): boolean {
    return this.#keys.length > 0;
  }

  /** Makes or repeats the offer; the session must be online. */
  async offer(): Promise<void> {
    if (this.#isOffering || this.#isOver) return;
    this.#isOffering = true;
    try {
      const { share, exchange } = this.#options;
      const { session } = exchange;
      const content = share === undefined ? await this.#seal() : undefined;
      if (this.#isOver) return;
      const { id: offer, to } = this;
      if (share !== undefined) {
        const room = share.room === undefined ? {} : { room: share.room };
        const summary = this.#summary;
        this.#retries.made(session.request({ type: "share-files", offer, ...room, summary }));
      } else if (content !== undefined) {
        this.#retries.made(session.request({ type: "offer-files", offer, to, ...content }));
      }
      exchange.applyOutputs();
    } finally {
      this.#isOffering = false;
    }
  }

  /** Handles events that concern all offers; `handleOffer` handles those of this one. */
  handleEvent(event: SessionEvent): void {
    if (event.type === "online") void this.offer();
    else if (event.type === "offline") this.#close("the connection was lost");
    else if (event.type === "ended") this.#end(new ParleyError("cannot-connect", event.message));
  }

  /** Whether the recipient can accept, or has accepted, or the server is receiving. */
  get isUnderWay(): boolean {
    return this.#retries.isUnderWay;
  }

  /** The server's answer. */
  handleAnswer({ here, online }: { here: boolean; online: boolean }): void {
    if (!this.#retries.handleAnswer(here)) return;
    const { files, bytes: size, names } = this.#summary;
    const { share, onEvent } = this.#options;
    if (share !== undefined) {
      return onEvent({ event: "sharing", room: share.room, files, size, names });
    }
    onEvent({
      event: "offered",
      to: this.to,
      files,
      size,
      names,
      sealed: this.isSealed,
      here,
      online,
    });
  }

  /** Returns whether the error concerns this offer. `error`: the same for people. */
  handleError(event: ServerError, error: ParleyError): boolean {
    const meaning = this.#retries.handleError(event);
    if (meaning === "end") this.#end(error);
    return meaning !== "other";
  }

  #retriesOf({ id, share, exchange, mayMove }: OutgoingOptions): OfferRetries {
    return new OfferRetries({
      offer: id,
      // The store may answer the next time; a disk without space will not get any.
      passing: share === undefined ? ["rate", "storage"] : ["rate"],
      make: () => void this.offer(),
      mayMove: () => mayMove?.() !== false,
      moveTo: (server) => {
        this.#isPostponed = false;
        return exchange.moveTo?.(server) === true;
      },
      onPostponed: () => this.#handlePostponed(),
    });
  }

  #handlePostponed(): void {
    if (this.#isPostponed) return;
    this.#isPostponed = true;
    const reason = `${this.to} is at another server, and other files come first`;
    this.#options.onEvent({ event: "interrupted", to: this.#recipient, reason });
  }

  handleOffer(event: OfferEvent): void {
    if (this.#isOver) return;
    switch (event.type) {
      case "channel":
        return this.#openChannel(event);
      case "channel-lost":
        if (event.channel === this.#open?.number) this.#close(`${this.to} is away`);
        return;
      case "passed":
        if (event.channel === this.#open?.number) this.#open.channel.receive(event.data);
        return;
      case "offer-ended":
        return this.#handleEnded(event);
      case "offered":
    }
  }

  /** Ends the offer from this side. */
  cancel(reason: ParleyError): void {
    this.#options.exchange.session.endOffer(this.id, "cancelled");
    this.#options.exchange.applyOutputs();
    this.#end(reason);
  }

  /** The `to` of events. */
  get #recipient(): string | undefined {
    return this.#options.share === undefined ? this.to : undefined;
  }

  get #summary(): OfferSummary {
    const { files, folders, bytes, list } = this.#options.folder;
    const names = list.slice(0, limits.shownNames).map(({ name }) => name);
    return { files, folders, bytes, names };
  }

  #handleEnded({
    reason,
    files,
    code,
    message,
  }: Extract<OfferEvent, { type: "offer-ended" }>): void {
    const { share, folder, onEvent } = this.#options;
    if (reason === "failed") {
      const known = isErrorCode(code) ? code : "failed";
      return this.#end(
        new ParleyError(known, harmless(message ?? "It has failed").slice(0, 1_000)),
      );
    }
    if (reason !== "done" || share === undefined) {
      return this.#end(endError(reason, harmless(this.to)));
    }
    const names = (files ?? []).map(({ name }) => name);
    const { bytes: size } = folder;
    onEvent({
      event: "shared",
      room: share.room,
      unchanged: !this.#wasOpen,
      files: folder.files,
      size,
      names,
      ...this.#rates(),
    });
    this.#end(undefined);
  }

  /**
   * Sealed if possible the first time, and then for as long as the offer is open. Undefined:
   * impossible at the moment.
   */
  async #seal(): Promise<OfferContent | undefined> {
    if (this.#content !== undefined) return this.#content;
    const { exchange } = this.#options;
    const summary = this.#summary;
    const content = encodeContent(this.id, summary);
    const outcome = (await exchange.mail?.sealOffer(this.to, content)) ?? { how: "plain" };
    switch (outcome.how) {
      case "offline":
        return undefined;
      case "refused":
        this.#end(new ParleyError("untrusted-server", `Not offered: ${outcome.why}`));
        return undefined;
      case "plain":
        return (this.#content = { summary });
      case "sealed":
        this.#keys = outcome.sealed.boxes.map(({ key }) => key);
        return (this.#content = { sealed: outcome.sealed });
    }
  }

  #openChannel({ channel: number, key, relay }: Extract<OfferEvent, { type: "channel" }>): void {
    this.#closeOpen();
    const peer = this.#peer(number, key);
    if (peer === null) return;
    const { exchange } = this.#options;
    const channel: ServedChannel = new ServedChannel({
      port: exchange.port(this.id, number),
      peer,
      service: this.#service,
      pace: this.#pace,
      datagrams: exchange.datagrams && {
        ...exchange.datagrams,
        relay,
        socket: this.#socket,
        onPath: (path) => this.#handlePath(path),
      },
      to: quoted(this.to),
      onReceipt: (receipt) => this.#handleReceipt(receipt),
      onBroken: (reason) => this.#handleBroken(channel, reason),
    });
    this.#open = { number, channel };
    this.#wasOpen = true;
    const nowMs = performance.now();
    // The time without a channel is not part of the rate.
    this.#rate.resume(nowMs);
    this.#acceptedMs ??= nowMs;
    if (this.#options.share === undefined) {
      this.#options.onEvent({ event: "accepted", to: this.to });
    }
  }

  /** Null: the accepting device is not one that the offer is sealed for. */
  #peer(channel: number, key: string | undefined): ChannelPeer | undefined | null {
    const { sealer } = this.#options.exchange;
    if (!this.isSealed) return undefined;
    if (sealer !== undefined && key !== undefined && this.#keys.includes(key)) {
      return { sealer, key, info: channelInfo(this.id, channel) };
    }
    const sentence = `Somebody has accepted with a key that is not one of ${quoted(this.to)}'s: nothing was sent.`;
    this.cancel(new ParleyError("untrusted-server", sentence));
    return null;
  }

  #handleReceipt(receipt: ReceiptLine): void {
    if (receipt.type === "progress") return this.#progress(receipt.bytes);
    const { folder, exchange, onEvent } = this.#options;
    exchange.session.endOffer(this.id, "done");
    exchange.applyOutputs();
    if (receipt.failed > 0) {
      const why = harmless(receipt.reason).slice(0, 300);
      const sentence = `${receipt.failed} of ${folder.files} files did not get to ${quoted(this.to)}: ${why}`;
      return this.#end(new ParleyError("failed", sentence));
    }
    onEvent({
      event: "sent",
      to: this.to,
      files: folder.files,
      size: folder.bytes,
      ...this.#rates(),
      sealed: this.isSealed,
      ...this.#path,
    });
    this.#end(undefined);
  }

  /** The total duration and rate, not counting what the recipient had already. */
  #rates(): { seconds: number; goodputBytesPerSecond: number } {
    const nowMs = performance.now();
    const seconds = (nowMs - (this.#acceptedMs ?? nowMs)) / 1_000;
    const bytes = Math.min(this.#options.folder.bytes, this.#service.totals.sentBytes);
    const goodputBytesPerSecond = seconds === 0 ? 0 : Math.round(bytes / seconds);
    return { seconds: Math.round(seconds * 1_000) / 1_000, goodputBytesPerSecond };
  }

  #progress(bytes: number): void {
    const size = this.#options.folder.bytes;
    const verifiedBytes = Math.min(bytes, size);
    const bytesPerSecond = this.#rate.at(verifiedBytes, performance.now());
    const secondsLeft = this.#rate.secondsFor(size - verifiedBytes);
    this.#options.onEvent({
      event: "progress",
      to: this.#recipient,
      size,
      verifiedBytes,
      bytesPerSecond,
      secondsLeft,
    });
  }

  /** Both ends start again; an end that breaks every channel will not finish. */
  #handleBroken(channel: ServedChannel, reason: ParleyError): void {
    if (this.#open?.channel === channel) this.cancel(reason);
  }

  #close(reason: string): void {
    if (!this.#closeOpen()) return;
    this.#options.onEvent({ event: "interrupted", to: this.#recipient, reason });
  }

  /** False: there was no channel. */
  #closeOpen(): boolean {
    const open = this.#open;
    this.#open = undefined;
    this.#path = pathName(undefined, this.#options.exchange.frames);
    open?.channel.close();
    return open !== undefined;
  }

  #handlePath(path: Path | undefined): void {
    const next = pathName(path, this.#options.exchange.frames);
    // Between other addresses, but of the same kind.
    if (isSamePath(next, this.#path)) return;
    this.#path = next;
    this.#options.onEvent({ event: "path", to: this.to, ...this.#path });
  }

  #end(error: ParleyError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#retries.close();
    this.#closeOpen();
    this.#service.close();
    this.#stopListening();
    if (error === undefined) this.#over.resolve();
    else this.#over.reject(error);
  }
}

function endError(reason: OfferEnd, to: string): ParleyError {
  switch (reason) {
    case "done":
      // The recipient reports that to this end, not to the server.
      return new ParleyError(
        "protocol",
        `The server says that ${to} has everything, but ${to} has not confirmed it: send it again.`,
      );
    case "declined":
      return new ParleyError("declined", `${to} declined it.`);
    case "cancelled":
      return new ParleyError("declined", `${to} has stopped it.`);
    case "elsewhere":
      return new ParleyError("failed", "Another program of yours is sending the same files now.");
    case "lost":
      return new ParleyError(
        "stalled",
        "The server has given up on this sender: send the files again.",
      );
    case "overrun":
      return new ParleyError("protocol", `More was sent than ${to} accepts: send it again.`);
    case "failed":
      return new ParleyError("failed", "The transfer has failed: send the files again.");
  }
}
