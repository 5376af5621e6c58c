// `/send`, `/get N` and `/decline N` at the prompt: files to and from people. Knows no screen.

import type { SessionEvent } from "../../client/events.ts";
import { errorMessage, ParleyError } from "../../errors.ts";
import type { FetchEvent } from "../../files/fetch-events.ts";
import type { Exchange } from "../../handover/exchange.ts";
import { Handover } from "../../handover/handover.ts";
import type { IncomingOfferEvent, SendEvent } from "../../handover/handover-events.ts";
import type { OfferedFolder } from "../../handover/offered-folder.ts";
import type { OutgoingOffer } from "../../handover/outgoing-offer.ts";
import { offerNumber, shareNumber } from "../../handover/offer-number.ts";
import { sizeText } from "../../size-text.ts";
import { harmless } from "../../text.ts";
import type { DeviceKey } from "../../tls/identity-key.ts";
import type { Completion } from "../editor/completion.ts";
import {
  incomingFileText,
  incomingText,
  leftOutText,
  pathText,
  sharingText,
  waitText,
} from "./offer-text.ts";
import type { PersonFiles } from "../client/terminal-client.ts";
import { completePath, pathsOf } from "../editor/typed-paths.ts";
import { progressText } from "./progress-text.ts";
import { countText } from "../output/units.ts";

export interface PromptHandoverOptions {
  readonly exchange: Exchange;
  readonly identity: DeviceKey | undefined;
  /** Where `/get` saves offered files. */
  readonly downloads: string;
  /** Accept every offer immediately and save the files in this folder. */
  readonly acceptInto: string | undefined;
  say(text: string): void;
  progress(text: string | undefined): void;
}

export class PromptHandover implements PersonFiles {
  readonly #options: PromptHandoverOptions;
  readonly #handover: Handover;
  /** The number of offers that are being made, or are open. */
  #running = 0;
  /** The last reported path. */
  #saidPath = "";

  constructor(options: PromptHandoverOptions) {
    this.#options = options;
    const { exchange, acceptInto } = options;
    this.#handover = new Handover({
      exchange,
      acceptInto,
      onIncoming: (event) => this.#showIncoming(event),
      onFetch: (event) => this.#showFetch(event),
    });
  }

  handleEvent(event: SessionEvent): boolean {
    return this.#handover.handleEvent(event);
  }

  get(words: string): boolean {
    const offer = this.#handover.find(words);
    if (offer === undefined) return false;
    void offer.accept(this.#options.downloads);
    return true;
  }

  decline(word: string): void {
    const offer = this.#handover.find(word);
    if (offer === undefined) return this.#options.say("There is no such offer: /decline NUMBER");
    const isWaiting = !offer.isAccepted;
    this.#handover.decline(offer);
    // An accepted one is reported once it has stopped.
    if (isWaiting) this.#options.say(`You have declined what ${harmless(offer.from)} offers`);
  }

  send(to: string, paths: string): void {
    void this.#send(to, pathsOf(paths));
  }

  share(room: string, paths: string): void {
    void this.#share(room, pathsOf(paths));
  }

  completePath(before: string): Completion {
    return completePath(before);
  }

  /** Whether a transfer is in progress. */
  get isBusy(): boolean {
    return this.#running > 0 || this.#handover.hasAccepted;
  }

  stop(): boolean {
    const isRunning = this.isBusy;
    this.#handover.stop(new ParleyError("interrupted", "Stopped. What has arrived is kept"));
    if (isRunning) this.#options.progress(undefined);
    return isRunning;
  }

  #send(to: string, paths: readonly string[]): Promise<void> {
    const { exchange, identity } = this.#options;
    return this.#run(paths, (folder) => {
      const id = offerNumber(identity, exchange.session.name ?? "", to, folder.paths);
      return this.#handover.send(id, to, folder, (event) => this.#showSent(event));
    });
  }

  #share(room: string, paths: readonly string[]): Promise<void> {
    const { exchange, identity } = this.#options;
    return this.#run(paths, (folder) => {
      const id = shareNumber(identity, exchange.session.name ?? "", folder.versions);
      return this.#handover.share(id, room, folder, (event) => this.#showSent(event));
    });
  }

  async #run(
    paths: readonly string[],
    start: (folder: OfferedFolder) => OutgoingOffer,
  ): Promise<void> {
    const { say, progress } = this.#options;
    this.#running++;
    try {
      const folder = await this.#handover.open(paths);
      const leftOut = leftOutText(folder.leftOut);
      if (leftOut !== undefined) say(leftOut);
      await start(folder).over;
    } catch (error) {
      say(harmless(errorMessage(error)));
    } finally {
      this.#running--;
      progress(undefined);
    }
  }

  #showSent(event: SendEvent): void {
    const { say, progress } = this.#options;
    const to = harmless("to" in event ? (event.to ?? "the server") : "the server");
    switch (event.event) {
      case "sharing":
      case "shared":
        progress(undefined);
        return say(sharingText(event));
      case "offered": {
        const how = event.sealed ? "sealed" : "not sealed: the server can read it";
        const what = `${countText(event.files, "file")}, ${sizeText(event.size)}`;
        const self = this.#options.exchange.session.name;
        const where = event.here ? "" : `; ${waitText(event.to, event.online, self)}: it waits`;
        return say(`Offered to ${to}: ${what} (${how})${where}`);
      }
      case "accepted":
        return say(`${to} has accepted`);
      case "interrupted":
        progress(undefined);
        return say(`${harmless(event.reason)}: continuing when both are connected again`);
      case "progress": {
        const { verifiedBytes: haveBytes, size: allBytes, bytesPerSecond, secondsLeft } = event;
        const sizes = { haveBytes, allBytes, bytesPerSecond, secondsLeft };
        return progress(progressText({ name: `to ${to}`, ...sizes }));
      }
      case "path":
        return this.#sayPath(`To ${to}: ${pathText(event)}`);
      case "sent":
        progress(undefined);
        return say(`${to} has received ${countText(event.files, "file")}, ${sizeText(event.size)}`);
    }
  }

  /** Another route of the same kind is not worth a message. */
  #sayPath(text: string): void {
    if (text === this.#saidPath) return;
    this.#saidPath = text;
    this.#options.say(text);
  }

  #showIncoming(event: IncomingOfferEvent): void {
    const { say, progress, acceptInto } = this.#options;
    if (event.event === "path") return this.#sayPath(incomingText(event));
    if (event.event !== "offer-received") progress(undefined);
    const isAsked = event.event === "offer-received" && acceptInto === undefined;
    const advice = isAsked ? `: /get ${event.id} accepts, /decline ${event.id} declines` : "";
    say(incomingText(event) + advice);
  }

  #showFetch(event: FetchEvent): void {
    const { say, progress } = this.#options;
    const text = incomingFileText(event);
    if (text !== undefined) say(text);
    if (event.event !== "progress") return;
    const { receivedBytes: haveBytes, size: allBytes, bytesPerSecond, secondsLeft } = event;
    const name = harmless(event.name);
    progress(progressText({ name, haveBytes, allBytes, bytesPerSecond, secondsLeft }));
  }
}
