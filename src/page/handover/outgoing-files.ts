// An offer on its sender's side in the page: made, repeated after every lost connection, and served
// through each resulting channel, until the recipient has verified everything or one of the two
// ends it.

import type { OfferEvent } from "../../client/events.ts";
import { Channel } from "../../handover/channel.ts";
import { decodeReceipt, type ReceiptLine } from "../../handover/channel-line.ts";
import { OfferRetries, type ServerError } from "../../handover/offer-retries.ts";
import { offers as limits } from "../../limits.ts";
import type { OfferEnd } from "../../protocol/messages.ts";
import { SmoothRate } from "../../smooth-rate.ts";
import { harmless } from "../../text.ts";
import type { OfferCard } from "../offer-cards.ts";
import { ChannelServer, type OutgoingFile } from "./channel-server.ts";
import type { OfferPort } from "./offer-port.ts";
import type { PassBudget, PassWindow } from "./pass-window.ts";

export interface OutgoingOptions {
  /** 16 random bytes in base64url. */
  readonly offer: string;
  readonly to: string;
  readonly files: readonly OutgoingFile[];
  readonly port: OfferPort;
  readonly budget: PassBudget;
  readonly show: (change: Partial<OfferCard>) => void;
  /** Whether moving to another server disturbs no other transfer. */
  readonly mayMove: () => boolean;
  /** The offer is over, and no further event concerns it. */
  readonly onOver: () => void;
}

type Open = { number: number; channel: Channel; server: ChannelServer; window: PassWindow };

export class OutgoingFiles {
  readonly offer: string;
  readonly to: string;
  readonly #options: OutgoingOptions;
  readonly #bytes: number;
  readonly #rate = new SmoothRate();
  readonly #retries: OfferRetries;
  #open: Open | undefined;
  #sentBytes = 0;
  #isOver = false;

  constructor(options: OutgoingOptions) {
    this.offer = options.offer;
    this.to = options.to;
    this.#options = options;
    this.#bytes = options.files.reduce((sum, { file }) => sum + file.size, 0);
    this.#retries = new OfferRetries({
      offer: options.offer,
      passing: ["rate", "storage"],
      make: () => this.make(),
      mayMove: options.mayMove,
      moveTo: (server) => options.port.moveTo(server),
      onPostponed: () => this.#handlePostponed(),
    });
  }

  /** Makes or repeats the offer; if offline, it is made later. */
  make(): void {
    const { port, files } = this.#options;
    const names = files.slice(0, limits.shownNames).map(({ name }) => name);
    const summary = { files: files.length, bytes: this.#bytes, names };
    this.#retries.made(port.offer(this.offer, this.to, summary));
  }

  get isUnderWay(): boolean {
    return this.#retries.isUnderWay;
  }

  /** The server's answer. */
  handleAnswer({ here, online }: { here: boolean; online: boolean }): void {
    this.#retries.handleAnswer(here);
    if (this.#open !== undefined || this.#isOver) return;
    const why = online ? "is using a program that can't receive files" : "is away";
    const detail = here
      ? ""
      : `${harmless(this.to)} ${why}: the offer stands as long as this page is open`;
    this.#options.show({ phase: "waiting", detail });
  }

  /** Returns whether the error concerns this offer. */
  handleError(error: ServerError): boolean {
    const meaning = this.#retries.handleError(error);
    if (meaning === "end") this.#end("failed", `Not offered: ${error.message}`, "there");
    return meaning !== "other";
  }

  #handlePostponed(): void {
    const detail = `${harmless(this.to)} is at another server: it is offered there after the other files`;
    this.#options.show({ phase: "waiting", detail });
  }

  handleOffer(event: OfferEvent): void {
    if (this.#isOver) return;
    switch (event.type) {
      case "channel":
        return this.#openChannel(event.channel);
      case "channel-lost":
        if (event.channel === this.#open?.number) this.#close(`${harmless(this.to)} is away`);
        return;
      case "passed":
        if (event.channel === this.#open?.number) this.#open.channel.receive(event.data);
        return;
      case "offer-ended":
        return this.#handleEnd(event.reason);
      case "offered":
    }
  }

  handleOffline(): void {
    this.#close("The connection is lost");
  }

  /** Ends it from this side. */
  cancel(): void {
    this.#end("cancelled", "", "here");
  }

  fail(reason: string): void {
    this.#end("failed", reason, "here");
  }

  #openChannel(number: number): void {
    this.#drop();
    const { port, files, budget, show } = this.#options;
    const window = budget.open();
    const channel: Channel = new Channel(port.frames(this.offer, number), undefined, "sender", {
      line: (text) => this.#handleLine(text, server),
      // The recipient has nothing to send.
      piece() {},
      broken: (reason) => this.#handleBroken(number, reason.message),
    });
    const server: ChannelServer = new ChannelServer({
      files,
      channel,
      window,
      onSent: (bytes) => this.#count(bytes),
      onBroken: (reason) => this.#handleBroken(number, `${harmless(this.to)} ${reason}`),
    });
    this.#open = { number, channel, server, window };
    show({ phase: "running", detail: "" });
  }

  #handleLine(text: string, server: ChannelServer): void {
    const receipt = decodeReceipt(text);
    if (receipt === undefined) return server.handleLine(text);
    if (receipt.type === "received") return this.#handleReceived(receipt);
    const doneBytes = Math.min(receipt.bytes, this.#bytes);
    const bytesPerSecond = this.#rate.at(doneBytes, performance.now());
    this.#options.show({ phase: "running", doneBytes, bytesPerSecond });
  }

  #handleReceived({ failed, reason }: Extract<ReceiptLine, { type: "received" }>): void {
    this.#options.port.end(this.offer, "done");
    const name = harmless(this.to);
    if (failed === 0) {
      this.#options.show({ doneBytes: this.#bytes });
      return this.#end("done", `${name} has it, verified`, "there");
    }
    const count = this.#options.files.length;
    const why = harmless(reason).slice(0, 300);
    this.#end("failed", `${failed} of ${count} did not get to ${name}: ${why}`, "there");
  }

  /** A recipient that requests the same data repeatedly will not finish. */
  #count(bytes: number): void {
    this.#sentBytes += bytes;
    if (this.#sentBytes <= limits.resentTimes * this.#bytes + limits.resentBytes) return;
    this.fail(`${harmless(this.to)} keeps requesting what was already sent`);
  }

  #handleBroken(number: number, reason: string): void {
    if (this.#open?.number === number) this.fail(reason);
  }

  #handleEnd(reason: OfferEnd): void {
    const name = harmless(this.to);
    const [phase, detail] = endOf(reason, name);
    this.#end(phase, detail, "there");
  }

  #close(detail: string): void {
    if (this.#open === undefined) return;
    this.#drop();
    this.#options.show({ phase: "interrupted", bytesPerSecond: 0, detail });
  }

  #drop(): void {
    if (this.#open === undefined) return;
    this.#open.channel.close();
    this.#open.server.close();
    this.#options.budget.close(this.#open.window);
    this.#open = undefined;
  }

  /** `at`: the end where it was ended; the other one is told. */
  #end(phase: OfferCard["phase"], detail: string, at: "here" | "there"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#retries.close();
    this.#drop();
    if (at === "here") this.#options.port.end(this.offer, "cancelled");
    this.#options.show({ phase, detail, bytesPerSecond: 0 });
    this.#options.onOver();
  }
}

function endOf(reason: OfferEnd, to: string): [OfferCard["phase"], string] {
  switch (reason) {
    case "done":
      // The recipient reports that to this end, not to the server.
      return ["failed", `${to} has not confirmed that everything arrived: send it again`];
    case "declined":
      return ["declined", ""];
    case "cancelled":
      return ["cancelled", `${to} has stopped it`];
    case "elsewhere":
      return ["cancelled", "The same files are being sent from elsewhere"];
    case "lost":
      return ["failed", "The server has given up on this page: send the files again"];
    case "overrun":
      return ["failed", `More was sent than ${to} accepts: send it again`];
    case "failed":
      return ["failed", "The server could not save it"];
  }
}
