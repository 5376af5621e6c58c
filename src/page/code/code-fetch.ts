// Files by code (docs/transfer.md, "By code through a server"), for users who have only a
// browser: joins the code, proves to the sender that it knows the code, lists the files, and saves
// them where the user wants. Needs no DOM.

import type { OfferEvent, SessionEvent } from "../../client/events.ts";
import { GuestSteps, wrongCode } from "../../codes/code-steps.ts";
import { errorMessage, ParleyError } from "../../errors.ts";
import { Channel } from "../../handover/channel.ts";
import { encodeReceipt } from "../../handover/channel-line.ts";
import { channelInfo } from "../../handover/exchange.ts";
import { codeStepIn } from "../../handover/frames.ts";
import { codes as codeLimits, offers as limits } from "../../limits.ts";
import type { FileInfo, OfferEnd } from "../../protocol/messages.ts";
import { secretText } from "../../secrets.ts";
import { harmless } from "../../text.ts";
import type { Code } from "../../trust/code.ts";
import { ChannelControl, ChannelLost, Channels } from "../handover/channel-control.ts";
import { checkNames } from "../handover/offered-list.ts";
import type { OfferPort } from "../handover/offer-port.ts";
import { ReceivedProgress } from "../handover/received-progress.ts";
import type { SaveTarget, StoredFile } from "../handover/saving.ts";
import { FilesTaker, listOf, type Outcome } from "../handover/take-files.ts";
import { webCodeSealer } from "../handover/web-code-sealer.ts";
import { receivedProof } from "./received-proof.ts";

export type CodeView = {
  readonly phase: "joining" | "listed" | "running" | "interrupted" | "done" | "failed";
  readonly list: readonly FileInfo[];
  readonly bytes: number;
  readonly doneBytes: number;
  readonly bytesPerSecond: number;
  readonly detail: string;
};

export interface CodeFetchOptions {
  readonly code: Code;
  /** Requests the channel from the server. */
  readonly join: (offer: string, number: number) => void;
  readonly port: Pick<OfferPort, "end" | "frames" | "moveTo">;
  readonly show: (change: Partial<CodeView>) => void;
  readonly save: (file: StoredFile) => void;
  /** The server requires a password or a pass, or a different one; this attempt is over. */
  readonly askAccess: (problem: string) => void;
}

type Open = { readonly number: number; control: ChannelControl | undefined };

export class CodeFetch {
  readonly #options: CodeFetchOptions;
  readonly #offer = secretText(16);
  readonly #steps: GuestSteps;
  readonly #channels = new Channels();
  readonly #progress = new ReceivedProgress((doneBytes, bytesPerSecond) =>
    this.#options.show({ phase: "running", doneBytes, bytesPerSecond, detail: "" }),
  );
  #open: Open | undefined;
  #list: readonly FileInfo[] | undefined;
  #outcome: Outcome | undefined;
  #isTaking = false;
  #isOver = false;
  /** When this end was last known to the server. */
  #joinedMs = performance.now();
  #hurry: ReturnType<typeof setTimeout> | undefined;
  /** Why nothing comes. */
  #silence = serverIsSilent;
  /** How many times it has gone to another server. */
  #moves = 0;

  constructor(options: CodeFetchOptions) {
    this.#options = options;
    this.#steps = new GuestSteps(options.code);
    this.#hurry = setTimeout(() => this.#fail(this.#silence), codeLimits.guestMs);
    void this.#listAll();
  }

  /** Under which number the server knows this attempt, and the number of the code. */
  get attempt(): { offer: string; number: number } {
    return { offer: this.#offer, number: this.#options.code.number };
  }

  handle(event: SessionEvent): void {
    if (this.#isOver) return;
    switch (event.type) {
      case "online":
        this.#silence = "The sender does not answer: is its program still running?";
        return this.#options.join(this.#offer, this.#options.code.number);
      case "offline":
        this.#silence = serverIsSilent;
        return this.#close("The connection is lost");
      case "ended":
        return this.#handleEnded(event.code, harmless(event.message));
      case "offer":
        return this.#handleOffer(event.about);
      case "response":
        if (event.response.type === "code-joined") this.#joinedMs = performance.now();
        return;
      case "error":
        return this.#handleError(event.code, harmless(event.message), event.at);
      default:
    }
  }

  /** Saves all listed files. Never throws. */
  async take(target: SaveTarget): Promise<void> {
    if (this.#list === undefined || this.#isTaking || this.#isOver) return;
    this.#isTaking = true;
    const bytes = this.#list.reduce((sum, { size }) => sum + size, 0);
    // A folder does not announce its number of files.
    const taker = new FilesTaker(
      this.#channels,
      { files: Infinity, bytes },
      {
        onProgress: (doneBytes) => this.#handleProgress(doneBytes),
        onSaved: this.#options.save,
      },
    );
    try {
      this.#outcome = await taker.takeAll(this.#list, target);
      const { failed, files, reason } = this.#outcome;
      const detail =
        failed === 0
          ? target.saved
          : `${failed} of ${files + failed} could not be saved. ${harmless(reason)}`;
      const phase = failed === 0 ? "done" : "failed";
      this.#options.show({ phase, detail, doneBytes: taker.doneBytes });
      await this.#sayReceived();
    } catch (error) {
      this.#fail(`Stopped: ${harmless(errorMessage(error))}`);
    }
  }

  /** Ends it from this side. */
  cancel(): void {
    this.#fail("Cancelled");
  }

  async #listAll(): Promise<void> {
    try {
      const list = await listOf(this.#channels, checkNames);
      this.#list = list;
      const bytes = list.reduce((sum, { size }) => sum + size, 0);
      this.#options.show({ phase: "listed", list, bytes, detail: "" });
    } catch (error) {
      this.#fail(harmless(errorMessage(error)));
    }
  }

  #handleOffer(event: OfferEvent): void {
    if (event.offer !== this.#offer) return;
    switch (event.type) {
      case "channel":
        this.#close(undefined);
        this.#open = { number: event.channel, control: undefined };
        return;
      case "passed":
        if (event.channel === this.#open?.number) this.#receive(this.#open, event.data);
        return;
      case "channel-lost":
        if (event.channel === this.#open?.number) this.#close("The sender is offline");
        return;
      case "offer-ended":
        return this.#handleEnd(event.reason);
      case "offered":
    }
  }

  #receive(open: Open, data: string): void {
    const step = open.control === undefined ? codeStepIn(data) : undefined;
    if (step === undefined) return open.control?.channel.receive(data);
    const answer = this.#steps.handle(step);
    if (this.#steps.isWrong) return this.#fail(wrongCode);
    if (answer === undefined) return;
    this.#options.port.frames(this.#offer, open.number).pass(answer);
    const { secret } = this.#steps;
    if (secret !== undefined) this.#seal(open, secret);
  }

  /** From here on nobody else can read the data. */
  #seal(open: Open, secret: Uint8Array): void {
    clearTimeout(this.#hurry);
    const info = channelInfo(`code ${this.#options.code.number}`, open.number);
    const peer = { sealer: webCodeSealer(secret), key: "", info };
    const port = this.#options.port.frames(this.#offer, open.number);
    const channel: Channel = new Channel(port, peer, "recipient", {
      line: (text) => control.handleLine(text),
      piece: (piece) => control.handlePiece(piece),
      broken: (reason) => {
        if (open.control === control) this.#fail(reason.message);
      },
    });
    const control: ChannelControl = new ChannelControl(channel);
    open.control = control;
    this.#channels.handleOpened(control);
    if (this.#isTaking && this.#outcome === undefined) {
      this.#options.show({ phase: "running", detail: "" });
    }
    if (this.#outcome !== undefined) channel.whenKeyed(() => void this.#sayReceived());
  }

  #handleEnded(code: string, message: string): void {
    if (!closed.has(code) || this.#steps.secret !== undefined) return this.#fail(message);
    this.#isOver = true;
    clearTimeout(this.#hurry);
    this.#channels.stop(new ChannelLost());
    this.#options.askAccess(message);
  }

  #handleError(code: string, message: string, at: string | undefined): void {
    if (code === "elsewhere" && at !== undefined && this.#moves++ < limits.maxMoves) {
      if (this.#options.port.moveTo(at)) return;
    }
    // A restarted server knows no codes until the sender is back.
    const wasIn = this.#steps.secret !== undefined;
    const mayPass = wasIn && performance.now() - this.#joinedMs < codeLimits.awayMs;
    if (code === "cannot-connect") return;
    if (!mayPass) return this.#fail(message);
    setTimeout(() => {
      if (!this.#isOver) this.#options.join(this.#offer, this.#options.code.number);
    }, limits.offerAgainMs);
  }

  #handleEnd(reason: OfferEnd): void {
    if (this.#outcome !== undefined) {
      this.#isOver = true;
      return this.#channels.stop(new ChannelLost());
    }
    const isWrong = reason === "declined" && this.#steps.secret === undefined;
    this.#fail(isWrong ? wrongCode : "The sender cancelled it");
  }

  #close(detail: string | undefined): void {
    this.#open = undefined;
    this.#channels.handleClosed();
    if (detail === undefined || this.#outcome !== undefined || !this.#isTaking) return;
    this.#options.show({ phase: "interrupted", detail, bytesPerSecond: 0 });
  }

  #handleProgress(doneBytes: number): void {
    // If it has ended, or the channel was lost, the next progress report covers the data that was
    // being written.
    if (!this.#isOver) this.#progress.report(doneBytes, this.#channels.current?.channel);
  }

  /** Repeated in each channel, until the sender has received it. */
  async #sayReceived(): Promise<void> {
    const channel = this.#channels.current?.channel;
    if (channel?.exported === undefined || this.#outcome === undefined) return;
    const proof = await receivedProof(channel.exported);
    channel.sendLine(encodeReceipt({ type: "received", ...this.#outcome, proof }));
  }

  #fail(detail: string): void {
    if (this.#isOver || this.#outcome !== undefined) return;
    this.#isOver = true;
    clearTimeout(this.#hurry);
    this.#options.port.end(this.#offer, "cancelled");
    this.#channels.stop(new ParleyError("interrupted", detail));
    this.#options.show({ phase: "failed", detail, bytesPerSecond: 0 });
  }
}

const serverIsSilent = "The server does not answer";

/** The server has restricted access; the code has not been tried. */
const closed: ReadonlySet<string> = new Set(["password-required", "members-only"]);
