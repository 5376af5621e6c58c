// Drives the receiver machine: its UDP socket, its timers, and turns of the event loop in which there is first read, then asked
// for more, and then worked with what has come. Knows nothing of files.

import { fetching as limits, transfer as wire, udp } from "../limits.ts";
import type { Receiver } from "../transfer/receiver.ts";
import { nowUs } from "../io/clock.ts";
import { isLoopback } from "../addresses.ts";
import { type UdpOffload, UdpPort } from "../io/udp/udp.ts";

export interface LoopOptions {
  /** The server's numeric address, and its UDP port. */
  readonly host: string;
  readonly udpPort: number;
  /** False: no kernel offload (tests). */
  readonly offload?: boolean;
  /** In each turn, with new bytes or without, for `fetching.workSliceMs` at most: what comes meanwhile waits in the socket. True if
   *  there is more to do at once. May throw, which fails the loop. */
  onTurn(): boolean;
  /** In so many µs `onTurn` is to be called again, whether anything comes or not; Infinity for never. */
  dueInUs(): number;
  /** The last that is heard of the loop. */
  onFailure(error: unknown): void;
}

export class ReceiverLoop {
  readonly #options: LoopOptions;
  readonly #socket: UdpPort;
  readonly #request = new Uint8Array(wire.maxRequestBytes);
  #receiver: Receiver | undefined;
  /** The first request may go by UDP: whatever else carries it has left without. */
  #mayAskFirst = false;
  /** Bytes read in this turn, and since there was last asked for more. */
  #turnBytes = 0;
  #sinceAsked = 0;
  /** When the batch that is being read was read (-1: nothing of it has been looked at), and when the last datagram came. */
  #readAtUs = -1;
  #arrivedUs = 0;
  /** Small datagrams come so fast that they are read in batches, with naps between them. */
  #isBatched = false;
  #napUs: number = limits.maxNapUs;
  /** What has come since then, to tell how fast that is. */
  #countedFromUs = 0;
  #counted = 0;
  #countedBytes = 0;
  #scheduled = false;
  #timer: Timer | undefined;
  #expecting: Timer | undefined;
  #ended = false;

  private constructor(options: LoopOptions, socket: UdpPort) {
    this.#options = options;
    this.#socket = socket;
  }

  /** Opens the socket; nothing is sent before `start`. */
  static async open(options: LoopOptions): Promise<ReceiverLoop> {
    let loop: ReceiverLoop | undefined;
    const socket = await UdpPort.open({
      connect: { host: options.host, port: options.udpPort },
      ...(options.offload === undefined ? {} : { offload: options.offload }),
      batches: !isLoopback(options.host),
      onDatagrams: (bytes) => loop?.handleDatagrams(bytes),
      onWritable: () => loop?.wake(),
    });
    return (loop = new ReceiverLoop(options, socket));
  }

  get offload(): UdpOffload {
    return this.#socket.offload;
  }

  /** Sends the first datagram. */
  start(receiver: Receiver): void {
    this.#receiver = receiver;
    this.#turn(receiver);
  }

  /** From now on a first request that was not carried by the control connection goes by itself. */
  askFirst(): void {
    this.#mayAskFirst = true;
    const rttUs = this.#receiver?.stats().minRttUs ?? 0;
    if (!this.#socket.hasBatches || rttUs === 0) return;
    this.#expecting = setTimeout(() => this.#expect(), Math.floor((rttUs * 0.9) / 1000));
  }

  /** The first burst is near: its spacing on arrival tells the rate of the path, so that we should not be late for it. */
  #expect(): void {
    if (this.#ended) return;
    this.#batch(true);
    this.#napUs = limits.minNapUs;
    this.#countedFromUs = nowUs() + limits.expectMs * 1000;
    this.wake();
  }

  handleDatagrams(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#readAtUs = -1;
    this.#guard(() => this.#read(bytes, bytes.length, 0));
    if (this.#ended) return;
    // a fast path always has more to read, so that asking should not wait for the turn's end, nor the turn's end for ever
    if (this.#sinceAsked >= limits.eagerBytes && this.#turnBytes <= limits.eagerTurnBytes) {
      this.#guard(() => this.#ask());
    }
    this.wake();
  }

  /** Comes back after what has arrived in this turn of the event loop. */
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
    clearTimeout(this.#expecting);
  }

  close(): void {
    this.end();
    this.#socket.close();
  }

  readonly #read = (bytes: Uint8Array, length: number, agoUs: number): void => {
    if (this.#readAtUs < 0) this.#readAtUs = nowUs();
    // what was read without a time of its own may have come a little later than what is read after it
    this.#arrivedUs = Math.max(this.#arrivedUs, Math.floor(this.#readAtUs - agoUs));
    this.#receiver?.handleDatagrams(this.#arrivedUs, bytes, length, agoUs > 0);
    this.#counted++;
    this.#countedBytes += length;
    this.#turnBytes += length;
    this.#sinceAsked += length;
  };

  #turn(receiver: Receiver): void {
    let more = this.#step(receiver);
    this.#count();
    if (this.#isBatched) more = this.#stay(receiver, more);
    this.#turnBytes = 0;
    if (this.#ended) return;
    if (more) this.wake();
    else this.#sleep(receiver);
  }

  /**
   * Reads in batches, for a while, what would otherwise go through the event loop one by one; that has nothing else to do
   * meanwhile than to look after the control connection, a signal, the progress line. True if there is more to do at once.
   */
  #stay(receiver: Receiver, more: boolean): boolean {
    const until = performance.now() + limits.batchedTurnMs;
    let isMore = more;
    while (!this.#ended && performance.now() < until) {
      if (!isMore) this.#socket.nap(this.#napUs);
      this.#readAtUs = -1;
      const count = this.#socket.readMore(this.#read);
      if (count > 0 || isMore || nowUs() >= receiver.nextTimeoutUs()) isMore = this.#step(receiver);
    }
    this.#count();
    return this.#isBatched || isMore;
  }

  #batch(isBatched: boolean): void {
    this.#isBatched = isBatched;
    this.#socket.readAlone(isBatched);
  }

  /** Is it worth while to read in batches? Looks back over a turn's length. */
  #count(): void {
    if (!this.#socket.hasBatches) return;
    const now = nowUs();
    const sinceUs = now - this.#countedFromUs;
    const isMany = this.#counted >= limits.batchedDatagrams;
    if (sinceUs < 0 && this.#counted > 0) this.#countedFromUs = now;
    if (!isMany && sinceUs < limits.batchedTurnMs * 1000) return;
    const areSmall = this.#countedBytes < this.#counted * wire.directWriteBytes;
    this.#batch(isMany && areSmall && sinceUs < 2 * limits.batchedTurnMs * 1000);
    const napUs = (limits.napDatagrams * sinceUs) / Math.max(1, this.#counted);
    this.#napUs = Math.min(limits.maxNapUs, Math.max(limits.minNapUs, napUs));
    this.#countedFromUs = now;
    this.#counted = 0;
    this.#countedBytes = 0;
  }

  /** Asking goes first: the path is busy while we hash. True if there is more to do at once. */
  #step(receiver: Receiver): boolean {
    const now = nowUs();
    if (now >= receiver.nextTimeoutUs()) receiver.handleTimeout(now);
    this.#ask();
    return this.#options.onTurn();
  }

  #ask(): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    const now = nowUs();
    this.#sinceAsked = 0;
    if (this.#mayAskFirst) this.#send(receiver.firstRequest(now, this.#request));
    // a request names ranges of megabytes, so a turn has few; the bound is for a machine gone wrong
    for (let i = 0; i < udp.maxSendMany; i++) {
      if (!this.#send(receiver.pollTransmit(now, this.#request))) return;
    }
  }

  /** What the socket does not take is lost, as on any path: the receiver asks again. */
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
