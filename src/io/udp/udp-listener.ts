// A server's UDP port that answers from the address at which it was reached. A wildcard socket
// alone would answer from whatever address the return route prefers, and clients ignore such
// answers; so it is accompanied by one socket for each address of this machine. Knows nothing about
// the contents of datagrams.

import { udp as limits } from "../../limits.ts";
import { isEveryAddress } from "../host-port.ts";
import { presentInterfaces } from "../interfaces.ts";
import { type Forward, ListeningSocket } from "./listening-socket.ts";
import type { UdpPath } from "../../transfer/udp-path.ts";
import type { UdpOffload } from "./udp.ts";

export interface UdpListenerOptions {
  /** Address to bind, numeric or `localhost`. */
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** As `UdpOptions.offload`. */
  readonly offload?: boolean | undefined;
  /** As `UdpOptions.onDatagrams`. */
  onDatagrams(bytes: Uint8Array, path: UdpPath): void;
  /** As `ListeningOptions.forward`. */
  forward?(bytes: Uint8Array, length: number, path: UdpPath): Forward | false | undefined;
  /** As `ListeningOptions.isForwarded`. */
  isForwarded?(path: UdpPath): boolean;
  /** Called when more can be sent, after `send` accepted less than it was given. */
  onWritable?(): void;
}

/** The key of the socket for addresses without one of their own. */
const wildcard = "";

export class UdpListener {
  readonly #options: UdpListenerOptions;
  readonly #sockets = new Map<string, ListeningSocket>();
  readonly #main: ListeningSocket;
  #scanner: Timer | undefined;
  #scannedMs = Number.NEGATIVE_INFINITY;
  #scanning = false;
  #closed = false;

  private constructor(options: UdpListenerOptions, main: ListeningSocket) {
    this.#options = options;
    this.#main = main;
    this.#sockets.set(wildcard, main);
  }

  /** Throws what `Bun.udpSocket` throws (`EADDRINUSE`, an unknown host). */
  static async open(options: UdpListenerOptions): Promise<UdpListener> {
    let listener: UdpListener | undefined;
    const main = await ListeningSocket.open({
      ...socketOptions(options),
      local: wildcard,
      onDatagrams: (bytes, path) => listener?.handleWildcard(bytes, path),
      send: (bytes, forward) => listener?.forward(bytes, forward),
    });
    listener = new UdpListener(options, main);
    if (isEveryAddress(options.host)) {
      await listener.#scan();
      listener.#scanner = setInterval(() => void listener.#scan(), limits.addressScanMs);
      listener.#scanner.unref();
    }
    return listener;
  }

  get port(): number {
    return this.#main.port.port;
  }

  get offload(): UdpOffload {
    return this.#main.port.offload;
  }

  /** The possible current values of `UdpPath.local`. */
  get locals(): Iterable<string> {
    return this.#sockets.keys();
  }

  /** As `UdpPort.send`. If the path's local address no longer exists, the datagram is lost. */
  send(bytes: Uint8Array, segmentBytes: number, { address, port, local }: UdpPath): number {
    const socket = this.#sockets.get(local);
    return socket?.port.send(bytes, segmentBytes, address, port) ?? bytes.length;
  }

  forward(bytes: Uint8Array, { path, datagramBytes }: Forward): void {
    this.send(bytes, datagramBytes, path);
  }

  /** As in `UdpPort`. */
  get canNap(): boolean {
    return this.#main.port.canNap;
  }

  nap(us: number): void {
    this.#main.port.nap(us);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#scanner);
    for (const socket of this.#sockets.values()) socket.close();
  }

  handleWildcard(bytes: Uint8Array, path: UdpPath): void {
    // A client uses an address without a socket of its own: the address may be new.
    if (this.#scanner !== undefined) void this.#scan();
    this.#options.onDatagrams(bytes, path);
  }

  /** Opens sockets for new addresses and closes those of addresses that disappeared. */
  async #scan(): Promise<void> {
    const nowMs = performance.now();
    if (this.#scanning || nowMs - this.#scannedMs < limits.addressScanGapMs) return;
    this.#scanning = true;
    this.#scannedMs = nowMs;
    try {
      const present = localAddresses(this.#options.host);
      // The next look may find them.
      if (present === undefined) return;
      for (const [local, socket] of this.#sockets) {
        if (local === wildcard || present.has(local)) continue;
        this.#sockets.delete(local);
        socket.close();
      }
      const missing = [...present].filter((local) => !this.#sockets.has(local));
      if (missing.length > 0) await this.#bindEach(missing);
    } finally {
      this.#scanning = false;
    }
  }

  async #bindEach(locals: readonly string[]): Promise<void> {
    // Only briefly, since another program could bind the port, too.
    if (!this.#main.port.allowSharing(true)) return;
    for (const socket of this.#sockets.values()) socket.port.allowSharing(true);
    for (const local of locals) {
      if (this.#closed || this.#sockets.size > limits.maxLocalAddresses) break;
      const socket = await this.#bind(local);
      if (socket === undefined) continue;
      if (this.#closed) socket.close();
      else this.#sockets.set(local, socket);
    }
    for (const socket of this.#sockets.values()) socket.port.allowSharing(false);
  }

  /**
   * Undefined if the address can't be bound (removed or tentative): the wildcard socket serves it.
   */
  async #bind(local: string): Promise<ListeningSocket | undefined> {
    try {
      return await ListeningSocket.open({
        ...socketOptions(this.#options),
        host: local,
        port: this.port,
        shared: true,
        local,
        onDatagrams: (bytes, path) => this.#options.onDatagrams(bytes, path),
        send: (bytes, forward) => this.forward(bytes, forward),
      });
    } catch {
      return undefined;
    }
  }
}

function socketOptions({
  host,
  port,
  offload,
  forward,
  isForwarded,
  onWritable,
}: UdpListenerOptions) {
  return {
    host,
    port,
    ...(forward === undefined ? {} : { forward }),
    ...(isForwarded === undefined ? {} : { isForwarded }),
    ...(offload === undefined ? {} : { offload }),
    ...(onWritable === undefined ? {} : { onWritable }),
  };
}

/**
 * This machine's addresses for a wildcard `host`; link-local ones include the zone that binding
 * requires. Undefined: they can't be told, as without a free descriptor.
 */
function localAddresses(host: string): Set<string> | undefined {
  const interfaces = presentInterfaces();
  if (interfaces === undefined) return undefined;
  const found = new Set<string>();
  for (const [name, addresses] of Object.entries(interfaces)) {
    for (const { address, family } of addresses ?? []) {
      if (family === "IPv4") found.add(address);
      else if (host === "::")
        found.add(address.startsWith("fe80:") ? `${address}%${name}` : address);
    }
  }
  return found;
}
