// A UDP socket that uses Linux's offloads: segmentation (one send becomes many datagrams), merged
// receiving, large buffers, "don't fragment". Works without them, only slower; `offload` tells
// which are available. Knows nothing about the contents of datagrams.

import { isIP } from "../../addresses.ts";
import { systemCode } from "../../errors.ts";
import { udp as limits } from "../../limits.ts";
import { BatchReader, type Visit } from "./batch-reader.ts";
import { BatchWriter, type Destination } from "./batch-writer.ts";
import { muteEventLoop } from "./event-loop-mute.ts";
import { libc } from "./libc.ts";
import { getOption, mtuDiscoverProbe, option, setOption } from "./socket-options.ts";

export interface UdpOptions {
  /**
   * Address to bind, numeric or `localhost`; of the peer's address family if `connect` is given.
   */
  readonly host?: string;
  /** 0 picks a free port. */
  readonly port?: number;
  /**
   * Binds a port that another socket of this process uses, if that socket permits it
   * (`allowSharing`).
   */
  readonly shared?: boolean;
  /** The only peer: the kernel drops datagrams from everyone else. */
  readonly connect?: { readonly host: string; readonly port: number };
  /**
   * False: behave as if the kernel had no offloads (for tests, and to work around broken drivers).
   */
  readonly offload?: boolean;
  /**
   * One or more datagrams of one sender, merged. The kernel does not report where each one ends, so
   * every datagram must carry its length. The callee owns the bytes.
   */
  onDatagrams(bytes: Uint8Array, address: string, port: number): void;
  /**
   * Enables `readMore`, if the platform can read many datagrams per call; only connected sockets
   * tell when they arrived.
   */
  readonly batches?: boolean;
  /** Called when more can be sent, after `send` accepted less than it was given. */
  onWritable?(): void;
  /** The peer's host refuses datagrams (ICMP port unreachable); connected sockets only. */
  onRefused?(): void;
}

/** The offloads in use. */
export interface UdpOffload {
  /** Sending many datagrams at once (UDP_SEGMENT), receiving them merged (UDP_GRO). */
  readonly segment: boolean;
  readonly merge: boolean;
  /** Datagrams are never fragmented, so the path MTU can be probed. */
  readonly dontFragment: boolean;
  /** 0 if unknown. */
  readonly receiveBufferBytes: number;
}

export const noOffload: UdpOffload = {
  segment: false,
  merge: false,
  dontFragment: false,
  receiveBufferBytes: 0,
};

/** LIBUS_LISTEN_REUSE_ADDR of Bun 1.4.5. */
const reuseAddressFlag = 16;

type Bound = Bun.udp.Socket<"uint8array">;
type Connected = Bun.udp.ConnectedSocket<"uint8array">;

export class UdpPort {
  readonly offload: UdpOffload;
  readonly #socket: { bound: Bound } | { connected: Connected };
  readonly #fd: number;
  readonly #onWritable: () => void;
  readonly #onRefused: () => void;
  #segmentBytes = 0;
  #retry: Timer | undefined;
  readonly #reader: BatchReader | undefined;
  #unmute: (() => void) | undefined;
  /** Of an unconnected socket. */
  readonly #writer: BatchWriter | undefined;

  private constructor(socket: { bound: Bound } | { connected: Connected }, options: UdpOptions) {
    this.#socket = socket;
    this.#onWritable = options.onWritable ?? (() => {});
    this.#onRefused = options.onRefused ?? (() => {});
    this.#fd = descriptorOf(this.#any);
    const offload = options.offload ?? true;
    this.offload = prepare(this.#fd, offload);
    const isTimed = "connected" in socket;
    if (offload && options.batches === true) this.#reader = BatchReader.open(this.#fd, isTimed);
    const calls = libc();
    if (this.#reader !== undefined && "bound" in socket && calls !== null) {
      this.#writer = new BatchWriter(calls, this.offload.segment);
    }
  }

  /** Throws what `Bun.udpSocket` throws (`EADDRINUSE`, an unknown host). */
  static async open(options: UdpOptions): Promise<UdpPort> {
    const writable = () => port?.writable();
    const refused = () => options.onRefused?.();
    const { connect } = options;
    // A connected socket needs a local address of the peer's family.
    const any = connect !== undefined && isIP(connect.host) === 6 ? "::" : "0.0.0.0";
    const common = {
      hostname: options.host ?? any,
      port: options.port ?? 0,
      binaryType: "uint8array" as const,
      // Missing in Bun's types; node:dgram passes it for `reuseAddr`.
      ...(options.shared === true ? { flags: reuseAddressFlag } : {}),
    };
    let port: UdpPort | undefined;
    if (connect !== undefined) {
      const { host, port: peerPort } = connect;
      const connected = await Bun.udpSocket({
        ...common,
        connect: { hostname: host, port: peerPort },
        socket: {
          data: (_, bytes) => options.onDatagrams(bytes, host, peerPort),
          drain: writable,
          error: refused,
        },
      });
      port = new UdpPort({ connected }, options);
    } else {
      const bound = await Bun.udpSocket({
        ...common,
        socket: {
          data: (_, bytes, from, address) => options.onDatagrams(bytes, address, from),
          drain: writable,
          // An ICMP error concerns one of many peers, whose timers will notice.
          error: () => {},
        },
      });
      port = new UdpPort({ bound }, options);
    }
    return port;
  }

  get #any(): Bound | Connected {
    return "bound" in this.#socket ? this.#socket.bound : this.#socket.connected;
  }

  get port(): number {
    return this.#any.port;
  }

  /** 4 or 6: the address family that can be sent to. */
  get family(): number {
    return isIP(this.#any.hostname);
  }

  /**
   * Sends `bytes` as datagrams of `segmentBytes` (the last may be shorter), at most 64 KiB minus
   * headers per call. Returns how many bytes the kernel accepted; if not all, `onWritable` is
   * called when it is worth trying again. A datagram that can't be sent at all (too large for the
   * path, no route) counts as accepted: to the protocol it is lost.
   */
  send(bytes: Uint8Array, segmentBytes: number, address = "", port = 0): number {
    if (this.#any.closed) return bytes.length;
    if (this.#reader?.isTaken === true) {
      if ("connected" in this.#socket) this.#reader.send(bytes);
      return bytes.length;
    }
    const one = bytes.length <= segmentBytes;
    if (!one && !this.offload.segment) return this.#sendEach(bytes, segmentBytes, address, port);
    try {
      this.#segment(one ? 0 : segmentBytes);
      if (this.#sendOne(bytes, address, port)) return bytes.length;
    } catch (error) {
      if (isRefusal(error)) this.#onRefused();
      else if (!one) return this.#sendEach(bytes, segmentBytes, address, port);
      return bytes.length;
    }
    this.#tryLater();
    return 0;
  }

  /** Lets `shared` sockets bind more specific addresses of this port; false if unsupported. */
  allowSharing(isAllowed: boolean): boolean {
    return setOption(this.#fd, option.reuseAddress, isAllowed ? 1 : 0);
  }

  /** Whether `readMore` works. */
  get hasBatches(): boolean {
    return this.#reader !== undefined;
  }

  /**
   * True: from now on only `readMore` reads, and `send` accepts one datagram at a time. The caller
   * must poll, since no event will wake it. For connected sockets.
   */
  readAlone(isAlone: boolean): void {
    if (isAlone) this.#reader?.take();
    else this.#reader?.giveBack();
  }

  /**
   * Keeps the event loop from reading, for sockets with batches; false: it can't be. It may begin
   * to read again by itself, once it has waited until it can send. What an unconnected socket sends
   * before the loop's next turn is lost.
   */
  mute(): boolean {
    const reader = this.#reader;
    const unmute = reader === undefined ? undefined : muteEventLoop(this.#fd);
    if (reader === undefined || unmute === undefined) return false;
    this.#unmute = unmute;
    // Bun goes on until there is nothing left to read: that is now.
    reader.take();
    setImmediate(() => reader.giveBack());
    return true;
  }

  /** Lets the event loop read again. */
  unmute(): void {
    this.#unmute?.();
    this.#unmute = undefined;
  }

  /**
   * Reads up to a batch, or `most`, bypassing the event loop; returns the number of datagrams.
   */
  readMore(visit: Visit, most: number = limits.batchDatagrams): number {
    return this.#any.closed ? 0 : (this.#reader?.read(visit, most) ?? 0);
  }

  /**
   * Where the datagram that `readMore` shows came from: a struct sockaddr, valid during the call.
   */
  nameAt(index: number): Uint8Array {
    return this.#reader!.nameAt(index);
  }

  /**
   * Sends the datagram that `readMore` shows to somebody else, without a copy, at the next `flush`,
   * which must come before the next `readMore`. For unconnected sockets.
   */
  forward(index: number, length: number, segmentBytes: number, to: Destination): void {
    const writer = this.#writer;
    if (writer === undefined || this.#reader === undefined) return;
    if (writer.isFull) this.flush();
    writer.add(this.#reader.pointerAt(index), length, segmentBytes, to);
  }

  flush(): void {
    if (this.#writer === undefined || this.#writer.isEmpty) return;
    this.#segment(0);
    this.#writer.flush(this.#fd);
  }

  /** Whether `nap` works; otherwise it returns immediately. */
  get canNap(): boolean {
    return this.offload.segment && libc() !== null;
  }

  /** Sleeps for `us` microseconds, more precisely than a timer could. Blocks the event loop. */
  nap(us: number): void {
    // A negative value would mean more than an hour.
    if (us > 0) libc()?.usleep(us);
  }

  close(): void {
    clearTimeout(this.#retry);
    this.readAlone(false);
    this.unmute();
    if (!this.#any.closed) this.#any.close();
  }

  writable(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#onWritable();
  }

  #sendOne(bytes: Uint8Array, address: string, port: number): boolean {
    if ("connected" in this.#socket) return this.#socket.connected.send(bytes);
    const { bound } = this.#socket;
    return afterRefusal(() => bound.send(bytes, port, address));
  }

  /** Without segmentation: sends many datagrams per call with as few copies as possible. */
  #sendEach(bytes: Uint8Array, segmentBytes: number, address: string, port: number): number {
    let taken = 0;
    this.#segment(0);
    while (taken < bytes.length) {
      const parts: Uint8Array[] = [];
      const packets: (Uint8Array | number | string)[] = [];
      for (let at = taken; at < bytes.length && parts.length < limits.maxSendMany;) {
        const part = bytes.subarray(at, at + segmentBytes);
        parts.push(part);
        packets.push(part, port, address);
        at += part.length;
      }
      let sent = parts.length;
      try {
        const socket = this.#socket;
        sent =
          "bound" in socket
            ? afterRefusal(() => socket.bound.sendMany(packets))
            : socket.connected.sendMany(parts);
      } catch (error) {
        if (isRefusal(error)) this.#onRefused();
        return bytes.length;
      }
      for (let i = 0; i < sent; i++) taken += parts[i]?.length ?? 0;
      if (sent < parts.length) {
        this.#tryLater();
        break;
      }
    }
    return taken;
  }

  /** Bun 1.4.5 does not always call `drain`, so a timer is used as well. */
  #tryLater(): void {
    this.#retry ??= setTimeout(() => this.writable(), limits.retrySendMs);
  }

  #segment(bytes: number): void {
    if (bytes === this.#segmentBytes || !this.offload.segment) return;
    if (setOption(this.#fd, option.udpSegment, bytes)) this.#segmentBytes = bytes;
  }
}

function prepare(fd: number, wanted: boolean): UdpOffload {
  const size = limits.socketBufferBytes;
  if (!setOption(fd, option.receiveBufferForce, size)) setOption(fd, option.receiveBuffer, size);
  if (!setOption(fd, option.sendBufferForce, size)) setOption(fd, option.sendBuffer, size);
  const probe4 = setOption(fd, option.mtuDiscover4, mtuDiscoverProbe);
  const probe6 = setOption(fd, option.mtuDiscover6, mtuDiscoverProbe);
  return {
    // The kernel supports UDP_SEGMENT if it accepts 0 for it.
    segment: wanted && setOption(fd, option.udpSegment, 0),
    merge: wanted && setOption(fd, option.udpGro, 1),
    dontFragment: probe4 || probe6,
    // Linux reports twice the requested size, to cover its bookkeeping.
    receiveBufferBytes: (getOption(fd, option.receiveBuffer) ?? 0) / 2,
  };
}

/** Bun's UDP sockets have an `fd` that is missing in its types. */
function descriptorOf(socket: object): number {
  return "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
}

/**
 * A refusal (ICMP) is reported by the next send, whatever its destination: on a socket with many
 * peers it carries no information about this one, and the kernel has sent nothing.
 */
function afterRefusal<Sent>(send: () => Sent): Sent {
  try {
    return send();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return send();
  }
}

function isRefusal(error: unknown): boolean {
  return systemCode(error) === "ECONNREFUSED";
}
