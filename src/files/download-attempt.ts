// One attempt at downloading a file by datagrams: connects the receiver's loop, a control
// connection and the assembler, which works in slices between them. Makes no decisions about
// segments and keeps nothing beyond the attempt; download-client.ts retries.

import { ParleyError } from "../errors.ts";
import { fetching as limits, transfer as wire } from "../limits.ts";
import { chunkOpener, exporterLabel, transferKey } from "../io/chunk-cipher.ts";
import type { PathMetrics, ReceiverStats } from "../transfer/receiver.ts";
import { Receiver } from "../transfer/receiver.ts";
import { nowUs } from "../io/clock.ts";
import { secretBytes } from "../secrets.ts";
import { type Attempt, type AttemptOptions, type AttemptOutcome, fetchRequest } from "./attempt.ts";
import type { ControlClient } from "./control-client.ts";
import { OfferedFile } from "./offered-file.ts";
import { PreOfferBuffer } from "./pre-offer-buffer.ts";
import { checkOffer } from "./offer.ts";
import type { FileOffer, TransferMessage } from "../protocol/messages.ts";
import { type SocketOpener, ReceiverLoop } from "./receiver-loop.ts";
import type { UdpOffload } from "../io/udp/udp.ts";

export interface DownloadAttemptOptions extends AttemptOptions {
  /** The UDP port: the same as for TCP, until an offer says otherwise. */
  readonly udpPort: number;
  /** Opens a socket to the server. */
  readonly open: SocketOpener;
  /** Both ends are on this machine. */
  readonly loopback: boolean;
  readonly path?: PathMetrics;
}

export class DownloadAttempt implements Attempt {
  readonly over = "udp";
  readonly receiver: Receiver;
  readonly #options: DownloadAttemptOptions;
  readonly #token: Uint8Array;
  readonly #loop: ReceiverLoop;
  readonly #outcome = Promise.withResolvers<AttemptOutcome>();
  #file: OfferedFile | undefined;
  /** What the server keeps until it hears `fetched`, even for an offer that is of no use here. */
  #transfer: number | undefined;
  #control: ControlClient | undefined;
  readonly #preOffer = new PreOfferBuffer();
  #onCookie: (() => void) | undefined;
  #offeredAtMs = 0;
  #isRefused = false;
  #ended = false;

  private constructor(options: DownloadAttemptOptions, token: Uint8Array, loop: ReceiverLoop) {
    this.#options = options;
    this.#token = token;
    this.#loop = loop;
    const { wanted, limitBytesPerSecond, path, loopback } = options;
    this.receiver = new Receiver({
      token,
      sink: (offset, source, at, length) => this.#handleBytes(offset, source, at, length),
      // A rate limit needs pacing, which loopback mode lacks.
      loopback: loopback && limitBytesPerSecond === undefined,
      receiveBufferBytes: loop.offload.receiveBufferBytes,
      maxSegmentBytes: wire.maxSegmentBytes,
      ...(wanted === undefined ? {} : { wanted }),
      ...(limitBytesPerSecond === undefined ? {} : { limitBytesPerSecond }),
      ...(path === undefined ? {} : { path }),
    });
    // It may reject before anyone awaits it.
    this.#outcome.promise.catch(() => {});
  }

  /** Opens the socket and sends the first datagram. */
  static async open(options: DownloadAttemptOptions): Promise<DownloadAttempt> {
    const token = secretBytes(wire.tokenBytes);
    let attempt: DownloadAttempt | undefined;
    const loop = await ReceiverLoop.open({
      open: options.open,
      loopback: options.loopback,
      onTurn: () => attempt?.turn() ?? false,
      mayRequest: () => (attempt?.readyBytes ?? 0) < limits.maxReadyBytes,
      dueInUs: () => attempt?.dueInUs() ?? Number.POSITIVE_INFINITY,
      onRefused: () => attempt?.handleRefused(),
      onFailure: (error) => attempt?.fail(error),
    });
    attempt = new DownloadAttempt(options, token, loop);
    loop.start(attempt.receiver);
    return attempt;
  }

  get offload(): UdpOffload {
    return this.#loop.offload;
  }

  stats(): ReceiverStats {
    return this.receiver.stats();
  }

  pathMetrics(): PathMetrics {
    return this.receiver.pathMetrics();
  }

  async run(control: ControlClient): Promise<AttemptOutcome> {
    this.#control = control;
    control.onTransferMessage = (message) =>
      this.#guard(() => this.#handleTransferMessage(message));
    control.onLost = (reason) => this.#handleLost(reason);
    try {
      await this.#cookieOrTimeout();
      await this.#fetch(control);
      return await this.#outcome.promise;
    } finally {
      this.close();
    }
  }

  setHorizon(offset: number): void {
    this.receiver.setHorizon(offset, nowUs());
    this.#loop.wake();
  }

  wake(): void {
    this.#loop.wake();
  }

  /** Datagrams take another path from now on. */
  handleNewPath(loopback: boolean): void {
    const isPaced = this.#options.limitBytesPerSecond !== undefined;
    this.receiver.handleNewPath(loopback && !isPaced, nowUs());
    this.#loop.wake();
  }

  /** Datagrams no longer get through. */
  block(sentence: string): void {
    this.#end({ how: "blocked", reason: new ParleyError("stalled", sentence) });
  }

  /** There is no path any more: another attempt continues with what is missing. */
  giveWay(): void {
    this.#end({ how: "stale" });
  }

  fail(error: unknown): void {
    this.#loop.end();
    this.#ended = true;
    this.#outcome.reject(error);
  }

  close(): void {
    this.#ended = true;
    this.#loop.close();
    if (this.#transfer !== undefined) {
      this.#control?.send({ type: "fetched", transfer: this.#transfer });
      this.#transfer = undefined;
    }
  }

  /** Runs a turn of the loop; true if there is more to do immediately. */
  turn(): boolean {
    if (this.receiver.cookie !== undefined) this.#onCookie?.();
    const more = this.#work();
    this.#options.onTurn();
    this.#checkOutcome();
    return more;
  }

  /**
   * If a chunk arrives damaged several times, the control connection carries the rest: what changes
   * datagrams on their way can't change what is inside TLS.
   */
  #work(): boolean {
    try {
      return this.#file?.work(this.#again) ?? false;
    } catch (error) {
      if (!(error instanceof ParleyError) || error.code !== "integrity") throw error;
      this.block(`${error.message} Something changes datagrams on their way.`);
      return false;
    }
  }

  readonly #again = (offset: number, length: number): void => {
    this.receiver.handleBadRange(offset, length, nowUs());
  };

  /** Bytes received that are ready to be opened. */
  get readyBytes(): number {
    return this.#file?.assembler.readyBytes ?? 0;
  }

  /** Time until a silence must be investigated. */
  dueInUs(): number {
    const untilSilentMs = Math.max(limits.silenceStepMs, limits.silenceMs - this.#silentMs);
    return Math.min(untilSilentMs, this.#options.tagTimeoutMs) * 1000;
  }

  handleRefused(): void {
    this.#isRefused = true;
  }

  /** Usually the cookie arrives in the same round trip as the TCP handshake; waits only briefly. */
  #cookieOrTimeout(): Promise<void> {
    if (this.receiver.cookie !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limits.cookieWaitMs);
      this.#onCookie = () => {
        clearTimeout(timer);
        this.#onCookie = undefined;
        resolve();
      };
    });
  }

  async #fetch(control: ControlClient): Promise<void> {
    const { cookie } = this.receiver;
    const request = new Uint8Array(wire.maxRequestBytes);
    const length = this.receiver.pollFirstRequest(request, nowUs());
    const first = Buffer.from(request.subarray(0, length)).toString("base64");
    const proof = cookie === undefined ? {} : { address: cookie.address, port: cookie.port };
    this.#loop.allowFirstRequest();
    const offer = await control.fetch(
      {
        ...fetchRequest(this.#options, this.#token),
        ...(length > 0 ? { request: first, ...proof } : {}),
      },
      ({ entries }) => this.#options.onList?.(entries),
    );
    this.#transfer = offer.transfer;
    this.#guard(() => this.#handleOffer(control, checkOffer(offer)));
  }

  #handleOffer(control: ControlClient, offer: FileOffer): void {
    this.#offeredAtMs = performance.now();
    const { udpPort } = this.#options;
    // A port that answers is the right one, even if the offer names another, as with port
    // forwarding.
    if (offer.udpPort !== udpPort && this.receiver.cookie === undefined) {
      return this.#end({ how: "elsewhere", udpPort: offer.udpPort });
    }
    const assembler = this.#options.onOffer(offer, control.isSecured);
    if (assembler === undefined) return this.#end({ how: "stale" });
    const exported = control.exportedKey(exporterLabel);
    const key = transferKey({ exported, transfer: offer.transfer, token: this.#token });
    assembler.begin(chunkOpener(key));
    this.#file = new OfferedFile(offer, assembler, this.#options.sha256);
    this.receiver.handleOffer(offer.size, offer.maxSegmentBytes, nowUs());
    this.#preOffer.release(offer.size, {
      data: (offset, bytes) => assembler.put(offset, bytes, 0, bytes.length),
      message: (message) => this.#handleTransferMessage(message),
      dropped: (offset, length) => this.receiver.handleBadRange(offset, length, nowUs()),
    });
    this.#loop.wake();
  }

  /** The receiver's sink for sealed bytes. */
  #handleBytes(offset: number, source: Uint8Array, at: number, length: number): void {
    if (this.#file === undefined) this.#preOffer.addData(offset, source, at, length);
    else this.#file.assembler.put(offset, source, at, length);
  }

  #handleTransferMessage(message: TransferMessage): void {
    // The message arrived together with the offer, whose promise has not resolved yet.
    if (this.#file === undefined) return this.#preOffer.addMessage(message);
    this.#file.handleMessage(message);
    this.#options.onMessage?.(message);
    this.#loop.wake();
  }

  #checkOutcome(): void {
    const { name } = this.#options;
    if (this.#file?.isWhole === true) return this.#end({ how: "whole" });
    const { state } = this.receiver;
    if (state === "changed") {
      throw new ParleyError(
        "changed",
        `'${name}' changed while it was being sent: fetch it again.`,
      );
    }
    const where = this.#control?.where ?? "the server";
    if (state === "unreadable") {
      throw new ParleyError("unreadable", `${where} can't read '${name}' any more.`);
    }
    this.#checkSilence(where);
    if (state === "gone") {
      this.#retry(`${where} no longer knows the transfer.`);
    } else if (state === "stalled") {
      const sentence = `No data arrived from ${where} over UDP for too long: is a firewall blocking it?`;
      // Only small datagrams get through, such as those that are answered.
      if (!this.receiver.hasReceived) this.block(sentence);
      else this.#retry(sentence);
    }
  }

  /**
   * Detects the loss of the server, the path or the client's address well before the long timeouts.
   */
  #checkSilence(where: string): void {
    const nowMs = performance.now();
    if (this.#silentMs >= limits.silenceMs) this.#control?.checkAlive(limits.aliveTimeoutMs);
    const file = this.#file;
    if (file === undefined) return;
    const idleMs = file.idleMs(nowMs);
    const { state, isHeldBack } = this.receiver;
    // Held back by a slow reader, who may take any time, or because tags are missing.
    const mustCome = state === "done" || (isHeldBack && file.assembler.lacksTags);
    if (mustCome && idleMs > this.#options.tagTimeoutMs) {
      this.#retry(`${where} has not sent the tags of what has arrived.`);
    }
    if (this.receiver.cookie !== undefined) return;
    const unansweredMs = nowMs - this.#offeredAtMs;
    const { udpPort } = this.#options;
    if (this.#isRefused && unansweredMs > limits.udpRefusedMs) {
      this.block(`${where} refuses datagrams on UDP port ${udpPort}: is a firewall blocking it?`);
    } else if (unansweredMs > limits.udpAnswerMs) {
      this.block(`${where} answers, but not on UDP port ${udpPort}: is a firewall blocking it?`);
    }
  }

  /** Milliseconds since anything at all arrived. */
  get #silentMs(): number {
    return Math.min(this.#loop.silentMs, this.#control?.silentMs ?? 0);
  }

  #retry(sentence: string): void {
    this.#end({ how: "retry", reason: new ParleyError("stalled", sentence) });
  }

  /** Whoever violates the protocol would do so again; a person would not even be reconnected. */
  #handleLost(reason: ParleyError): void {
    if (reason.code === "protocol") this.fail(reason);
    else this.#end({ how: "retry", reason });
  }

  #end(outcome: AttemptOutcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#loop.end();
    this.#outcome.resolve(outcome);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }
}
