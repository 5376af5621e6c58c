// One attempt at downloading a file: connects the receiver's loop, a control connection and the
// assembler, which works in slices between them. Decides nothing about segments and keeps nothing
// beyond the attempt; download-client.ts retries.

import { ParleyError } from "../errors.ts";
import { fetching as limits, transfer as wire } from "../limits.ts";
import type { Assembler } from "../transfer/assembler.ts";
import { type PathMetrics, Receiver, type ReceiverStats } from "../transfer/receiver.ts";
import { nowUs } from "../io/clock.ts";
import { secretBytes } from "../secrets.ts";
import { type ControlClient, errorOf } from "./control-client.ts";
import { PreOfferBuffer } from "./pre-offer-buffer.ts";
import { isLoopback } from "../addresses.ts";
import { checkOffer } from "./offer.ts";
import type { FileOffer, TransferMessage } from "../protocol/messages.ts";
import { ReceiverLoop } from "./receiver-loop.ts";
import type { UdpOffload } from "../io/udp/udp.ts";

export interface DownloadAttemptOptions {
  /** The server's numeric address, and its UDP port: that of TCP until an offer says otherwise. */
  readonly host: string;
  readonly udpPort: number;
  readonly name: string;
  /** Byte ranges that are missing; absent: everything. */
  readonly wanted?: readonly (readonly [start: number, end: number])[];
  /** End of the last range that is present already. */
  readonly heldBytes: number;
  readonly limitBytesPerSecond?: number;
  readonly path?: PathMetrics;
  /** How long to wait for digests once everything has arrived. */
  readonly digestTimeoutMs: number;
  /** False: no kernel offload (tests). */
  readonly offload?: boolean;
  /**
   * Returns where the bytes go; undefined if `wanted` does not apply to the offered version, which
   * ends the attempt as `stale`. May throw.
   */
  onOffer(offer: FileOffer): Assembler | undefined;
  /** Called after each turn, with or without new bytes. May throw, which ends the attempt. */
  onTurn(): void;
}

/**
 * How an attempt ended: the file is complete, or it is worth retrying (`elsewhere`: at another UDP
 * port). Anything else is thrown.
 */
export type AttemptOutcome =
  | { how: "whole" }
  | { how: "stale" }
  | { how: "elsewhere"; udpPort: number }
  | { how: "retry"; reason: ParleyError };

export class DownloadAttempt {
  readonly receiver: Receiver;
  readonly #options: DownloadAttemptOptions;
  readonly #token: Uint8Array;
  readonly #loop: ReceiverLoop;
  readonly #outcome = Promise.withResolvers<AttemptOutcome>();
  #assembler: Assembler | undefined;
  #offer: FileOffer | undefined;
  #control: ControlClient | undefined;
  readonly #preOffer = new PreOfferBuffer();
  #onCookie: (() => void) | undefined;
  #flushedAtMs = 0;
  #offeredAtMs = 0;
  #isRefused = false;
  /** Bytes that have arrived or been verified, and when that last changed. */
  #progressBytes = 0;
  #progressAtMs = performance.now();
  #ended = false;

  private constructor(options: DownloadAttemptOptions, token: Uint8Array, loop: ReceiverLoop) {
    this.#options = options;
    this.#token = token;
    this.#loop = loop;
    const { wanted, limitBytesPerSecond, path, host } = options;
    this.receiver = new Receiver({
      token,
      sink: (offset, source, at, length) => this.#handleBytes(offset, source, at, length),
      // A rate limit needs pacing, which loopback does without.
      loopback: isLoopback(host) && limitBytesPerSecond === undefined,
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
    const { host, udpPort, offload } = options;
    const loop = await ReceiverLoop.open({
      host,
      udpPort,
      ...(offload === undefined ? {} : { offload }),
      onTurn: () => attempt?.turn() ?? false,
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

  /** Requests the file on this connection and receives it. @throws ParleyError */
  async run(control: ControlClient): Promise<AttemptOutcome> {
    this.#control = control;
    control.onTransferMessage = (message) =>
      this.#guard(() => this.#handleTransferMessage(message));
    void control.lost.then((reason) => this.#end({ how: "retry", reason }));
    try {
      await this.#cookieOrTimeout();
      await this.#fetch(control);
      return await this.#outcome.promise;
    } finally {
      this.close();
    }
  }

  /** Nothing at or beyond this offset is requested until it is raised. */
  setHorizon(offset: number): void {
    this.receiver.setHorizon(offset, nowUs());
    this.#loop.wake();
  }

  /** Takes a turn soon: the reader of `-o -` has made room. */
  wake(): void {
    this.#loop.wake();
  }

  /** Ends the attempt from outside: Ctrl-C, a reader that has gone. */
  fail(error: unknown): void {
    this.#loop.end();
    this.#ended = true;
    this.#outcome.reject(error);
  }

  close(): void {
    this.#ended = true;
    this.#loop.close();
    if (this.#offer !== undefined) {
      this.#control?.send({ type: "fetched", transfer: this.#offer.transfer });
    }
  }

  /** Takes a turn of the loop; true if there is more to do at once. */
  turn(): boolean {
    if (this.receiver.cookie !== undefined) this.#onCookie?.();
    const more = this.#assembler !== undefined && this.#work(this.#assembler);
    this.#options.onTurn();
    this.#checkOutcome();
    return more;
  }

  /** Time until gathered segments must be written, or a silence be investigated. */
  dueInUs(): number {
    if (this.#assembler?.hasGathered === true) return limits.gatherMs * 1000;
    const untilSilentMs = Math.max(limits.silenceStepMs, limits.silenceMs - this.#silentMs);
    return Math.min(untilSilentMs, this.#options.digestTimeoutMs) * 1000;
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
    const { name, heldBytes } = this.#options;
    const { cookie } = this.receiver;
    const request = new Uint8Array(wire.maxRequestBytes);
    const length = this.receiver.pollFirstRequest(request, nowUs());
    const first = Buffer.from(request.subarray(0, length)).toString("base64");
    const proof = cookie === undefined ? {} : { address: cookie.address, port: cookie.port };
    this.#loop.allowFirstRequest();
    const offer = await control.fetch({
      type: "fetch",
      name,
      token: Buffer.from(this.#token).toString("base64url"),
      ...(heldBytes > 0 ? { held: heldBytes } : {}),
      ...(length > 0 ? { request: first, ...proof } : {}),
    });
    this.#guard(() => this.#handleOffer(checkOffer(offer)));
  }

  #handleOffer(offer: FileOffer): void {
    this.#offer = offer;
    this.#offeredAtMs = performance.now();
    const { udpPort } = this.#options;
    // A port that answers is right, even if the offer names another, as behind port forwarding.
    if (offer.udpPort !== udpPort && this.receiver.cookie === undefined) {
      return this.#end({ how: "elsewhere", udpPort: offer.udpPort });
    }
    const assembler = this.#options.onOffer(offer);
    if (assembler === undefined) return this.#end({ how: "stale" });
    this.#assembler = assembler;
    this.receiver.handleOffer(offer.size, offer.maxSegmentBytes, nowUs());
    this.#preOffer.release(offer.size, {
      data: (offset, bytes) => assembler.put(offset, bytes, 0, bytes.length),
      message: (message) => this.#handleTransferMessage(message),
      dropped: (offset, length) => this.receiver.handleBadRange(offset, length, nowUs()),
    });
    this.#loop.wake();
  }

  /** The receiver's sink for file bytes. */
  #handleBytes(offset: number, source: Uint8Array, at: number, length: number): void {
    if (this.#assembler === undefined) this.#preOffer.addData(offset, source, at, length);
    else this.#assembler.put(offset, source, at, length);
  }

  #handleTransferMessage(message: TransferMessage): void {
    // Arrived together with the offer, whose promise has not resolved yet.
    if (this.#offer === undefined) return this.#preOffer.addMessage(message);
    if (message.transfer !== this.#offer.transfer) return;
    if (message.type === "error") throw errorOf(message);
    if (!this.#acceptDigests(message)) {
      throw new ParleyError("protocol", "The server sent invalid digests.");
    }
    this.#loop.wake();
  }

  #acceptDigests(message: TransferMessage): boolean {
    const check = this.#assembler?.check;
    if (message.type === "digests") {
      return check?.accept(message.from, Buffer.from(message.data, "base64")) !== false;
    }
    if (message.type === "digest") {
      return check?.acceptWhole(Buffer.from(message.sha256, "hex")) !== false;
    }
    return true;
  }

  /** True if there is more to do at once. */
  #work(assembler: Assembler): boolean {
    const nowMs = performance.now();
    // Small segments gather until they are worth a write, but only briefly, and not at the end.
    const isDue = nowMs - this.#flushedAtMs >= limits.gatherMs;
    if (isDue || this.receiver.state !== "running") {
      assembler.flush();
      this.#flushedAtMs = nowMs;
    }
    const until = nowMs + limits.workSliceMs;
    let more = true;
    while (more && performance.now() < until) more = assembler.work(wire.readBackBytes);
    for (let bad = assembler.nextBadChunk(); bad !== undefined; bad = assembler.nextBadChunk()) {
      if (bad.times >= wire.maxBadCopies) {
        throw new ParleyError(
          "integrity",
          `Chunk ${bad.index} of '${this.#options.name}' ` +
            `(${bad.length} bytes at ${bad.offset}) failed its digest ${bad.times} times.`,
        );
      }
      this.receiver.handleBadRange(bad.offset, bad.length, nowUs());
      // The next turn requests it at once.
      more = true;
    }
    return more;
  }

  #checkOutcome(): void {
    const check = this.#assembler?.check;
    const { name } = this.#options;
    if (check?.whole !== undefined) return this.#end({ how: "whole" });
    if (check?.contradicted === true) {
      throw new ParleyError(
        "integrity",
        `The server's digests of '${name}' contradict each other.`,
      );
    }
    const { state } = this.receiver;
    if (state === "changed") {
      throw new ParleyError(
        "changed",
        `'${name}' changed on the server during the transfer: fetch it again.`,
      );
    }
    const where = this.#control?.where ?? "the server";
    this.#checkSilence(where);
    if (state === "gone") {
      this.#retry(`${where} no longer knows the transfer.`);
    } else if (state === "stalled") {
      this.#retry(`No data arrived from ${where} over UDP for too long: is a firewall blocking it?`);
    }
  }

  /** Notices the loss of the server, the path or our address well before the long timeouts. */
  #checkSilence(where: string): void {
    const nowMs = performance.now();
    const check = this.#assembler?.check;
    const progressBytes =
      this.receiver.receivedBytes + (check?.verifiedBytes ?? 0) + (check?.checkableBytes ?? 0);
    if (progressBytes !== this.#progressBytes) {
      this.#progressBytes = progressBytes;
      this.#progressAtMs = nowMs;
    }
    if (this.#silentMs >= limits.silenceMs) this.#control?.checkAlive(limits.aliveTimeoutMs);
    const isUnverified = this.receiver.state === "done" && check !== undefined;
    if (isUnverified && nowMs - this.#progressAtMs > this.#options.digestTimeoutMs) {
      this.#retry(`${where} has not sent the file's digests.`);
    }
    if (this.#offer === undefined || this.receiver.cookie !== undefined) return;
    const unansweredMs = nowMs - this.#offeredAtMs;
    const { udpPort } = this.#options;
    if (this.#isRefused && unansweredMs > limits.udpRefusedMs) {
      this.#retry(`${where} refuses datagrams on UDP port ${udpPort}: is a firewall blocking it?`);
    } else if (unansweredMs > limits.udpAnswerMs) {
      this.#retry(`${where} answers, but not on UDP port ${udpPort}: is a firewall blocking it?`);
    }
  }

  /** Milliseconds since anything at all arrived. */
  get #silentMs(): number {
    return Math.min(this.#loop.silentMs, this.#control?.silentMs ?? 0);
  }

  #retry(sentence: string): void {
    this.#end({ how: "retry", reason: new ParleyError("stalled", sentence) });
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
