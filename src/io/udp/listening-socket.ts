// A UDP socket with many peers, such as one of a server's port. While little arrives, Bun's event
// loop reads it. What is too much for that comes in batches, a slice in each turn of the loop, so
// that a flood of datagrams keeps nothing else waiting; some of them can be forwarded from where
// the kernel has put them.

import { BoundedMap } from "../../bounded-map.ts";
import { udpTransfer as wire, udp as limits } from "../../limits.ts";
import type { Visit } from "./batch-reader.ts";
import { Destination } from "./batch-writer.ts";
import { portIn, socketAddress, textIn } from "./socket-address.ts";
import type { UdpPath } from "../../transfer/udp-path.ts";
import { type UdpOptions, UdpPort } from "./udp.ts";

/** Where datagrams go on to, as they are. */
export type Forward = { readonly path: UdpPath; readonly datagramBytes: number };

export interface ListeningOptions extends Omit<UdpOptions, "connect" | "batches" | "onDatagrams"> {
  readonly local: string;
  /** The bytes belong to the callee. */
  onDatagrams(bytes: Uint8Array, path: UdpPath): void;
  /**
   * If given, asked first of what comes in batches; the bytes, the first `length`, are valid during
   * the call. Undefined: `onDatagrams` gets a copy; false: nobody wants them.
   */
  forward?(bytes: Uint8Array, length: number, path: UdpPath): Forward | false | undefined;
  /** Whether datagrams of that path are only forwarded, as a rule. */
  isForwarded?(path: UdpPath): boolean;
  /** Sends what is forwarded to another socket of the listener. */
  send?(bytes: Uint8Array, forward: Forward): void;
}

export class ListeningSocket {
  readonly #options: ListeningOptions;
  #port!: UdpPort;
  /** Paths by their other end, so that nothing is made for a datagram of one that is known. */
  readonly #paths = new BoundedMap<number | string, UdpPath>(limits.busyPeers);
  readonly #destinations = new WeakMap<UdpPath, Destination>();
  /** Reads, or datagrams of batches, since then; what is forwarded counts `forwardWeight` times. */
  #count = 0;
  #sinceMs = 0;
  /** It comes in batches. */
  #isBusy = false;
  /**
   * Entries of the current slice that were forwarded, and the datagrams that they contain; a large
   * one, which fills as much of the receive buffer, counts as several.
   */
  #forwarded = 0;
  #datagrams = 0;
  /** When the last slice began. */
  #turnMs = 0;
  #closed = false;

  private constructor(options: ListeningOptions) {
    this.#options = options;
  }

  static async open(options: ListeningOptions): Promise<ListeningSocket> {
    const socket = new ListeningSocket(options);
    const { local } = options;
    socket.#port = await UdpPort.open({
      ...options,
      batches: true,
      onDatagrams(bytes, address, port) {
        const path = { address, port, local };
        // Large ones bring so much that one by one is just as well.
        if (bytes.length < wire.largeSegmentBytes) socket.#countRead(path);
        options.onDatagrams(bytes, path);
      },
    });
    return socket;
  }

  get port(): UdpPort {
    return this.#port;
  }

  close(): void {
    this.#closed = true;
    this.#port.close();
  }

  /** Bun reads until there is nothing left: past a number of reads in a short time, no longer. */
  #countRead(path: UdpPath): void {
    this.#count += this.#options.isForwarded?.(path) === true ? limits.forwardWeight : 1;
    if (this.#count < limits.busyReads) return;
    const nowMs = performance.now();
    const isBusy = nowMs - this.#sinceMs < limits.busyMs;
    this.#count = 0;
    this.#sinceMs = nowMs;
    if (isBusy) this.readInBatches();
  }

  /** Until there is little to read again. */
  readInBatches(): void {
    if (!this.#port.mute() || this.#isBusy) return;
    this.#isBusy = true;
    this.#sinceMs = performance.now();
    setTimeout(this.#turn, limits.busyWaitMs);
  }

  readonly #turn = (): void => {
    if (this.#closed) return;
    const startMs = performance.now();
    let isMore = true;
    let got = 0;
    this.#forwarded = 0;
    this.#datagrams = 0;
    while (isMore && performance.now() - startMs < limits.busySliceMs) {
      const count = this.#port.readMore(this.#visit);
      this.#port.flush();
      got += count;
      isMore = count === limits.batchDatagrams;
    }
    this.#count += got + (limits.forwardWeight - 1) * this.#forwarded;
    if (startMs - this.#sinceMs >= limits.calmMs) {
      const isCalm = this.#count < limits.calmDatagrams;
      this.#count = 0;
      this.#sinceMs = startMs;
      if (isCalm) {
        this.#isBusy = false;
        return this.#port.unmute();
      }
    }
    setTimeout(this.#turn, this.#waitMs(startMs, got));
  };

  /**
   * What arrives meanwhile wakes nobody, and costs little more than one datagram; and however much
   * it is, others have half of the event loop. If it is only to be forwarded, a wake-up for a few
   * would cost more than the work: wait until there are enough.
   */
  #waitMs(startMs: number, got: number): number {
    const perMs = this.#datagrams / Math.max(1, startMs - this.#turnMs);
    this.#turnMs = startMs;
    if (this.#forwarded < got) return limits.busyWaitMs;
    const waitMs = Math.round(limits.forwardDatagrams / perMs);
    return Math.max(limits.busyWaitMs, Math.min(waitMs, limits.maxForwardWaitMs));
  }

  readonly #visit: Visit = (bytes, length, _, index) => this.visit(bytes, length, index);

  // Private for TypeScript alone, so that io/jit-hints.ts can reach it, as `pathOf`.
  private visit(bytes: Uint8Array, length: number, index: number): void {
    const path = this.pathOf(this.#port.nameAt(index));
    if (path === undefined) return;
    const { forward, send, onDatagrams } = this.#options;
    const to = forward?.(bytes, length, path);
    if (to === false) return;
    if (to === undefined) return onDatagrams(bytes.slice(0, length), path);
    const destination = to.path.local === path.local ? this.#destinationOf(to.path) : undefined;
    if (destination !== undefined) {
      this.#forwarded++;
      const usualBytes = Math.min(to.datagramBytes, wire.maxFragmentableBytes);
      this.#datagrams += Math.ceil(length / usualBytes);
      this.#port.forward(index, length, to.datagramBytes, destination);
    } else send?.(bytes.slice(0, length), to);
  }

  private pathOf(name: Uint8Array): UdpPath | undefined {
    const key = keyOf(name);
    const known = this.#paths.get(key);
    if (known !== undefined) return known;
    const [address, port] = [textIn(name), portIn(name)];
    if (address === undefined || port === undefined) return undefined;
    const path = { address, port, local: this.#options.local };
    this.#paths.set(key, path);
    return path;
  }

  #destinationOf(path: UdpPath): Destination | undefined {
    const known = this.#destinations.get(path);
    if (known !== undefined) return known;
    const name = socketAddress(path.address, path.port);
    if (name === undefined) return undefined;
    const made = new Destination(name);
    this.#destinations.set(path, made);
    return made;
  }
}

/** A struct sockaddr as a key; a number for IPv4. */
function keyOf(name: Uint8Array): number | string {
  if (name[0] === 2) {
    const high = name[4]! * 0x1_0000 + name[5]! * 0x100 + name[6]!;
    return high * 0x100_0000 + name[7]! * 0x1_0000 + name[2]! * 0x100 + name[3]!;
  }
  return String.fromCharCode(...name.subarray(2, 28));
}
