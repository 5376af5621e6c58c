// An offer on its recipient's side in the page: shown as a card, accepted to a place chosen by the
// user, and fetched through one channel after another until everything is verified and saved.

import type { OfferEvent } from "../../client/events.ts";
import { errorMessage, ParleyError } from "../../errors.ts";
import { Channel } from "../../handover/channel.ts";
import { encodeReceipt } from "../../handover/channel-line.ts";
import { pageFiles } from "../../limits.ts";
import type { OfferEnd, OfferSummary } from "../../protocol/messages.ts";
import { harmless } from "../../text.ts";
import type { OfferCard } from "../offer-cards.ts";
import { ChannelControl, Channels } from "./channel-control.ts";
import { checkList } from "./offered-list.ts";
import type { OfferPort } from "./offer-port.ts";
import { ReceivedProgress } from "./received-progress.ts";
import type { SaveTarget, StoredFile } from "./saving.ts";
import { FilesTaker, listOf, type Outcome } from "./take-files.ts";

export interface IncomingOptions {
  /** The sender's number for the offer. */
  readonly offer: string;
  readonly from: string;
  readonly summary: OfferSummary;
  readonly port: OfferPort;
  readonly show: (change: Partial<OfferCard>) => void;
  /** Hands a file to the browser's downloads; returns its address. */
  readonly download: (file: Blob, name: string) => string;
  /** The offer is over, and no further event concerns it. */
  readonly onOver: () => void;
}

export class IncomingFiles {
  readonly offer: string;
  readonly from: string;
  readonly #options: IncomingOptions;
  readonly #channels = new Channels();
  readonly #taker: FilesTaker;
  readonly #progress = new ReceivedProgress((doneBytes, bytesPerSecond) =>
    this.#options.show({ phase: "running", doneBytes, bytesPerSecond }),
  );
  #saved: { name: string; url: string }[] = [];
  #number = 0;
  #isAccepted = false;
  #isKept = false;
  #isOver = false;
  #outcome: Outcome | undefined;
  #heardMs = 0;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(options: IncomingOptions) {
    this.offer = options.offer;
    this.from = options.from;
    this.#options = options;
    this.#taker = new FilesTaker(this.#channels, options.summary, {
      onProgress: (doneBytes) => this.#handleProgress(doneBytes),
      onSaved: (file) => this.#handleSaved(file),
    });
  }

  get isAccepted(): boolean {
    return this.#isAccepted;
  }

  /** Whether closing the page loses nothing. */
  get isKept(): boolean {
    return this.#isKept;
  }

  get summary(): OfferSummary {
    return this.#options.summary;
  }

  /** Saves the files to the chosen place. Never throws. */
  async accept(target: SaveTarget): Promise<void> {
    if (this.#isAccepted || this.#isOver) return;
    this.#isAccepted = true;
    this.#isKept = target.isKept === true;
    this.#options.show({ phase: "waiting", detail: "" });
    this.answer();
    try {
      const { summary } = this;
      const list = await listOf(this.#channels, (list, isWhole) =>
        checkList(list, summary, isWhole),
      );
      this.#outcome = await this.#taker.takeAll(list, target);
      this.#rest();
      this.#showOutcome(this.#outcome, target);
      this.#sayReceived();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Accepts, for the first time or again: a fresh channel follows. */
  answer(): void {
    this.#options.port.answer(this.offer, true);
  }

  decline(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.port.answer(this.offer, false);
    this.#options.show({ phase: "declined", detail: "" });
    this.#options.onOver();
  }

  /** Ends it from this side. */
  cancel(): void {
    this.#end("cancelled", "", "here");
  }

  handleOffer(event: OfferEvent): void {
    switch (event.type) {
      case "channel":
        return this.#openChannel(event.channel);
      case "channel-lost":
        if (event.channel === this.#number) this.#closeChannel();
        return;
      case "passed":
        if (event.channel === this.#number) this.#receive(event.data);
        return;
      case "offer-ended":
        return this.#handleEnd(event.reason);
      case "offered":
    }
  }

  /** The connection to the server was lost. */
  handleOffline(): void {
    this.#closeChannel();
  }

  /** The server refuses, or the session is over. */
  fail(reason: string): void {
    this.#end("failed", reason, "there");
  }

  #receive(data: string): void {
    this.#heardMs = performance.now();
    this.#watch();
    this.#channels.current?.channel.receive(data);
  }

  #openChannel(number: number): void {
    if (!this.#isAccepted || this.#isOver) return;
    this.#number = number;
    const port = this.#options.port.frames(this.offer, number);
    const channel: Channel = new Channel(port, undefined, "recipient", {
      line: (text) => control.handleLine(text),
      piece: (piece) => control.handlePiece(piece),
      broken: (reason) => {
        if (this.#channels.current === control) this.#end("failed", reason.message, "here");
      },
    });
    const control: ChannelControl = new ChannelControl(channel);
    this.#channels.handleOpened(control);
    if (this.#outcome !== undefined) return this.#sayReceived();
    const detail = this.#isKept ? "" : "keep this page open: a reload loses what has arrived";
    this.#options.show({ phase: "running", detail });
    this.#watch();
  }

  #closeChannel(): void {
    if (this.#channels.current === undefined) return;
    this.#channels.handleClosed();
    this.#rest();
    if (this.#outcome !== undefined || this.#isOver) return;
    const detail = `Waiting for ${harmless(this.from)} to be back`;
    this.#options.show({ phase: "interrupted", bytesPerSecond: 0, detail });
  }

  #handleEnd(reason: OfferEnd): void {
    const [phase, detail] = endOf(reason, harmless(this.from));
    this.#end(phase, detail, "there");
  }

  /** `at`: the end where it was ended; the other one is told. */
  #end(phase: OfferCard["phase"], detail: string, at: "here" | "there"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#rest();
    if (at === "here") this.#options.port.end(this.offer, "cancelled");
    this.#channels.stop(new ParleyError("interrupted", detail));
    // What has arrived stays, whatever becomes of the offer.
    if (this.#outcome === undefined) this.#options.show({ phase, detail, bytesPerSecond: 0 });
    this.#options.onOver();
  }

  /** While more data is expected, silence leads to a request for a fresh channel. */
  #watch(): void {
    if (this.#silence !== undefined || this.#outcome !== undefined) return;
    this.#heardMs = performance.now();
    const look = (): void => {
      const leftMs = this.#heardMs + pageFiles.silenceMs - performance.now();
      if (leftMs > 0) this.#silence = setTimeout(look, leftMs);
      else {
        this.#rest();
        this.answer();
      }
    };
    this.#silence = setTimeout(look, pageFiles.silenceMs);
  }

  #rest(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
  }

  #handleProgress(doneBytes: number): void {
    // If it has ended, or the channel was lost, the next progress report covers the data that was
    // being written.
    if (!this.#isOver) this.#progress.report(doneBytes, this.#channels.current?.channel);
  }

  /** The file stays available for a while; then its disk space is freed. */
  #handleSaved({ file, name, release }: StoredFile): void {
    const url = this.#options.download(file, name);
    this.#saved.push({ name, url });
    this.#options.show({ saved: [...this.#saved] });
    setTimeout(() => {
      URL.revokeObjectURL(url);
      this.#saved = this.#saved.filter((saved) => saved.url !== url);
      this.#options.show({ saved: [...this.#saved] });
      release().catch(() => {});
    }, pageFiles.keepSavedMs);
  }

  /** Repeated in each channel, until the sender has received it. */
  #sayReceived(): void {
    if (this.#outcome === undefined) return;
    const line = encodeReceipt({ type: "received", ...this.#outcome, proof: "" });
    this.#channels.current?.channel.sendLine(line);
  }

  #showOutcome({ files, failed, reason }: Outcome, { saved: detail }: SaveTarget): void {
    const { doneBytes } = this.#taker;
    if (failed === 0) return this.#options.show({ phase: "done", doneBytes, detail });
    const count = files + failed;
    const problem = `${failed} of ${count} could not be saved. ${harmless(reason)}`;
    this.#options.show({ phase: "failed", doneBytes, detail: problem });
  }

  #fail(error: unknown): void {
    const why = errorMessage(error);
    this.#end("failed", `Stopped: ${harmless(why)}`, "here");
  }
}

function endOf(reason: OfferEnd, from: string): [OfferCard["phase"], string] {
  switch (reason) {
    case "cancelled":
    case "lost":
      return ["cancelled", `${from} has stopped it`];
    case "elsewhere":
      return ["cancelled", "You accepted it in another client"];
    case "declined":
      return ["declined", ""];
    case "done":
      return ["cancelled", `${from} has ended it`];
    case "overrun":
      return ["failed", `${from} sent more than this page takes`];
    case "failed":
      return ["failed", `${from} can't send it`];
  }
}
