// One attempt at downloading a file over the control connection only, with the same sealed chunks,
// for paths that block datagrams. TCP recovers losses and controls congestion.

import { ParleyError } from "../errors.ts";
import { noOffload } from "../io/udp/udp.ts";
import { fetching as limits, transfer as wire } from "../limits.ts";
import { chunkOpener, exporterLabel, transferKey } from "../io/chunk-cipher.ts";
import type { TransferMessage } from "../protocol/messages.ts";
import { secretBytes } from "../secrets.ts";
import type { Piece } from "../transfer/piece.ts";
import { PullSchedule } from "../transfer/pull-schedule.ts";
import { type Attempt, type AttemptOptions, type AttemptOutcome, fetchRequest } from "./attempt.ts";
import type { ControlClient } from "./control-client.ts";
import { checkOffer } from "./offer.ts";
import { OfferedFile } from "./offered-file.ts";
import { PreOfferBuffer } from "./pre-offer-buffer.ts";

export class ControlAttempt implements Attempt {
  readonly over = "control";
  readonly offload = noOffload;
  readonly #options: AttemptOptions;
  readonly #token = secretBytes(wire.tokenBytes);
  readonly #schedule: PullSchedule;
  readonly #outcome = Promise.withResolvers<AttemptOutcome>();
  readonly #preOffer = new PreOfferBuffer();
  #file: OfferedFile | undefined;
  /** What the server keeps until it hears `fetched`, even for an offer that is of no use here. */
  #transfer: number | undefined;
  #control: ControlClient | undefined;
  #scheduled = false;
  #timer: Timer | undefined;
  #ended = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
    const wanted = options.wanted ?? [[0, wire.maxFileBytes] as const];
    this.#schedule = new PullSchedule(wanted, options.limitBytesPerSecond);
    // It may reject before anyone awaits it.
    this.#outcome.promise.catch(() => {});
  }

  stats(): undefined {
    return undefined;
  }

  pathMetrics(): undefined {
    return undefined;
  }

  async run(control: ControlClient): Promise<AttemptOutcome> {
    this.#control = control;
    control.onTransferMessage = (message) => this.#guard(() => this.#handleMessage(message));
    control.onPiece = (piece) => this.#guard(() => this.#handlePiece(piece));
    control.onLost = (reason) => this.#handleLost(reason);
    try {
      const request = fetchRequest(this.#options, this.#token);
      const offer = await control.fetch(request, ({ entries }) => this.#options.onList?.(entries));
      this.#transfer = offer.transfer;
      this.#guard(() => this.#handleOffer(control, checkOffer(offer)));
      return await this.#outcome.promise;
    } finally {
      this.close();
    }
  }

  setHorizon(offset: number): void {
    this.#schedule.setHorizon(offset);
    this.wake();
  }

  wake(): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#guard(() => this.#turn());
    });
  }

  /** There is a better path now: another attempt continues with what is missing. */
  giveWay(): void {
    this.#end({ how: "stale" });
  }

  fail(error: unknown): void {
    this.#stop();
    this.#outcome.reject(error);
  }

  close(): void {
    this.#stop();
    if (this.#transfer === undefined) return;
    this.#control?.send({ type: "fetched", transfer: this.#transfer });
    this.#transfer = undefined;
  }

  #handleOffer(control: ControlClient, offer: OfferedFile["offer"]): void {
    const assembler = this.#options.onOffer(offer, control.isSecured);
    const file = assembler && new OfferedFile(offer, assembler, this.#options.sha256);
    this.#file = file;
    if (file === undefined) return this.#end({ how: "stale" });
    const exported = control.exportedKey(exporterLabel);
    const key = transferKey({ exported, transfer: offer.transfer, token: this.#token });
    file.assembler.begin(chunkOpener(key));
    this.#schedule.setSize(offer.size);
    this.#preOffer.release(offer.size, {
      data() {},
      message: (message) => this.#handleMessage(message),
      dropped() {},
    });
    this.wake();
  }

  #handleMessage(message: TransferMessage): void {
    if (this.#ended) return;
    const file = this.#file;
    if (file === undefined) return this.#preOffer.addMessage(message);
    file.handleMessage(message);
    this.#options.onMessage?.(message);
    this.wake();
  }

  #handlePiece({ transfer, offset, bytes }: Piece): void {
    const file = this.#file;
    if (this.#ended || transfer !== file?.offer.transfer) return;
    this.#schedule.handleData(offset, bytes.length, (start, end) =>
      file.assembler.put(start, bytes, start - offset, end - start),
    );
    this.wake();
  }

  #turn(): void {
    const file = this.#file;
    if (file === undefined || this.#ended) return;
    const more = file.work((offset, length) => this.#schedule.handleBadRange(offset, length));
    this.#options.onTurn();
    if (file.isWhole) return this.#end({ how: "whole" });
    const nowMs = performance.now();
    for (;;) {
      const range = this.#schedule.pollRequest(nowMs);
      if (range === undefined) break;
      this.#control?.send({ type: "pull", transfer: file.offer.transfer, ...range });
    }
    this.#checkSilence(file, nowMs);
    if (more) return this.wake();
    clearTimeout(this.#timer);
    const dueMs = Math.min(this.#schedule.nextTimeoutMs(nowMs) - nowMs, limits.silenceMs);
    this.#timer = setTimeout(() => this.wake(), Math.ceil(dueMs));
  }

  #checkSilence(file: OfferedFile, nowMs: number): void {
    const { isPending } = this.#schedule;
    const control = this.#control;
    if (control === undefined) return;
    if (control.silentMs >= limits.silenceMs) control.checkAlive(limits.aliveTimeoutMs);
    // Otherwise only a slow reader is waited for, who may take any time.
    const isWaiting = isPending || this.#schedule.isEmpty || file.assembler.lacksTags;
    if (!isWaiting || file.idleMs(nowMs) <= this.#options.tagTimeoutMs) return;
    const reason = new ParleyError("stalled", `${control.where} no longer sends the file.`);
    this.#end({ how: "retry", reason });
  }

  /** Whoever violates the protocol would do so again; a person would not even be reconnected. */
  #handleLost(reason: ParleyError): void {
    if (reason.code === "protocol") this.fail(reason);
    else this.#end({ how: "retry", reason });
  }

  #end(outcome: AttemptOutcome): void {
    if (this.#ended) return;
    this.#stop();
    this.#outcome.resolve(outcome);
  }

  #stop(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }
}
