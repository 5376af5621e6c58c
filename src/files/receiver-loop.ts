// Drives the receiver state machine: its UDP socket, its timers, and turns that first read, then
// request more, then process what has arrived. Knows nothing about files.

import { fetching as limits, transfer as wire, udp, udpTransfer } from "../limits.ts";
import { freeBuffer } from "../free-buffer.ts";
import type { Receiver } from "../transfer/receiver.ts";
import { nowUs } from "../io/clock.ts";
import { type UdpOffload, UdpPort } from "../io/udp/udp.ts";

/** What the loop needs from a socket whose only peer is the sender, as in `UdpPort`. */
export type LoopSocket = Pick<
  UdpPort,
  "offload" | "hasBatches" | "send" | "readAlone" | "readMore" | "mute" | "unmute" | "nap" | "close"
>;

export interface SocketEvents {
  onDatagrams(bytes: Uint8Array): void;
  onWritable(): void;
  onRefused(): void;
}

export type SocketOpener = (events: SocketEvents) => Promise<LoopSocket>;

/** A socket for datagrams from a server. `host`: numeric. */
export function socketTo(host: string, port: number, offload = true): SocketOpener {
  return (events) => UdpPort.open({ connect: { host, port }, offload, batches: true, ...events });
}

export interface LoopOptions {
  readonly open: SocketOpener;
  /** Both ends are on this machine: datagrams are large, and more of them are always waiting. */
  readonly loopback: boolean;
  /**
   * Called in each turn, with or without new bytes. Must take at most `fetching.workSliceMs`, since
   * arrivals wait in the socket meanwhile. Returns whether there is more to do immediately. If it
   * throws, the loop fails.
   */
  onTurn(): boolean;
  /** False: what has arrived must be processed before more is requested. */
  mayRequest(): boolean;
  /** µs until `onTurn` must be called again even if nothing arrives; Infinity: never. */
  dueInUs(): number;
  /** The server's host rejects datagrams (ICMP port unreachable). */
  onRefused(): void;
  /** The loop has failed; nothing more is called. */
  onFailure(error: unknown): void;
}

export class ReceiverLoop {
  readonly #options: LoopOptions;
  readonly #socket: LoopSocket;
  readonly #request = new Uint8Array(wire.maxRequestBytes);
  #receiver: Receiver | undefined;
  /** The first REQUEST may go over UDP: the control connection did not carry it. */
  #mayRequestFirst = false;
  /** Bytes read in this turn, and since the last request. */
  #turnBytes = 0;
  #bytesSinceRequest = 0;
  /** When the current batch was read (-1: not yet known), and when its last datagram arrived. */
  #readAtUs = -1;
  #arrivedUs = 0;
  /** Reading in batches, with naps in between: datagrams are arriving fast. */
  #isBatched = false;
  #napUs: number = limits.maxNapUs;
  /** On loopback: the event loop does not read the socket; and naps since anything arrived. */
  #isMuted = false;
  #naps = 0;
  /** Arrivals since `#countedFromUs`, to measure their rate. */
  #countedFromUs = 0;
  #counted = 0;
  #countedBytes = 0;
  #scheduled = false;
  #timer: Timer | undefined;
  #burstTimer: Timer | undefined;
  #ended = false;

  private constructor(options: LoopOptions, socket: LoopSocket) {
    this.#options = options;
    this.#socket = socket;
  }

  /** Opens the socket; nothing is sent before `start`. */
  static async open(options: LoopOptions): Promise<ReceiverLoop> {
    let loop: ReceiverLoop | undefined;
    const socket = await options.open({
      onDatagrams: (bytes) => loop?.handleDatagrams(bytes),
      onWritable: () => loop?.wake(),
      onRefused: () => options.onRefused(),
    });
    return (loop = new ReceiverLoop(options, socket));
  }

  get offload(): UdpOffload {
    return this.#socket.offload;
  }

  /** Milliseconds since the last datagram arrived, or since the start. */
  get silentMs(): number {
    return (nowUs() - this.#arrivedUs) / 1000;
  }

  /** Sends the first datagram. */
  start(receiver: Receiver): void {
    this.#receiver = receiver;
    this.#arrivedUs = nowUs();
    this.#turn(receiver);
  }

  /** Allows the first REQUEST over UDP, in case the control connection does not carry it. */
  allowFirstRequest(): void {
    this.#mayRequestFirst = true;
    const rttUs = this.#receiver?.stats().minRttUs ?? 0;
    if (!this.#mayNap || rttUs === 0) return;
    this.#burstTimer = setTimeout(() => this.#awaitFirstBurst(), Math.floor((rttUs * 0.9) / 1000));
  }

  /**
   * The first burst is about to arrive: its spacing measures the path, so it must be read promptly.
   */
  #awaitFirstBurst(): void {
    if (this.#ended) return;
    this.#setBatched(true);
    this.#napUs = limits.minNapUs;
    this.#countedFromUs = nowUs() + limits.expectMs * 1000;
    this.wake();
  }

  handleDatagrams(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#readAtUs = -1;
    this.#guard(() => this.#read(bytes, bytes.length, 0));
    // Bun allocated a buffer just for it.
    if (bytes.length >= udpTransfer.largeSegmentBytes) freeBuffer(bytes);
    if (this.#ended) return;
    // On a fast path there is always more to read: request in between, but also bound the turn.
    const isWorthwhile = this.#bytesSinceRequest >= limits.eagerBytes;
    const mayRequest = this.#turnBytes <= limits.eagerTurnBytes && this.#options.mayRequest();
    if (isWorthwhile && mayRequest) this.#guard(() => this.#transmit());
    this.wake();
  }

  /** Schedules a turn after the current iteration of the event loop. */
  wake(): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const receiver = this.#receiver;
      if (!this.#ended && receiver !== undefined) this.#guard(() => this.#turn(receiver));
    });
  }

  /** Nothing is read or sent any more. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#burstTimer);
  }

  close(): void {
    this.end();
    this.#socket.close();
  }

  readonly #read = (bytes: Uint8Array, length: number, agoUs: number): void => {
    if (this.#readAtUs < 0) this.#readAtUs = nowUs();
    // A datagram read without a timestamp may seem to arrive later than the next one.
    this.#arrivedUs = Math.max(this.#arrivedUs, Math.floor(this.#readAtUs - agoUs));
    this.#receiver?.handleDatagrams(bytes, this.#arrivedUs, length, agoUs > 0);
    this.#counted++;
    this.#countedBytes += length;
    this.#turnBytes += length;
    this.#bytesSinceRequest += length;
  };

  #turn(receiver: Receiver): void {
    let more = this.#step(receiver);
    this.#measureRate();
    if (this.#isBatched) more = this.#readBatches(receiver, more);
    else if (this.#options.loopback) more = this.#readWaiting(receiver, more);
    this.#turnBytes = 0;
    if (this.#ended) return;
    if (more) this.wake();
    else this.#sleep(receiver);
  }

  /**
   * Reads some of what has arrived meanwhile: for a large datagram, the event loop takes a copy and
   * a turn more. While much arrives, the event loop reads none of it, and the sender has nobody to
   * wake. True if there is more to do immediately.
   */
  #readWaiting(receiver: Receiver, more: boolean): boolean {
    this.#readAtUs = -1;
    if (this.#socket.readMore(this.#read, limits.waitingDatagrams) > 0) {
      this.#naps = 0;
      this.#step(receiver);
      if (this.#ended || this.#countedBytes < limits.mutedFromBytes) return true;
      this.#countedBytes = 0;
      this.#isMuted ||= this.#socket.mute();
      return true;
    }
    if (more || !this.#isMuted) return more;
    if (++this.#naps <= limits.mutedNaps) {
      this.#socket.nap(limits.mutedNapUs);
      return true;
    }
    this.#socket.unmute();
    this.#isMuted = false;
    this.#countedBytes = 0;
    return false;
  }

  /**
   * Reads in batches, for a few milliseconds, datagrams that would otherwise go through the event
   * loop one by one; only the control connection, signals and the progress line wait meanwhile.
   * True if there is more to do immediately.
   */
  #readBatches(receiver: Receiver, more: boolean): boolean {
    const until = performance.now() + limits.batchedTurnMs;
    let isMore = more;
    while (!this.#ended && performance.now() < until) {
      if (!isMore) this.#socket.nap(this.#napUs);
      this.#readAtUs = -1;
      const count = this.#socket.readMore(this.#read);
      if (count > 0 || isMore || nowUs() >= receiver.nextTimeoutUs()) isMore = this.#step(receiver);
    }
    this.#measureRate();
    return this.#isBatched || isMore;
  }

  /** Datagrams may be worth waiting for. */
  get #mayNap(): boolean {
    return this.#socket.hasBatches && !this.#options.loopback;
  }

  #setBatched(isBatched: boolean): void {
    this.#isBatched = isBatched;
    this.#socket.readAlone(isBatched);
  }

  /** Decides from the rate of arrivals whether reading in batches is worthwhile. */
  #measureRate(): void {
    if (!this.#mayNap) return;
    const now = nowUs();
    const sinceUs = now - this.#countedFromUs;
    const isMany = this.#counted >= limits.batchedDatagrams;
    if (sinceUs < 0 && this.#counted > 0) this.#countedFromUs = now;
    if (!isMany && sinceUs < limits.batchedTurnMs * 1000) return;
    const isFast = isMany && sinceUs < 2 * limits.batchedTurnMs * 1000;
    this.#setBatched(isFast && this.#fitsNaps(sinceUs));
    const napUs = (limits.napDatagrams * sinceUs) / Math.max(1, this.#counted);
    this.#napUs = Math.min(limits.maxNapUs, Math.max(limits.minNapUs, napUs));
    this.#countedFromUs = now;
    this.#counted = 0;
    this.#countedBytes = 0;
  }

  /**
   * Whether the socket has room for what arrives during a nap: where the kernel has merged
   * datagrams, a few are much.
   */
  #fitsNaps(sinceUs: number): boolean {
    if (this.#countedBytes < this.#counted * udpTransfer.largeSegmentBytes) return true;
    const napBytes = (this.#countedBytes * limits.maxNapUs) / Math.max(1, sinceUs);
    return napBytes * limits.napsPerBuffer <= this.offload.receiveBufferBytes;
  }

  /**
   * Requests first, so that the path is busy while received chunks are opened. True if there is
   * more to do immediately.
   */
  #step(receiver: Receiver): boolean {
    const now = nowUs();
    if (now >= receiver.nextTimeoutUs()) receiver.handleTimeout(now);
    const mayRequest = this.#options.mayRequest();
    if (mayRequest) this.#transmit();
    // What was held back is requested as soon as there is room.
    return this.#options.onTurn() || !mayRequest;
  }

  #transmit(): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    const now = nowUs();
    this.#bytesSinceRequest = 0;
    if (this.#mayRequestFirst) this.#send(receiver.pollFirstRequest(this.#request, now));
    // A turn sends few REQUESTs, each for megabytes; the bound guards against a runaway state
    // machine.
    for (let i = 0; i < udp.maxSendMany; i++) {
      if (!this.#send(receiver.pollTransmit(this.#request, now))) return;
    }
  }

  /** A datagram that the socket does not accept is lost, as on any path. */
  #send(length: number): boolean {
    if (length > 0) this.#socket.send(this.#request.subarray(0, length), length);
    return length > 0;
  }

  #sleep(receiver: Receiver): void {
    clearTimeout(this.#timer);
    const waitUs = Math.min(this.#options.dueInUs(), receiver.nextTimeoutUs() - nowUs());
    if (waitUs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.wake(), Math.max(0, Math.ceil(waitUs / 1000)));
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.end();
      this.#options.onFailure(error);
    }
  }
}
